"""Parquet and Arrow files to documents, as Arrow arrays: no Python runs per row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from pypack.columnar.inlet import ColumnarBatch
from pypack.columnar.process import ColumnarReader, DamagedColumnsError
from pypack.columnar.request import ReadRequest
from pypack.corpus.arrow_text import joined_text, records_of
from pypack.corpus.batch import BatchBuilder, DocumentBatch, Position
from pypack.corpus.errors import DamagedInputError, Reject
from pypack.corpus.inputs import InputFile
from pypack.corpus.on_disk import on_disk
from pypack.corpus.options import ReadOptions
from pypack.corpus.stream_hash import StreamHash


def read_columnar(
    file: InputFile,
    index: int,
    start: Position,
    builder: BatchBuilder,
    options: ReadOptions,
    reader: ColumnarReader,
) -> Iterator[DocumentBatch]:
    """Yields the documents of a Parquet or Arrow file (file or stream format).

    Raises:
        DamagedInputError: no string column `field`, or damage; what stood before the damage has been yielded.
    """
    if not builder.empty:
        yield builder.take()
    with on_disk(file, options.stream_mark) as (local, running):
        yield from _rows(local.location, running, file, index, start, builder, options, reader)


def _rows(
    path: str,
    running: StreamHash | None,
    file: InputFile,
    index: int,
    start: Position,
    builder: BatchBuilder,
    options: ReadOptions,
    reader: ColumnarReader,
) -> Iterator[DocumentBatch]:
    request = ReadRequest(
        path,
        file.format,
        (options.record_fields or options.text.names)[0],
        is_text=not options.record_fields,
        texts=() if options.record_fields else options.text.names[1:],
        keep=(*options.record_fields[1:], *options.keep),
        start_row=max(start.record, file.begin),
        stop_row=file.end,
        batch_bytes=options.batch_bytes,
        max_document_bytes=options.max_document_bytes,
        etag=file.etag,
    )
    try:
        for rows in reader.read(request):
            builder.in_stream(running, 0)
            reached = rows.row + rows.rows
            batch = _documents(rows, file, index, options, builder)
            del rows  # its memory is the next one's, once the reader of the batch is done with it
            yield batch
            del batch
            builder.reached = (reached, 0)
    except DamagedColumnsError as damage:
        reason = damage.reason
        if damage.kind == "damaged_file":
            reason = f"cannot be read as {file.format} after row {builder.reached[0]}: {reason}"
        raise DamagedInputError(damage.kind, reason) from None


def _documents(
    rows: ColumnarBatch, file: InputFile, index: int, options: ReadOptions, builder: BatchBuilder
) -> DocumentBatch:
    good = np.ones(rows.rows, bool)
    for row, kind, reason in rows.faults:
        builder.reject(Reject(file.path, index, rows.row + row, "row", 0, kind, reason))
        good[row] = False
    fields = len(options.record_fields or options.text.names)
    columns, kept = rows.columns[:fields], rows.columns[fields:]
    if options.record_fields:
        texts: Any = records_of(columns, options.record_fields)
    else:
        texts, _ = joined_text(columns, options.text)  # none is missing: those were told as faults
    batch = builder.take()
    batch.texts, batch.columns = texts, builder.filled(dict(zip(options.keep, kept, strict=True)))
    batch.records = rows.row + np.flatnonzero(good)
    batch.files = np.full(len(texts), index, np.int32)
    batch.ends = np.zeros(len(texts), np.int64)
    batch.input_bytes, batch.disk_bytes = sum(column.nbytes for column in columns), rows.disk_bytes
    return batch
