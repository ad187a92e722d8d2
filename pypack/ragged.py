"""Rows of varying length in two flat arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray


class Ragged(Sequence["NDArray[np.uint32]"]):
    """Token ids of many documents without one Python object a token.

    Attributes:
        values: uint32 [N], the ids of all rows, end to end.
        offsets: int64 [D + 1], non-decreasing, from 0 to N; row i is `values[offsets[i]:offsets[i + 1]]`.
    """

    __slots__ = ("offsets", "values")

    def __init__(self, values: NDArray[np.uint32], offsets: NDArray[np.int64]) -> None:
        if values.dtype != np.uint32 or values.ndim != 1:
            raise ValueError(f"values must be a uint32 vector, got {values.dtype} with shape {values.shape}")
        if offsets.dtype != np.int64 or offsets.ndim != 1 or len(offsets) == 0:
            raise ValueError(
                f"offsets must be a non-empty int64 vector, got {offsets.dtype} with shape {offsets.shape}"
            )
        if offsets[0] != 0 or offsets[-1] != len(values) or bool(np.any(np.diff(offsets) < 0)):
            raise ValueError("offsets must rise from 0 to len(values) without falling")
        self.values = values
        self.offsets = offsets

    @classmethod
    def from_rows(cls, rows: Sequence[Sequence[int] | NDArray[np.integer]]) -> Ragged:
        """Copies rows (lists or integer arrays) into one Ragged."""
        offsets = np.zeros(len(rows) + 1, np.int64)
        np.cumsum([len(row) for row in rows], out=offsets[1:])
        values = np.empty(int(offsets[-1]), np.uint32)
        for i, row in enumerate(rows):
            values[offsets[i] : offsets[i + 1]] = row
        return cls(values, offsets)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """int64 [D]: tokens of each row."""
        return np.diff(self.offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> NDArray[np.uint32]:  # type: ignore[override]  # rows, not slices
        if not -len(self) <= index < len(self):
            raise IndexError(f"row {index} of a Ragged with {len(self)} rows")
        index %= len(self)
        return self.values[self.offsets[index] : self.offsets[index + 1]]

    def __iter__(self) -> Iterator[NDArray[np.uint32]]:
        for i in range(len(self)):
            yield self[i]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Ragged):
            return NotImplemented
        return np.array_equal(self.offsets, other.offsets) and np.array_equal(self.values, other.values)

    __hash__ = None  # type: ignore[assignment]  # holds mutable arrays

    def __repr__(self) -> str:
        return f"Ragged({len(self)} rows, {len(self.values)} tokens)"
