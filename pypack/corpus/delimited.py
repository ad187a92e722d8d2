"""CSV and TSV to documents, read by pyarrow as bytes: what stands in a cell is its value, unchanged."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pypack.corpus.arrow_text import as_text, joined_text, records_of
from pypack.corpus.batch import BatchBuilder, DocumentBatch, Position
from pypack.corpus.bytes import ByteSource, SourceStream
from pypack.corpus.errors import DamagedInputError, Reject
from pypack.corpus.inputs import InputFile
from pypack.corpus.on_disk import on_disk
from pypack.corpus.options import ReadOptions
from pypack.corpus.stream_hash import StreamHash

_DELIMITERS = {"csv": ",", "tsv": "\t"}
# Blocks grow where a row is longer; pyarrow takes no larger ones than its 32-bit sizes hold.
_BLOCK_BYTES, _GROWTH, _MOST_BLOCK_BYTES = 1 << 20, 16, (1 << 31) - 1
_HEADER_BYTES = 1 << 20


def read_csv(
    file: InputFile, index: int, start: Position, builder: BatchBuilder, options: ReadOptions
) -> Iterator[DocumentBatch]:
    """Yields the documents of a CSV or TSV file, whose first row names the columns.

    Cells may be quoted and hold newlines; kept ones are text. A row with more or fewer cells is rejected.

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
        self._bad: dict[int, str] = {}  # row → why; those that were not handed out
        self._next = 0  # the first row that was not
        self._disk_bytes = 0

    def read(self, start: int) -> Iterator[DocumentBatch]:
        import pyarrow as pa

        self._next = start
        if not self._check_columns():
            return
        size = _BLOCK_BYTES
        while True:
            try:
                yield from self._read(size)
                return
            except pa.ArrowInvalid as error:
                if "straddl" not in str(error):
                    raise DamagedInputError("damaged_file", f"cannot be read as CSV: {error}") from None
            most = min(_MOST_BLOCK_BYTES, max(size, 2 * self._options.max_document_bytes))
            if size >= most:
                what = f"row {self._next} or one behind it is longer than {size} bytes, or a quote has no end"
                raise DamagedInputError("damaged_file", what)
            size = min(most, size * _GROWTH)

    def _check_columns(self) -> bool:
        """Looks at the first row; False where there is none."""
        with closing(ByteSource(self._local, drops_marks=True)) as source:
            room = bytearray(_HEADER_BYTES)
            head = bytes(room[: source.readinto(memoryview(room))])
        if not head.strip(b"\r\n\xef\xbb\xbf"):
            return False
        names = header_names(head, self._file.format)
        for name in (*self._fields, *self._options.keep):
            if names.count(name) > 1:
                raise DamagedInputError("column_twice", f"{names.count(name)} columns are named {name!r}")
        if not any(name in names for name in self._fields):
            which = self._options.text.quoted if not self._options.record_fields else repr(self._fields[0])
            has = ", ".join(map(repr, names[:20])) + (", ..." if len(names) > 20 else "")
            raise DamagedInputError("no_text_column", f"no column {which}; the file has {has or 'none'}")
        return True

    def _read(self, block_bytes: int) -> Iterator[DocumentBatch]:
        import pyarrow as pa
        import pyarrow.csv

        wanted = list(dict.fromkeys((*self._fields, *self._options.keep)))
        first, place = self._next, 0
        self._bad = {}
        with closing(ByteSource(self._local, drops_marks=True)) as source:
            reader = pa.csv.open_csv(
                io.BufferedReader(SourceStream(source), block_bytes),
                read_options=pa.csv.ReadOptions(use_threads=False, block_size=block_bytes),
                parse_options=pa.csv.ParseOptions(
                    delimiter=_DELIMITERS[self._file.format],
                    newlines_in_values=True,
                    invalid_row_handler=self._note,
                ),
                convert_options=pa.csv.ConvertOptions(
                    check_utf8=False,
                    column_types={name: pa.large_binary() for name in wanted},
                    include_columns=wanted,
                    include_missing_columns=True,
                    strings_can_be_null=False,
                ),
            )
            for rows in reader:
                numbers = self._numbers(place, rows.num_rows)
                place = int(numbers[-1]) + 1 if rows.num_rows else place
                behind = int(np.searchsorted(numbers, first))
                if behind < rows.num_rows:
                    yield self._batch(rows.slice(behind), numbers[behind:], source)
            self._reject_bad(None)

    def _note(self, row: Any) -> str:
        """Told by pyarrow of a row that it leaves out; the row of names is number 1."""
        what = f"the row has {row.actual_columns} cells where the first has {row.expected_columns}"
        self._bad[row.number - 2] = what
        return "skip"

    def _numbers(self, place: int, count: int) -> NDArray[np.int64]:
        """The numbers of the next `count` good rows, from row `place` on."""
        bad = [number for number in self._bad if number >= place]
        candidates = np.arange(place, place + count + len(bad))
        return candidates[~np.isin(candidates, bad)][:count]

    def _reject_bad(self, before: int | None) -> None:
        for number in sorted(n for n in self._bad if before is None or n < before):
            reason = self._bad[number]
            if number >= self._next:
                self._reject(number, "bad_row", reason)
            if before is None:
                self._builder.reached = (number + 1, 0)

    def _reject(self, number: int, kind: str, reason: str) -> None:
        self._builder.reject(Reject(self._file.path, self._index, number, "row", 0, kind, reason))

    def _batch(self, rows: Any, numbers: NDArray[np.int64], source: ByteSource) -> DocumentBatch:
        builder, options = self._builder, self._options
        columns, good = self._checked(rows, numbers)
        end = int(numbers[-1]) + 1
        self._reject_bad(end)
        self._next = end
        builder.rejects.sort(key=lambda reject: reject.record)
        builder.in_stream(self._running, 0)
        builder.reached = (end, 0)
        input_bytes = sum(columns[name].nbytes for name in self._fields)
        if options.record_fields:
            texts: Any = records_of([columns[name] for name in self._fields], options.record_fields)
        else:
            texts, missing = joined_text([columns[name] for name in self._fields], options.text)
            assert not missing.any()  # a cell is never null, and a column is there
        batch = builder.take()
        batch.texts = texts
        batch.columns = builder.filled({name: columns[name] for name in options.keep})
        batch.records = numbers[good]
        batch.files = np.full(len(texts), self._index, np.int32)
        batch.ends = np.zeros(len(texts), np.int64)
        batch.input_bytes = input_bytes
        batch.disk_bytes, self._disk_bytes = (
            max(0, source.disk_bytes - self._disk_bytes),
            max(source.disk_bytes, self._disk_bytes),
        )
        return batch

    def _checked(self, rows: Any, numbers: NDArray[np.int64]) -> tuple[dict[str, Any], NDArray[np.bool_]]:
        """The columns as text, and which rows are documents."""
        good = np.ones(rows.num_rows, bool)
        lengths = np.zeros(rows.num_rows, np.int64)
        columns: dict[str, Any] = {}
        for name in rows.schema.names:
            column, bad = as_text(rows.column(name))
            columns[name] = column
            lengths += _lengths(column)
            for row, reason in bad.items():
                if good[row]:
                    self._reject(int(numbers[row]), "invalid_utf8", f"{reason} of the column {name!r}")
                good[row] = False
        limit = self._options.max_document_bytes
        for row in np.flatnonzero(good & (lengths > limit)).tolist():
            reason = f"the row has {lengths[row]} bytes, the limit is {limit}"
            self._reject(int(numbers[row]), "too_long", reason)
            good[row] = False
        if not good.all():
            import pyarrow as pa

            mask = pa.array(good)
            columns = {name: column.filter(mask) for name, column in columns.items()}
        return columns, good


def _lengths(column: Any) -> NDArray[np.int64]:
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_null(column.type):
        return np.zeros(len(column), np.int64)
    lengths: NDArray[np.int64] = pc.fill_null(pc.binary_length(column), 0).to_numpy(zero_copy_only=False)
    return lengths.astype(np.int64)


def header_names(head: bytes, format: str) -> Sequence[str]:
    """The names of the columns, from the beginning of a file."""
    text = head.decode("utf-8", "replace").removeprefix("\ufeff").lstrip("\r\n")
    try:
        return next(csv.reader(io.StringIO(text, newline=""), delimiter=_DELIMITERS[format]), [])
    except csv.Error:
        return []
