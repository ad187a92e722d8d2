"""Parquet and Arrow files to checked batches of about a size. Runs in the reading process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pypack._common.words import counted
from pypack.columnar.fields import column_at
from pypack.columnar.piece import MAX_ROWS, Piece, empty_batch, numbered
from pypack.columnar.refused_rows import sorted_out
from pypack.columnar.request import ReadRequest
from pypack.columnar.sources import path_for_libraries, size_of, source_of
from pypack.columnar.unchecked import unchecked_batches
from pypack.columnar.values import (
    Faults,
    RefusedFileError,
    byte_lengths,
    check_structure,
    is_simple,
    plain,
    text_of_bytes,
)
from pypack.remote import is_url

# A file may unpack to so many times its size, and to so much in any case. Text that compresses further holds
# nothing but repetition: 2 KB of Parquet can stand for 40 GB.
_MAX_EXPANSION = 1000
_ALWAYS_ALLOWED_BYTES = 64 << 20
# Columns of a store may hold one and the same value in every row, so that no factor holds.
_PER_ROW_BYTES = 256


def read_pieces(request: ReadRequest, allow_more_memory: Callable[[], None]) -> Iterator[Piece]:
    """The rows of a file in pieces.

    Args:
        allow_more_memory: called where memory does not suffice, before that is tried again with care.

    Raises:
        RefusedFileError: the columns are not as asked for, or the file unpacks to far more than it holds.
        Exception: whatever a library says of a file that is damaged.
    """
    if not is_url(request.path):
        request = replace(request, path=path_for_libraries(request.path))
    row, careful, unpacked = request.start_row, False, 0
    size = size_of(request)
    most = most_unpacked_bytes(size)
    while True:
        try:
            for first, batch, disk_bytes in unchecked_batches(request, row, careful):
                # What Arrow has made itself is sound, and its text is looked at once more where it arrives.
                is_left = request.format == "parquet" and all(map(is_simple, batch.schema.types))
                all_utf8 = is_left or min([check_structure(column) for column in batch.columns])  # of all
                lengths = _row_bytes(batch, request)
                unpacked += int(lengths[lengths <= request.max_document_bytes].sum())
                if unpacked > most:
                    raise RefusedFileError(
                        "expands_too_far",
                        f"{counted(size, 'byte')} on disk unpack to more than {most}",
                    )
                for piece in _pieces(batch, lengths, first, disk_bytes, request, all_utf8, is_left):
                    yield piece
                    row = piece.row + piece.rows
            return
        except MemoryError:
            if careful:
                raise
            careful = True
            allow_more_memory()


def _row_bytes(batch: pa.RecordBatch, request: ReadRequest) -> NDArray[np.int64]:
    """int64 [rows]: bytes that a row takes."""
    lengths = np.zeros(batch.num_rows, np.int64)
    for path in request.paths:
        lengths += byte_lengths(column_at(batch, path))
    return lengths


def _pieces(
    batch: pa.RecordBatch,
    lengths: NDArray[np.int64],
    row: int,
    disk_bytes: int,
    request: ReadRequest,
    all_utf8: bool,
    is_left: bool,
) -> Iterator[Piece]:
    too_long = lengths > request.max_document_bytes
    ends = np.cumsum(np.where(too_long, 0, lengths))
    borders = np.flatnonzero(np.diff(too_long)) + 1  # rows that are too long stand in pieces of their own
    start = 0
    while start < batch.num_rows:
        before = int(ends[start - 1]) if start else 0
        stop = int(np.searchsorted(ends, before + request.batch_bytes, side="right"))
        stop = min(max(start + 1, stop), start + MAX_ROWS, batch.num_rows)
        border = int(np.searchsorted(borders, start, side="right"))
        if border < len(borders):
            stop = min(stop, int(borders[border]))
        rows = batch.slice(start, stop - start)
        share = disk_bytes * stop // batch.num_rows - disk_bytes * start // batch.num_rows
        if too_long[start]:
            what = "the row has {} bytes, the limit is " + str(request.max_document_bytes)
            faults: Faults = {
                i: ("too_long", what.format(length)) for i, length in enumerate(lengths[start:stop].tolist())
            }
            none = [plain(column_at(rows.slice(0, 0), path)) for path in request.paths]
            good = numbered(list(map(text_of_bytes, none)) if request.is_text else none)
        else:
            faults, good = sorted_out(rows, request, all_utf8, is_left)
        yield Piece(row + start, stop - start, share, faults, good, not is_left)
        start = stop


def read_columns(request: ReadRequest) -> Iterator[Piece]:
    """All rows of columns of a Parquet file, in the file's own types and under its names.

    Raises:
        RefusedFileError: there is no such column, text is not UTF-8, or the file unpacks to far more than it
            holds.
        Exception: whatever a library says of a file that is damaged.
    """
    import pyarrow.parquet as pq

    with pq.ParquetFile(
        source_of(request), pre_buffer=False, buffer_size=1 << 20, page_checksum_verification=True
    ) as parquet:
        names = parquet.schema_arrow.names
        for name in request.keep:
            if name not in names:
                kept = ", ".join(map(repr, names[:50])) + (", ..." if len(names) > 50 else "")
                raise RefusedFileError("no_column", f"keeps no column {name!r}, but {kept}")
        chosen = list(request.keep) or None
        row, unpacked = 0, 0
        most = most_unpacked_bytes(size_of(request)) + _PER_ROW_BYTES * parquet.metadata.num_rows
        yield Piece(0, 0, 0, {}, empty_batch(parquet.read_row_groups([], columns=chosen).schema))
        for group in range(parquet.num_row_groups):
            described = parquet.metadata.row_group(group)
            mean = max(1, described.total_byte_size // max(1, described.num_rows))
            rows = max(1, min(MAX_ROWS, request.batch_bytes // mean))
            for batch in parquet.iter_batches(rows, row_groups=[group], columns=chosen):
                if not min([check_structure(column) for column in batch.columns], default=True):
                    raise RefusedFileError("invalid_utf8", f"rows from {row} on hold text that is not UTF-8")
                unpacked += batch.nbytes
                if unpacked > most:
                    raise RefusedFileError("expands_too_far", f"it unpacks to more than {most} bytes")
                yield Piece(row, batch.num_rows, 0, {}, batch)
                row += batch.num_rows


def row_groups(request: ReadRequest) -> Iterator[Piece]:
    """A piece without values for each row group of a Parquet file: its rows, and its bytes on disk."""
    import pyarrow.parquet as pq

    nothing = numbered([])
    with pq.ParquetFile(source_of(request)) as parquet:
        row = 0
        for group in range(parquet.num_row_groups):
            described = parquet.metadata.row_group(group)
            columns = range(described.num_columns)
            size = sum(described.column(column).total_compressed_size for column in columns)
            yield Piece(row, described.num_rows, size, {}, nothing)
            row += described.num_rows


def most_unpacked_bytes(size: int) -> int:
    """What a file of some size may unpack to."""
    return max(_ALWAYS_ALLOWED_BYTES, _MAX_EXPANSION * size)
