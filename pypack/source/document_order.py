"""The order that documents are packed in: a given one, or that of a column."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pypack._common.fingerprint import integers_fingerprint
from pypack.store.store import TokenStore

IN_ORDER = ("concat", "stream", "next_fit", "pad")  # strategies that keep it


def order_of(
    store: TokenStore, order: str | os.PathLike[str] | ArrayLike, documents: NDArray[np.int64] | None
) -> tuple[NDArray[np.int64], str]:
    """The documents in an order, and its name.

    Args:
        order: documents of the store, int [n], each once at most; the path of a .npy file of them; or a
            column, by which documents are sorted, the smallest first ("score:desc": the largest), equal ones
            as they stand in the store.
        documents: those that are taken, rising; None: all. Of a given order the others are passed over.

    Raises:
        ValueError: a document is named twice, there is none of the number, or a value is missing.
    """
    if isinstance(order, os.PathLike) or (isinstance(order, str) and order.endswith(".npy")):
        path = Path(order)
        try:
            given = np.load(path, mmap_mode="r", allow_pickle=False)
        except (ValueError, EOFError) as error:
            raise ValueError(f"{path}: not readable as a .npy file ({error})") from error
        return _given(store, given, documents, str(path))
    if isinstance(order, str):
        return _by_column(store, order, documents), order
    numbers = np.asarray(order)
    return _given(store, numbers, documents, f"given {integers_fingerprint(_whole(numbers, 'order'))}")


def _whole(numbers: NDArray[Any], what: str) -> NDArray[np.int64]:
    if numbers.ndim != 1 or numbers.dtype.kind not in "iu":
        raise ValueError(f"{what}: must be whole numbers [n], is {numbers.dtype} of shape {numbers.shape}")
    return np.ascontiguousarray(numbers, np.int64)


def _given(
    store: TokenStore, numbers: NDArray[Any], documents: NDArray[np.int64] | None, what: str
) -> tuple[NDArray[np.int64], str]:
    order, count = _whole(numbers, what), store.num_documents
    wrong = (order < 0) | (order >= count)
    if wrong.any():
        at = int(np.argmax(wrong))
        raise ValueError(f"{what}: entry {at} is document {order[at]} of a store of {count}")
    seen = np.zeros(count, np.bool_)
    seen[order] = True
    if np.count_nonzero(seen) < len(order):
        at = int(np.argmax(np.bincount(order) > 1))
        raise ValueError(f"{what}: names document {at} more than once; repeats are for repeats=")
    if documents is None:
        return order, what
    seen[:] = False
    seen[documents] = True
    return order[seen[order]], what


def _by_column(store: TokenStore, order: str, documents: NDArray[np.int64] | None) -> NDArray[np.int64]:
    import pyarrow as pa
    import pyarrow.compute as pc

    name, _, way = order.rpartition(":")
    if way not in ("asc", "desc") or not name:
        name, way = order, "asc"
    column = store.columns([name]).column(name)
    if documents is not None:
        column = column.take(pa.array(documents))
    missing = column.null_count
    if pa.types.is_floating(column.type):
        missing += pc.sum(pc.is_nan(column)).as_py() or 0
    if missing:
        raise ValueError(
            f"order by column {name!r}: {missing} documents have no value: leave them out with where="
            f"'{name} is not null'"
        )
    way = {"asc": "ascending", "desc": "descending"}[way]
    places: NDArray[np.int64] = pc.sort_indices(column, sort_keys=[("", way)]).to_numpy().astype(np.int64)
    return places if documents is None else documents[places]
