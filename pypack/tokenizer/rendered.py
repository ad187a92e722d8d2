"""Rendered records to ids and a loss mask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pypack.ragged import Ragged
from pypack.records.rendered import Rendered
from pypack.tokenizer.spans import ragged_spans

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
    # Where nothing is said all is learned, a token at the very end included.
    wanted = [
        [(0, len(document.text) + 1)] if document.learned is None else document.learned
        for document in documents
    ]
    return engine.encode_batch_with_mask(
        texts,
        plain=ragged_spans([document.plain for document in documents]),
        learned=ragged_spans(wanted),
        num_threads=num_threads,
    )
