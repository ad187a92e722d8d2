"""CSV and TSV to documents: what stands in a cell is its value, unchanged."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pypack import _core
from pypack._common.words import counted
from pypack.corpus.arrow_text import as_text, joined_text, records_of
from pypack.corpus.batch import BatchBuilder, DocumentBatch, Position
from pypack.corpus.bytes import BOM, ByteSource
from pypack.corpus.diagnosis import what_it_is_instead
from pypack.corpus.errors import DamagedInputError, Reject
from pypack.corpus.inputs import InputFile
from pypack.corpus.on_disk import on_disk
from pypack.corpus.options import ReadOptions
from pypack.corpus.stream_hash import StreamHash

if TYPE_CHECKING:
    import pyarrow as pa

_DELIMITERS = {"csv": ",", "tsv": "\t"}
_CHUNK_BYTES = 1 << 20  # what a processor core has near at hand
_BATCH_ROWS = 1 << 14  # each may be a reject, which takes much memory
_HEADER_BYTES = 1 << 20
_CELLS, _TOO_LONG, _OPEN_QUOTE = range(3)


def read_csv(
    file: InputFile, index: int, start: Position, builder: BatchBuilder, options: ReadOptions
) -> Iterator[DocumentBatch]:
    """Yields the documents of a CSV or TSV file, whose first row names the columns.

    Cells may be quoted and hold newlines; kept ones are text. A row with more or fewer cells is rejected, and
    so is the last one where its quote has no end.

    Raises:
        DamagedInputError: no such column, or damage; what stood before the damage has been yielded.
    """
    if not builder.empty:
        yield builder.take()
    with on_disk(file, options.stream_mark) as (local, running):
        yield from _Rows(local, file, index, builder, options, running).read(start.record)


class _Rows:
    """The rows of one file, in batches."""

    def __init__(
        self,
        local: InputFile,
        file: InputFile,
        index: int,
        builder: BatchBuilder,
        options: ReadOptions,
        running: StreamHash | None,
    ) -> None:
        """`local`: what is opened; `file`: what it is called."""
        self._local, self._file = local, file
        self._index = index
        self._builder = builder
        self._options = options
        self._running = running
        self._fields = options.record_fields or options.text.names
        self._disk_bytes = 0

    def read(self, start: int) -> Iterator[DocumentBatch]:
        """The rows from number `start` on."""
        names = self._checked_names()
        if not names:
            return
        options = self._options
        wanted = dict.fromkeys(name for name in (*self._fields, *options.keep) if name in names)
        slot_of = {name: slot for slot, name in enumerate(wanted)}
        rows = _core.DelimitedReader(
            _DELIMITERS[self._file.format],
            [slot_of.get(name, -1) for name in names],
            start,
            options.max_document_bytes,
            options.batch_bytes,
            _BATCH_ROWS,
        )
        self._builder.reached = (start, 0)
        with closing(ByteSource(self._local, drops_marks=True)) as source:
            try:
                for chunk in _chunks(source):
                    while chunk:
                        chunk = chunk[rows.feed(chunk) :]
                        if rows.is_full:
                            yield self._batch(rows, list(wanted), source)
                    if rows.num_columns not in (-1, len(names)):
                        break
                rows.finish()
            except DamagedInputError:
                rows.cut_off()
                yield self._batch(rows, list(wanted), source)
                raise
            if rows.num_columns != len(names):
                what = f"its first row is longer than {_HEADER_BYTES} bytes, or opens a quote that has no end"
                raise DamagedInputError("damaged_file", what)
            yield self._batch(rows, list(wanted), source)

    def _checked_names(self) -> Sequence[str]:
        """What the first row names the columns; nothing where there is none."""
        with closing(ByteSource(self._local, drops_marks=True)) as source:
            room = bytearray(_HEADER_BYTES)
            head = bytes(room[: source.readinto(memoryview(room))])
        if not head.strip(b"\r\n\xef\xbb\xbf"):
            return ()
        names = header_names(head, self._file.format)
        for name in (*self._fields, *self._options.keep):
            if names.count(name) > 1:
                raise DamagedInputError("column_twice", f"{names.count(name)} columns are named {name!r}")
        if not any(name in names for name in self._fields):
            which = self._options.text.quoted if not self._options.record_fields else repr(self._fields[0])
            has = ", ".join(map(repr, names[:20])) + (", ..." if len(names) > 20 else "")
            instead = what_it_is_instead(head[:4096], self._file.format, self._file.compression)
            what = instead or f"the file has {has or 'none'}"
            raise DamagedInputError("no_text_column", f"no column {which}; {what}")
        return names

    def _reject(self, number: int, kind: str, reason: str) -> None:
        self._builder.reject(Reject(self._file.path, self._index, number, "row", 0, kind, reason))

    def _batch(self, rows: _core.DelimitedReader, names: list[str], source: ByteSource) -> DocumentBatch:
        """The rows that are complete; `names`: of the columns that they were read for."""
        builder, options = self._builder, self._options
        cells, numbers, bad = rows.take()
        for kind, number, size in bad:
            self._reject(number, *self._reason(kind, size, rows.num_columns))
        columns, good = self._checked(dict(zip(names, cells, strict=True)), numbers)
        builder.rejects.sort(key=lambda reject: reject.record)
        builder.in_stream(self._running, 0)
        builder.reached = (rows.next_row, 0)
        if options.record_fields:
            texts: Any = records_of([columns[name] for name in self._fields], options.record_fields)
        else:
            texts, missing = joined_text([columns[name] for name in self._fields], options.text)
            assert not missing.any()  # a cell is never null, and a column is there
        input_bytes = sum(columns[name].nbytes for name in self._fields)
        batch = builder.take()
        batch.texts = texts
        batch.columns = builder.filled({name: columns[name] for name in options.keep})
        batch.records = numbers[good]
        batch.files = np.full(len(texts), self._index, np.int32)
        batch.ends = np.zeros(len(texts), np.int64)
        batch.input_bytes = input_bytes
        batch.disk_bytes = source.disk_bytes - self._disk_bytes
        self._disk_bytes = source.disk_bytes
        return batch

    def _reason(self, kind: int, size: int, num_columns: int) -> tuple[str, str]:
        """Kind and reason of the reject of a row."""
        limit = self._options.max_document_bytes
        if kind == _CELLS:
            return "bad_row", f"the row has {counted(size, 'cell')} where the first has {num_columns}"
        if kind == _TOO_LONG:
            return "too_long", f"the row has {counted(size, 'byte')}, the limit is {limit}"
        rest = counted(size, "byte")
        what = f"a quote in the row has no end: what is left of the file, {rest}, stands behind it"
        return ("bad_row", what) if size <= limit else ("too_long", f"{what}; the limit is {limit}")

    def _checked(
        self, cells: dict[str, tuple[NDArray[np.uint8], NDArray[np.int64]]], numbers: NDArray[np.int64]
    ) -> tuple[dict[str, Any], NDArray[np.bool_]]:
        """All columns that are asked for as text, and which rows are documents."""
        import pyarrow as pa

        good = np.ones(len(numbers), bool)
        columns: dict[str, Any] = {}
        for name in (*self._fields, *self._options.keep):
            if name not in cells:
                columns[name] = pa.nulls(len(numbers))
                continue
            columns[name], undecodable = as_text(_large_binary(*cells[name]))
            for row, reason in undecodable.items():
                if good[row]:
                    self._reject(int(numbers[row]), "invalid_utf8", f"{reason} of the column {name!r}")
                good[row] = False
        if not good.all():
            mask = pa.array(good)
            columns = {name: column.filter(mask) for name, column in columns.items()}
        return columns, good


def _chunks(source: ByteSource) -> Iterator[memoryview]:
    """The bytes of a file, each chunk until the next one; without the mark that they may begin with."""
    room = memoryview(bytearray(_CHUNK_BYTES))
    count = source.readinto(room)
    chunk = room[:count]
    yield chunk[len(BOM) :] if chunk[: len(BOM)] == BOM else chunk
    while count := source.readinto(room):
        yield room[:count]


def _large_binary(cells: NDArray[np.uint8], offsets: NDArray[np.int64]) -> pa.Array:
    import pyarrow as pa

    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(cells)]
    return pa.Array.from_buffers(pa.large_binary(), len(offsets) - 1, buffers)


def header_names(head: bytes, format: str) -> Sequence[str]:
    """The names of the columns, from the beginning of a file."""
    text = head.decode("utf-8", "replace").removeprefix("\ufeff").lstrip("\r\n")
    try:
        return next(csv.reader(io.StringIO(text, newline=""), delimiter=_DELIMITERS[format]), [])
    except csv.Error:
        return []
