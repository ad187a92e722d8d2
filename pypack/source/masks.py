"""Tokens that are not to be learned, as a user says which."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pypack.source.select import per_document
from pypack.store.store import TokenStore

Masks = tuple[NDArray[np.int64], NDArray[np.int32]]


def token_masks(store: TokenStore, mask: str | ArrayLike) -> Masks:
    """Tokens not to be learned as (offsets int64 [D + 1], ranges int32 [M, 2]); see `Source`.

    Raises:
        ValueError: the values are not one a document, or a range is not rising.
        TypeError: they are of no kind that says which tokens.
    """
    values: Any = store.columns([mask]).column(mask) if isinstance(mask, str) else mask
    if hasattr(values, "to_pylist"):
        import pyarrow as pa

        if pa.types.is_list(values.type) or pa.types.is_large_list(values.type):
            return _listed(store, values.to_pylist())
        values = values.to_numpy()
    elif isinstance(values, (list, tuple)) and values and isinstance(values[0], (list, tuple, np.ndarray)):
        return _listed(store, values)
    array = per_document(store, values, "mask", "biu")
    if array.dtype.kind == "b":
        stops = np.where(array, store.lengths, 0).astype(np.int32)
    else:
        stops = np.minimum(array, store.lengths).astype(np.int32)
        if (stops < 0).any():
            raise ValueError(f"mask[{int(np.argmax(stops < 0))}] is negative")
    offsets = np.concatenate([[0], np.cumsum(stops > 0)]).astype(np.int64)
    stops = stops[stops > 0]
    return offsets, np.stack([np.zeros_like(stops), stops], axis=1)


def _listed(store: TokenStore, values: Any) -> Masks:
    if len(values) != store.num_documents:
        raise ValueError(f"mask has {len(values)} values, the store {store.num_documents} documents")
    counts = np.array([0 if v is None else len(v) for v in values], np.int64)
    flat = np.array([bound for v in values if v is not None for bound in v], np.int64).reshape(-1)
    if (counts % 2).any():
        raise ValueError(
            f"mask[{int(np.argmax(counts % 2))}] must be a list of start, stop, start, stop, ..."
        )
    ranges = flat.reshape(-1, 2)
    wrong = (ranges[:, 0] < 0) | (ranges[:, 1] < ranges[:, 0])
    if wrong.any():
        raise ValueError(
            f"mask holds the range {ranges[int(np.argmax(wrong))].tolist()}, which does not rise"
        )
    offsets = np.concatenate([[0], np.cumsum(counts // 2)]).astype(np.int64)
    return offsets, np.ascontiguousarray(np.minimum(ranges, 2**31 - 1).astype(np.int32))
