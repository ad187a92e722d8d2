"""Rows of Parquet and Arrow files and of folders of `datasets`, as their libraries give them: unchecked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from pypack._common.words import counted
from pypack.columnar.fields import needed_columns
from pypack.columnar.piece import MAX_ROWS
from pypack.columnar.request import ReadRequest
from pypack.columnar.sources import mapped, size_of, source_of
from pypack.columnar.values import RefusedFileError

# Values that share a dictionary are read in so many fewer rows at once, where memory did not suffice.
_CAREFUL_STEP = 16


def unchecked_batches(
    request: ReadRequest, start_row: int, careful: bool
) -> Iterator[tuple[int, pa.RecordBatch, int]]:
    """(first row, rows from `start_row` on, bytes on disk), unchecked."""
    if request.format == "parquet":
        source = _parquet_batches(request, start_row, careful)
    elif request.format == "arrow":
        source = _arrow_batches(request)
    else:
        source = _dataset_batches(request)
    for row, batch, disk_bytes in source:
        skipped = max(0, start_row - row)
        if batch.num_rows > skipped:
            share = disk_bytes * (batch.num_rows - skipped) // batch.num_rows
            yield row + skipped, batch.slice(skipped), share


def _parquet_batches(
    request: ReadRequest, start_row: int, careful: bool
) -> Iterator[tuple[int, pa.RecordBatch, int]]:
    import pyarrow.parquet as pq

    # A dictionary stays one where memory did not suffice: its values may stand for any number of rows.
    shared = pq.read_schema(source_of(request)).names if careful and request.is_text else []
    # A small buffer instead of whole column chunks: row groups of a web crawl may hold gigabytes.
    with pq.ParquetFile(
        source_of(request),
        pre_buffer=False,
        buffer_size=1 << 20,
        page_checksum_verification=True,
        read_dictionary=[path for path in request.paths if path in shared],
    ) as parquet:
        needed_columns(parquet.schema_arrow, request)
        size, total = size_of(request), max(1, parquet.metadata.num_rows)
        row = 0
        for group in range(parquet.num_row_groups):
            if request.stop_row is not None and row >= request.stop_row:
                break
            described = parquet.metadata.row_group(group)
            if row + described.num_rows <= start_row:
                row += described.num_rows
                continue
            mean = max(1, described.total_byte_size // max(1, described.num_rows))
            rows = request.batch_bytes // mean // (_CAREFUL_STEP if careful else 1)
            for batch in parquet.iter_batches(
                max(1, min(MAX_ROWS, rows)),
                row_groups=[group],
                columns=list(request.paths),
                use_threads=False,
            ):
                yield row, batch, size * batch.num_rows // total
                row += batch.num_rows


def _arrow_batches(request: ReadRequest) -> Iterator[tuple[int, pa.RecordBatch, int]]:
    with mapped(request) as file:
        is_file = file.read(6) == b"ARROW1"
        file.seek(0)

        def opened(options: pa.ipc.IpcReadOptions) -> Any:
            file.seek(0)
            return (pa.ipc.open_file if is_file else pa.ipc.open_stream)(file, options=options)

        schema = opened(pa.ipc.IpcReadOptions(use_threads=False)).schema
        wanted = sorted(schema.get_field_index(name) for name in needed_columns(schema, request))
        # What is not asked for is not touched: damage in it costs nothing.
        reader = opened(pa.ipc.IpcReadOptions(use_threads=False, included_fields=wanted))
        row, end = 0, file.tell()
        if is_file:
            share = size_of(request) // max(1, reader.num_record_batches)
            for number in range(reader.num_record_batches):
                batch = reader.get_batch(number)
                yield row, batch, share
                row += batch.num_rows
            return
        for batch in reader:
            begin, end = end, file.tell()
            yield row, batch, max(0, end - begin)
            row += batch.num_rows
        # The library takes a stream that was cut between two batches for a whole one. What it does not read
        # then, behind the last batch, is the end marker.
        if file.tell() == end:
            raise RefusedFileError(
                "damaged_file",
                f"cut off: the Arrow stream has no end marker behind its {counted(row, 'row')}",
            )


def _dataset_batches(request: ReadRequest) -> Iterator[tuple[int, pa.RecordBatch, int]]:
    import datasets

    table = datasets.load_from_disk(request.path).with_format("arrow")
    needed_columns(table.data.schema, request)
    row = 0
    for part in table.select_columns([request.field]).iter(1000):
        for batch in part.to_batches():
            yield row, batch, 0
            row += batch.num_rows
