"""All columns of an Arrow file as they are. Runs in the reading process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from pypack._common.words import counted
from pypack.columnar.piece import MAX_ROWS, Piece, empty_batch
from pypack.columnar.request import ReadRequest
from pypack.columnar.sources import mapped
from pypack.columnar.values import RefusedFileError, check_structure


def read_arrow_columns(request: ReadRequest) -> Iterator[Piece]:
    """All rows of columns of an Arrow file or stream, in the file's own types and under its names.

    The first piece has no rows, and tells of the columns. What is not asked for is not touched.

    Raises:
        RefusedFileError: there is no such column, text is not UTF-8, or the file is cut off.
        Exception: whatever a library says of a file that is damaged.
    """
    with mapped(request) as file:
        is_file = file.read(6) == b"ARROW1"

        def opened(options: pa.ipc.IpcReadOptions) -> Any:
            file.seek(0)
            return (pa.ipc.open_file if is_file else pa.ipc.open_stream)(file, options=options)

        schema = opened(pa.ipc.IpcReadOptions(use_threads=False)).schema
        for name in request.keep:
            if schema.names.count(name) != 1:
                raise RefusedFileError("no_column", f"keeps no column {name!r}, or several")
        wanted = [schema.get_field_index(name) for name in request.keep] or None
        reader = opened(pa.ipc.IpcReadOptions(use_threads=False, included_fields=wanted))
        yield Piece(0, 0, 0, {}, empty_batch(reader.schema))
        row, end = 0, file.tell()
        for batch in map(reader.get_batch, range(reader.num_record_batches)) if is_file else reader:
            end = file.tell()
            if not min([check_structure(column) for column in batch.columns], default=True):
                raise RefusedFileError("invalid_utf8", f"rows from {row} on hold text that is not UTF-8")
            mean = max(1, batch.nbytes // max(1, batch.num_rows))
            step = max(1, min(MAX_ROWS, request.batch_bytes // mean))
            for start in range(0, batch.num_rows, step):
                part = batch.slice(start, step)
                yield Piece(row, part.num_rows, 0, {}, part)
                row += part.num_rows
        # What the library does not read of a stream that was cut between two batches is its end marker.
        if not is_file and file.tell() == end:
            raise RefusedFileError(
                "damaged_file",
                f"cut off: the Arrow stream has no end marker behind its {counted(row, 'row')}",
            )
