"""Rows of ids, as people hand them over."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pypack.ragged import Ragged


def as_ragged(rows: list[Sequence[int] | NDArray[np.integer]]) -> Ragged:
    """The rows of ids that `decode_batch` was given.

    Raises:
        TypeError: a row is no vector of integers.
        ValueError: an id is no uint32.
    """
    try:
        arrays = [np.asarray(row) for row in rows]
    except ValueError:  # rows of unequal length where ids should be
        raise TypeError("every row must be a vector of ids, got rows within rows") from None
    for i, array in enumerate(arrays):
        if array.size and array.dtype.kind not in "iu":
            raise TypeError(f"row {i} must hold integers, got {array.dtype}")
        if array.ndim != 1:
            raise TypeError(f"row {i} must be a vector of ids, got shape {array.shape}")
        if array.size and not (array.min() >= 0 and array.max() < 2**32):
            raise ValueError(f"row {i} holds an id outside 0 to 2^32-1: take out labels such as -100 first")
    return Ragged.from_rows(arrays)


def as_row(ids: Sequence[int] | NDArray[np.integer]) -> Sequence[int] | NDArray[np.integer]:
    """The ids that `decode` was given.

    Raises:
        TypeError: it is one id, or rows of ids.
    """
    if isinstance(ids, (int, np.integer)):
        raise TypeError(f"decode takes a row of ids, got one: decode([{ids}])")
    if isinstance(ids, (list, tuple)) and len(ids) and isinstance(ids[0], (list, tuple, np.ndarray)):
        raise TypeError("decode takes one row of ids, got several: decode_batch")
    return ids
