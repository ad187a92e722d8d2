"""Rows of varying length in two flat arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, overload

import numpy as np
from numpy.typing import NDArray

from pypack._common.frames import Framed
from pypack._common.rows import RowsIndex, chosen_rows, equal_rows, first_equal_row

if TYPE_CHECKING:
    import pyarrow as pa


class Ragged(Framed, Sequence["NDArray[np.uint32]"]):
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

    @overload
    def __getitem__(self, index: int) -> NDArray[np.uint32]: ...

    @overload
    def __getitem__(self, index: RowsIndex) -> Ragged: ...

    def __getitem__(self, index: int | RowsIndex) -> NDArray[np.uint32] | Ragged:
        """A row, or a Ragged of several: of a slice, or of a list or array of numbers or of bools.

        A row and a slice without steps share the memory; the others are copies.
        """
        rows = chosen_rows(index, len(self), "row", self._named)
        if isinstance(rows, int):
            return self.values[self.offsets[rows] : self.offsets[rows + 1]]
        if isinstance(rows, range) and rows.step == 1:
            offsets = self.offsets[rows.start : max(rows.start, rows.stop) + 1]
            return Ragged(self.values[offsets[0] : offsets[-1]], offsets - offsets[0])
        numbers = np.asarray(rows, np.int64)
        lengths = self.lengths[numbers]
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
        places = np.repeat(self.offsets[numbers] - offsets[:-1], lengths) + np.arange(offsets[-1])
        return Ragged(self.values[places], offsets)

    def to_arrow(self) -> pa.Table:
        """An Arrow table with one column, `input_ids` (large_list<uint32>), that shares the memory."""
        import pyarrow as pa

        rows = pa.LargeListArray.from_arrays(self.offsets, self.values)
        return pa.table({"input_ids": rows})

    @property
    def _named(self) -> str:
        return f"a Ragged with {len(self)} rows"

    def __contains__(self, row: object) -> bool:
        return next(equal_rows(self, self.lengths, row), None) is not None

    def index(self, row: object, start: int = 0, stop: int | None = None) -> int:
        """The first row that holds these numbers.

        Raises:
            ValueError: there is none.
        """
        return first_equal_row(self, self.lengths, row, start, stop, self._named)

    def count(self, row: object) -> int:
        """How many rows hold these numbers."""
        return sum(1 for _ in equal_rows(self, self.lengths, row))

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
