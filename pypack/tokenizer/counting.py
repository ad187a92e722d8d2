"""How many ids texts come to, without a place for all of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pypack.tokenizer.text_input import Texts, is_arrow

if TYPE_CHECKING:
    from pypack.tokenizer.engine import Engine

# Of a thread: enough that the threads of a call do not wait for each other long, in documents and characters.
_DOCUMENTS_AT_ONCE = 4096
_CHARACTERS_AT_ONCE = 1 << 22


def count_ids(engine: Engine, texts: Texts, add_special_tokens: bool, num_threads: int) -> NDArray[np.int64]:
    """Number of ids of every document: int64 [D]. The ids of some documents are held at a time.

    Raises:
        ValueError, TypeError: as `Tokenizer.encode_batch`, naming the document.
    """
    if isinstance(texts, (str, bytes)):
        raise TypeError(
            f"texts must be a sequence of documents, got one {type(texts).__name__}: wrap it in a list"
        )
    counts: list[NDArray[np.int64]] = []
    first = 0
    for batch in _batches(texts, num_threads):
        try:
            rows = engine.encode_batch(
                batch,
                add_special_tokens=add_special_tokens,
                split_special_tokens=False,
                num_threads=num_threads,
            )
        except (ValueError, TypeError) as error:
            raise type(error)(_named_anew(str(error), first)) from error
        counts.append(rows.lengths)
        first += len(batch)
    return np.concatenate(counts) if counts else np.zeros(0, np.int64)


def _batches(texts: Any, num_threads: int) -> Iterator[Any]:
    most = _DOCUMENTS_AT_ONCE * num_threads
    if is_arrow(texts):
        for at in range(0, len(texts), most):
            yield texts.slice(at, most)
        return
    rest = iter(texts.tolist() if isinstance(texts, np.ndarray) else texts)
    while batch := _some(rest, most, _CHARACTERS_AT_ONCE * num_threads):
        yield batch


def _some(documents: Iterator[Any], most: int, most_characters: int) -> list[Any]:
    batch = []
    characters = 0
    for document in islice(documents, most):
        batch.append(document)
        characters += len(document) if isinstance(document, (str, bytes)) else 0
        if characters >= most_characters:
            break
    return batch


def _named_anew(message: str, first: int) -> str:
    """`document 3` of a batch, by its number among all."""
    found = re.match(r"document (\d+)", message)
    if first == 0 or found is None:
        return message
    return f"document {first + int(found[1])}{message[found.end() :]}"
