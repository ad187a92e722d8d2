"""Parquet and Arrow files to checked batches of about a size. Runs in the reading process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as types
from numpy.typing import NDArray

from pypack._common.words import counted
from pypack.columnar.request import ReadRequest
from pypack.columnar.sources import mapped, path_for_libraries, size_of, source_of
from pypack.columnar.values import (
    Faults,
    RefusedFileError,
    byte_lengths,
    check_kept_type,
    check_structure,
    is_bytes,
    is_simple,
    is_text,
    plain,
    text_of_bytes,
    undecodable_rows,
    unreadable_times,
)
from pypack.remote import is_url

MAX_ROWS = 65536
# A file may unpack to so many times its size, and to so much in any case. Text that compresses further holds
# nothing but repetition: 2 KB of Parquet can stand for 40 GB.
_MAX_EXPANSION = 1000
_ALWAYS_ALLOWED_BYTES = 64 << 20
# Columns of a store may hold one and the same value in every row, so that no factor holds.
_PER_ROW_BYTES = 256
# Values that share a dictionary are read in so many fewer rows at once, where memory did not suffice.
_CAREFUL_STEP = 16


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
            for first, batch, disk_bytes in _batches(request, row, careful):
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


def empty_batch(schema: pa.Schema) -> pa.RecordBatch:
    """No rows of columns of these types."""
    return pa.RecordBatch.from_arrays([pa.array([], f.type) for f in schema], schema=schema)


def read_fields(request: ReadRequest) -> list[tuple[str, str]]:
    """(name or dotted path, kind in a word) of the columns of a file, and of those one level inside them.

    Where whole columns are asked for, of those at the top alone.
    """
    whole = request.format.endswith("columns")
    if request.format in ("parquet", "columns"):
        import pyarrow.parquet as pq

        schema = pq.read_schema(source_of(request))
    else:
        with mapped(request) as file:
            is_file = file.read(6) == b"ARROW1"
            file.seek(0)
            schema = (pa.ipc.open_file if is_file else pa.ipc.open_stream)(file).schema
    fields = []
    for field in schema:
        fields.append((field.name, _in_a_word(field.type)))
        if types.is_struct(field.type) and not whole:
            fields += [(f"{field.name}.{inner.name}", _in_a_word(inner.type)) for inner in field.type]
    return fields


def _in_a_word(kind: pa.DataType) -> str:
    """The kind of a column, as JSON would call it where it can."""
    if is_text(kind):
        return "string"
    if types.is_struct(kind) or types.is_map(kind):
        return "object"
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return "array"
    if types.is_integer(kind) or types.is_floating(kind):
        return "number"
    if is_bytes(kind):
        return "bytes"
    return "boolean" if types.is_boolean(kind) else str(kind)[:60]


def most_unpacked_bytes(size: int) -> int:
    """What a file of some size may unpack to."""
    return max(_ALWAYS_ALLOWED_BYTES, _MAX_EXPANSION * size)


def _batches(
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
        _roots(parquet.schema_arrow, request)
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


def row_groups(request: ReadRequest) -> Iterator[Piece]:
    """A piece without values for each row group of a Parquet file: its rows, and its bytes on disk."""
    import pyarrow.parquet as pq

    nothing = _numbered([])
    with pq.ParquetFile(source_of(request)) as parquet:
        row = 0
        for group in range(parquet.num_row_groups):
            described = parquet.metadata.row_group(group)
            columns = range(described.num_columns)
            size = sum(described.column(column).total_compressed_size for column in columns)
            yield Piece(row, described.num_rows, size, {}, nothing)
            row += described.num_rows


def _arrow_batches(request: ReadRequest) -> Iterator[tuple[int, pa.RecordBatch, int]]:
    with mapped(request) as file:
        is_file = file.read(6) == b"ARROW1"
        file.seek(0)

        def opened(options: pa.ipc.IpcReadOptions) -> Any:
            file.seek(0)
            return (pa.ipc.open_file if is_file else pa.ipc.open_stream)(file, options=options)

        schema = opened(pa.ipc.IpcReadOptions(use_threads=False)).schema
        wanted = sorted(schema.get_field_index(name) for name in _roots(schema, request))
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
    _roots(table.data.schema, request)
    row = 0
    for part in table.select_columns([request.field]).iter(1000):
        for batch in part.to_batches():
            yield row, batch, 0
            row += batch.num_rows


def _roots(schema: pa.Schema, request: ReadRequest) -> list[str]:
    """The top-level columns that are needed; raises RefusedFileError where they are not as asked for."""
    roots = dict.fromkeys(path if path in schema.names else path.split(".")[0] for path in request.paths)
    for name in roots:
        if schema.names.count(name) > 1:
            raise RefusedFileError("column_twice", f"{schema.names.count(name)} columns are named {name!r}")
    kinds = {path: _column_type(schema, path) for path in request.text_paths}
    if not any(kinds.values()):
        names = ", ".join(schema.names[:20]) + (", ..." if len(schema.names) > 20 else "")
        raise RefusedFileError(
            "no_text_column", f"no column {_either(kinds)}; the file has {names or 'none'}"
        )
    for path, kind in kinds.items():
        if request.is_text and kind is not None and not (is_text(kind) or is_bytes(kind)):
            raise RefusedFileError("text_column_type", f"the column {path!r} holds {kind}, not strings")
    for path in request.keep:
        kept = _column_type(schema, path)
        if kept is not None:
            check_kept_type(path, kept)
    return [name for name in roots if name in schema.names]


def _either(paths: Iterable[str]) -> str:
    return " or ".join(map(repr, paths))


def _column_type(schema: pa.Schema, path: str) -> pa.DataType | None:
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
    if path in batch.schema.names:
        return batch.column(path)
    if _column_type(batch.schema, path) is None:
        return pa.nulls(batch.num_rows)
    first, *inner = path.split(".")
    return pc.struct_field(batch.column(first), inner)


def _row_bytes(batch: pa.RecordBatch, request: ReadRequest) -> NDArray[np.int64]:
    """int64 [rows]: bytes that a row takes."""
    lengths = np.zeros(batch.num_rows, np.int64)
    for path in request.paths:
        lengths += byte_lengths(_column(batch, path))
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
            none = [plain(_column(rows.slice(0, 0), path)) for path in request.paths]
            good = _numbered(list(map(text_of_bytes, none)) if request.is_text else none)
        else:
            faults, good = _sorted_out(rows, request, all_utf8, is_left)
        yield Piece(row + start, stop - start, share, faults, good, not is_left)
        start = stop


def _sorted_out(
    rows: pa.RecordBatch, request: ReadRequest, all_utf8: bool, is_left: bool
) -> tuple[Faults, pa.RecordBatch]:
    """The rows that are no documents, and the others; `is_left`: but for text that is not UTF-8."""
    columns = [plain(_column(rows, path)) for path in request.paths]
    places = np.arange(rows.num_rows)
    faults: Faults = {}
    if request.is_text:
        texts = len(request.text_paths)
        was_bytes = any(is_bytes(column.type) for column in columns[:texts])
        columns[:texts] = map(text_of_bytes, columns[:texts])
        all_utf8 = is_left or (all_utf8 and not (was_bytes and _undecodable(columns[:texts])))
        if all(column.null_count for column in columns[:texts]):
            missing = np.logical_and.reduce(
                [column.is_null().to_numpy(zero_copy_only=False) for column in columns[:texts]]
            )
            what = f"the column {_either(request.text_paths)} is null"
            found: Faults = {int(i): ("null_text", what) for i in np.flatnonzero(missing)}
            columns, places = _also_refused(columns, places, found, faults)
    checks = [] if all_utf8 else [undecodable_rows]
    for check in (*checks, unreadable_times):
        found = {}
        for column, path in zip(columns, request.paths, strict=True):
            found |= check(column, path)
        columns, places = _also_refused(columns, places, found, faults)
    return faults, _numbered(columns)


def _undecodable(columns: list[pa.Array]) -> bool:
    """Whether some of the text is not UTF-8."""
    try:
        for column in columns:
            column.validate(full=True)
    except pa.ArrowInvalid:
        return True
    return False


def _numbered(columns: list[pa.Array]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(columns, [str(i) for i in range(len(columns))])


def _also_refused(
    columns: list[pa.Array], places: NDArray[np.int64], found: Faults, faults: Faults
) -> tuple[list[pa.Array], NDArray[np.int64]]:
    """Takes out rows of what is left, and notes them by their number among all rows."""
    faults |= {int(places[i]): fault for i, fault in found.items()}
    return _without(columns, found, places)


def _without(
    columns: list[pa.Array], faults: Faults, places: NDArray[np.int64]
) -> tuple[list[pa.Array], NDArray[np.int64]]:
    if not faults:
        return columns, places
    good = np.ones(len(places), bool)
    good[list(faults)] = False
    mask = pa.array(good)
    return [column.filter(mask) for column in columns], places[good]
