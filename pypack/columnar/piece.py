"""What the reader of Parquet and Arrow files gives: some rows of a file, checked."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from pypack.columnar.values import Faults

MAX_ROWS = 65536


@dataclass(frozen=True)
class Piece:
    """Some rows of a file.

    Attributes:
        row: number of the first.
        rows: how many, refused ones among them.
        disk_bytes: their share of the file, for progress.
        faults: the refused rows, counted from `row`.
        good: the others; columns "0" (the field), "1", ... (those kept), without dictionaries at the top.
        is_checked: whether all text among these is known to be UTF-8.
    """

    row: int
    rows: int
    disk_bytes: int
    faults: Faults
    good: pa.RecordBatch
    is_checked: bool = True


def numbered(columns: list[pa.Array]) -> pa.RecordBatch:
    """Columns named "0", "1", ..."""
    return pa.RecordBatch.from_arrays(columns, [str(i) for i in range(len(columns))])


def empty_batch(schema: pa.Schema) -> pa.RecordBatch:
    """No rows of columns of these types."""
    return pa.RecordBatch.from_arrays([pa.array([], f.type) for f in schema], schema=schema)
