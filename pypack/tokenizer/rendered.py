"""Rendered records to ids and a loss mask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pypack.ragged import Ragged
from pypack.records.rendered import Rendered

if TYPE_CHECKING:
    from pypack.tokenizer.engine import Engine


def encode_rendered(
    engine: Engine, documents: Sequence[Rendered], num_threads: int
) -> tuple[Ragged, NDArray[np.bool_]]:
    """Ids of each document, and which are learned: those that stand for a character of a learned span.

    The whole text of a document is encoded at once, as the tokenizer does it with any text, but that no
    special token is seen in its plain spans.

    Raises:
        ValueError: as of `Tokenizer.encode_batch`.
    """
    texts = [document.text for document in documents]
    if all(document.learned is None and not document.plain for document in documents):
        rows = engine.encode_batch(
            texts, add_special_tokens=False, split_special_tokens=False, num_threads=num_threads
        )
        return rows, np.ones(len(rows.values), np.bool_)
    rows, offsets = engine.encode_batch_with_offsets(
        texts,
        unit="char",
        add_special_tokens=False,
        split_special_tokens=False,
        num_threads=num_threads,
        plain=_ragged_spans([document.plain for document in documents]),
    )
    return rows, _learned(documents, rows, offsets)


def _ragged_spans(spans: Sequence[Sequence[tuple[int, int]]]) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
    counts = np.fromiter(map(len, spans), np.int64, len(spans))
    flat = [place for one in spans for span in one for place in span]
    return np.concatenate([[0], np.cumsum(counts)]), np.array(flat, np.uint32).reshape(-1, 2)


def _learned(documents: Sequence[Rendered], rows: Ragged, offsets: NDArray[np.uint32]) -> NDArray[np.bool_]:
    # Documents are laid end to end, with room between: a span then meets tokens of its own document alone.
    room = np.fromiter((len(document.text) + 2 for document in documents), np.int64, len(documents))
    bases = np.cumsum(room) - room
    everything = [(0, len(document.text) + 1) for document in documents]
    # An empty span counts as transformers has it: a token on both sides of it is learned.
    wanted = [
        [whole] if document.learned is None else document.learned
        for document, whole in zip(documents, everything, strict=True)
    ]
    bounds, spans = _ragged_spans(wanted)
    base_of_span = np.repeat(bases, np.diff(bounds))
    begins, ends = spans[:, 0] + base_of_span, spans[:, 1] + base_of_span
    if not len(begins):
        return np.zeros(len(rows.values), np.bool_)
    base_of_token = np.repeat(bases, np.diff(rows.offsets))
    starts, stops = offsets[:, 0] + base_of_token, offsets[:, 1] + base_of_token
    # The first span that ends behind the token's start; spans may lie in one another.
    found = np.searchsorted(np.maximum.accumulate(ends), starts, side="right")
    inside = found < len(begins)
    learned: NDArray[np.bool_] = inside & (stops > begins[np.minimum(found, len(begins) - 1)])
    return learned
