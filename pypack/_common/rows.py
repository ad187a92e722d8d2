"""How sequences of rows of numbers are indexed and searched, as Python's and NumPy's users expect."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

# What `[]` takes besides a number.
RowsIndex = slice | Sequence[int] | Sequence[bool] | NDArray[Any]


def chosen_rows(index: Any, size: int, row: str, whole: str) -> int | range | NDArray[np.int64]:
    """The rows that `[index]` asks for, counted from 0: a number, a slice, or an array of ints or bools.

    Args:
        size: the number of rows.
        row: what a row is called in messages: "document".
        whole: and the whole of them: "a store with 3 documents".

    Raises:
        IndexError: there is no such row, or there are more or fewer bools than rows.
        TypeError: it is nothing of these.
    """
    if isinstance(index, slice):
        return range(*index.indices(size))
    try:
        number = operator.index(index)
    except TypeError:
        return _chosen_by_array(index, size, row, whole)
    if not -size <= number < size:
        raise IndexError(f"{row} {number} of {whole}")
    return number % size


def _chosen_by_array(index: Any, size: int, row: str, whole: str) -> NDArray[np.int64]:
    if isinstance(index, tuple):
        raise TypeError(f"{whole} has one axis: write [[0, 1]] for several of them, got {index!r}")
    array = np.asarray(index)
    if array.ndim == 1 and array.size == 0:
        return np.zeros(0, np.int64)
    if array.ndim != 1 or array.dtype.kind not in "biu":
        raise TypeError(
            f"a {row} is chosen by a whole number, several by a slice or a list of whole numbers or bools, "
            f"got {index!r}"
        )
    if array.dtype.kind == "b":
        if len(array) != size:
            raise IndexError(f"{len(array)} bools for {whole}")
        return np.flatnonzero(array)
    wrong = (array >= size) | (array < -size)
    if wrong.any():
        raise IndexError(f"{row} {array[np.argmax(wrong)]} of {whole}")
    numbers = array.astype(np.int64)
    return np.where(numbers < 0, numbers + size, numbers)


def equal_rows(
    rows: Sequence[NDArray[Any]], lengths: NDArray[Any], value: ArrayLike | object, start: int = 0
) -> Iterator[int]:
    """The rows that hold the same numbers as `value`; nothing else is equal to a row.

    Only rows of the same length are looked at.
    """
    try:
        wanted = np.asarray(value)
    except ValueError:  # lists of different lengths
        return
    if wanted.ndim != 1 or (wanted.size and wanted.dtype.kind not in "biuf"):
        return
    for i in np.flatnonzero(lengths[start:] == len(wanted)).tolist():
        if np.array_equal(rows[start + i], wanted):
            yield start + i


def first_equal_row(
    rows: Sequence[NDArray[Any]],
    lengths: NDArray[Any],
    value: object,
    start: int,
    stop: int | None,
    whole: str,
) -> int:
    """`list.index`.

    Raises:
        ValueError: no row is equal.
    """
    begin, end, _ = slice(start, stop).indices(len(rows))
    found = next(equal_rows(rows, lengths[:end], value, begin), None)
    if found is None:
        raise ValueError(f"the row is not in {whole}")
    return found
