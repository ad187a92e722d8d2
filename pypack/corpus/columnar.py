"""Parquet and Arrow files to documents, as Arrow arrays: no Python runs per row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from pypack.corpus.batch import BatchBuilder, DocumentBatch, Position
from pypack.corpus.errors import DamagedInputError, Reject
from pypack.corpus.inputs import InputFile

if TYPE_CHECKING:
    import pyarrow as pa

_MAX_ROWS = 65536


def read_columnar(
    file: InputFile,
    index: int,
    start: Position,
    builder: BatchBuilder,
    *,
    field: str,
    keep: tuple[str, ...],
    batch_bytes: int,
) -> Iterator[DocumentBatch]:
    """Yields the documents of a Parquet or Arrow file (file or stream format).

    Raises:
        DamagedInputError: no string column `field`, or damage; what stood before the damage has been yielded.
    """
    import pyarrow as pa

    if not builder.empty:
        yield builder.take()
    try:
        for row, records, disk_bytes in _record_batches(file, field, keep, batch_bytes, start.record):
            yield _documents(records, row, disk_bytes, file, index, field, keep, builder)
            builder.reached = (row + records.num_rows, 0)
    except (pa.ArrowException, OSError) as error:
        raise DamagedInputError(
            "damaged_file", f"cannot be read as {file.format} after row {builder.reached[0]}: {error}"
        ) from error


def _record_batches(
    file: InputFile, field: str, keep: tuple[str, ...], batch_bytes: int, start_row: int
) -> Iterator[tuple[int, pa.RecordBatch, int]]:
    """(first row, rows, bytes on disk) of each slice of about `batch_bytes`, from `start_row` on."""
    source = _parquet_batches if file.format == "parquet" else _arrow_batches
    first = start_row
    for row, batch, disk_bytes in source(file, field, keep, batch_bytes, start_row):
        stop = row + batch.num_rows
        step = max(1, min(_MAX_ROWS, batch_bytes * batch.num_rows // max(1, batch.nbytes)))
        spent = 0
        while first < stop:
            rows = min(step, stop - first)
            share = disk_bytes * (first + rows - row) // batch.num_rows
            yield first, batch.slice(first - row, rows), share - spent
            spent = share
            first += rows


def _parquet_batches(
    file: InputFile, field: str, keep: tuple[str, ...], batch_bytes: int, start_row: int
) -> Iterator[tuple[int, pa.RecordBatch, int]]:
    import pyarrow.parquet as pq

    # A small buffer instead of whole column chunks: row groups of a web crawl may hold gigabytes.
    with pq.ParquetFile(
        file.path, pre_buffer=False, buffer_size=1 << 20, page_checksum_verification=True
    ) as parquet:
        _check_text_column(parquet.schema_arrow, field)
        row = 0
        for group in range(parquet.num_row_groups):
            described = parquet.metadata.row_group(group)
            if row + described.num_rows <= start_row:
                row += described.num_rows
                continue
            mean = max(1, described.total_byte_size // max(1, described.num_rows))
            on_disk = sum(described.column(c).total_compressed_size for c in range(described.num_columns))
            for batch in parquet.iter_batches(
                max(1, min(_MAX_ROWS, batch_bytes // mean)),
                row_groups=[group],
                columns=[field, *keep],
                use_threads=False,
            ):
                yield row, batch, on_disk * batch.num_rows // described.num_rows
                row += batch.num_rows


def _arrow_batches(
    file: InputFile, field: str, keep: tuple[str, ...], batch_bytes: int, start_row: int
) -> Iterator[tuple[int, pa.RecordBatch, int]]:
    import pyarrow as pa

    with pa.memory_map(file.path) as mapped:
        if mapped.read(6) == b"ARROW1":
            reader = pa.ipc.open_file(mapped)
            batches = (reader.get_batch(i) for i in range(reader.num_record_batches))
        else:
            mapped.seek(0)
            reader = pa.ipc.open_stream(mapped)
            batches = iter(reader)
        _check_text_column(reader.schema, field)
        row = 0
        for batch in batches:
            if row + batch.num_rows > start_row:
                yield row, batch, batch.nbytes
            row += batch.num_rows


def _check_text_column(schema: pa.Schema, field: str) -> None:
    import pyarrow.types as types

    kind = _column_type(schema, field)
    if kind is None:
        raise DamagedInputError(
            "no_text_column", f"no column {field!r}; the file has {', '.join(schema.names)}"
        )
    if types.is_dictionary(kind):
        kind = kind.value_type
    if not (types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)):
        raise DamagedInputError("text_column_type", f"the column {field!r} holds {kind}, not strings")


def _column_type(schema: pa.Schema, path: str) -> pa.DataType | None:
    import pyarrow.types as types

    if path in schema.names:
        return schema.field(path).type
    kind: Any = None
    for i, part in enumerate(path.split(".")):
        if i == 0:
            kind = schema.field(part).type if part in schema.names else None
        elif kind is not None and types.is_struct(kind):
            kind = next((child.type for child in kind if child.name == part), None)
        else:
            return None
    return kind


def _column(batch: pa.RecordBatch, path: str) -> pa.Array:
    """The column at a dotted path; nulls where there is none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if path in batch.schema.names:
        return batch.column(path)
    if _column_type(batch.schema, path) is None:
        return pa.nulls(batch.num_rows)
    first, *inner = path.split(".")
    return pc.struct_field(batch.column(first), inner)


def _documents(
    records: pa.RecordBatch,
    row: int,
    disk_bytes: int,
    file: InputFile,
    index: int,
    field: str,
    keep: tuple[str, ...],
    builder: BatchBuilder,
) -> DocumentBatch:
    import pyarrow as pa
    import pyarrow.types as types

    texts = _column(records, field)
    if not (types.is_string(texts.type) or types.is_large_string(texts.type)):
        texts = texts.cast(pa.large_string())  # from a dictionary or string views
    faults = {int(i): ("null_text", f"the column {field!r} is null") for i in _where(texts.is_null())}
    try:
        texts.validate(full=True)
    except pa.ArrowInvalid:
        faults |= _invalid_rows(texts)
    for i in sorted(faults):
        builder.reject(Reject(file.path, index, row + i, "row", 0, *faults[i]))
    rows = row + np.arange(len(texts), dtype=np.int64)
    columns = {name: _column(records, name) for name in keep}
    if faults:
        good = np.ones(len(texts), bool)
        good[list(faults)] = False
        mask = pa.array(good)
        texts, rows = texts.filter(mask), rows[good]
        columns = {name: column.filter(mask) for name, column in columns.items()}
    batch = builder.take()
    batch.texts, batch.records, batch.columns = texts, rows, columns
    batch.files = np.full(len(rows), index, np.int32)
    batch.ends = np.zeros(len(rows), np.int64)
    batch.input_bytes, batch.disk_bytes = texts.nbytes, disk_bytes
    return batch


def _where(mask: pa.BooleanArray) -> Any:
    return np.flatnonzero(mask.to_numpy(zero_copy_only=False))


def _invalid_rows(texts: pa.Array) -> dict[int, tuple[str, str]]:
    import pyarrow as pa

    raw = texts.cast(pa.large_binary() if pa.types.is_large_string(texts.type) else pa.binary())
    faults = {}
    for i, value in enumerate(raw.to_pylist()):
        try:
            value is None or value.decode("utf-8")
        except UnicodeDecodeError as error:
            faults[i] = ("invalid_utf8", f"invalid UTF-8 at byte {error.start} of the text ({error.reason})")
    return faults
