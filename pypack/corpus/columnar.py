"""Parquet and Arrow files to documents, as Arrow arrays: no Python runs per row."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import orjson

from pypack.columnar.process import ColumnarBatch, ColumnarReader, DamagedColumnsError
from pypack.columnar.request import ReadRequest
from pypack.corpus.batch import BatchBuilder, DocumentBatch, Position
from pypack.corpus.bytes import ByteSource
from pypack.corpus.errors import DamagedInputError, Reject
from pypack.corpus.inputs import InputFile
from pypack.corpus.options import ReadOptions
from pypack.corpus.stream_hash import StreamHash, StreamMark


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
    with _on_disk(file, options.stream_mark) as (path, running):
        yield from _rows(path, running, file, index, start, builder, options, reader)


@contextmanager
def _on_disk(file: InputFile, mark: StreamMark | None) -> Iterator[tuple[str, StreamHash | None]]:
    """A path that can be read anywhere in it: of what comes through a pipe a copy, which goes again, and its
    hash."""
    if not file.is_stream:
        yield file.location, None
        return
    with tempfile.NamedTemporaryFile(prefix="pypack-") as copy:
        source, size = ByteSource(file, stream_mark=mark), 0
        for chunk in source:
            size += copy.write(chunk)
            if source.stream_hash is not None:
                source.stream_hash.advance(size)
        copy.flush()
        yield copy.name, source.stream_hash


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
        options.field,
        is_text=not options.record_fields,
        keep=(*options.record_fields[1:], *options.keep),
        start_row=max(start.record, file.begin),
        stop_row=file.end,
        batch_bytes=options.batch_bytes,
        max_document_bytes=options.max_document_bytes,
    )
    try:
        for rows in reader.read(request):
            builder.in_stream(running, 0)
            yield _documents(rows, file, index, options, builder)
            builder.reached = (rows.row + rows.rows, 0)
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
    fields = len(options.record_fields) or 1
    columns, kept = rows.columns[:fields], rows.columns[fields:]
    texts = _records(columns, options.record_fields) if options.record_fields else columns[0]
    batch = builder.take()
    batch.texts, batch.columns = texts, builder.filled(dict(zip(options.keep, kept, strict=True)))
    batch.records = rows.row + np.flatnonzero(good)
    batch.files = np.full(len(texts), index, np.int32)
    batch.ends = np.zeros(len(texts), np.int64)
    batch.input_bytes, batch.disk_bytes = sum(column.nbytes for column in columns), rows.disk_bytes
    return batch


def _records(columns: list[Any], names: tuple[str, ...]) -> list[Any]:
    """Rows as JSON objects; a dotted name stays one key."""
    rows = zip(*(column.to_pylist() for column in columns), strict=True)
    return [orjson.dumps(dict(zip(names, row, strict=True)), default=str) for row in rows]
