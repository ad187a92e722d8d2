"""Rows of a table brought to the documents of a store that have the same key, in bounded memory.

Both sides are dealt to files by a hash of the key, and the files are joined one after another: so many rows
as one of them has are in memory. What comes of it is dealt again, by the number of the document.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pypack import _core

if TYPE_CHECKING:
    import pyarrow as pa

_PART_ROWS = 1 << 22  # of both sides that are joined at a time
_MOST_PARTS = 512
_DOCUMENT = "__document__"


@dataclasses.dataclass
class JoinCounts:
    """What a join has found.

    Attributes:
        documents: documents of the store.
        rows: rows of the table.
        matched_documents: documents that got values.
        unmatched_documents: documents whose key no row has, those without key among them; their values are
            null.
        unmatched_rows: rows whose key no document has, those without key among them.
        doubled_rows: rows of a key that an earlier row has; they are passed over.
    """

    documents: int = 0
    rows: int = 0
    matched_documents: int = 0
    unmatched_documents: int = 0
    unmatched_rows: int = 0
    doubled_rows: int = 0


class KeyJoin:
    """A join of documents by number with a table.

    Args:
        folder: for the files in between.
        documents: of the store.
        rows: of the table, about.
        key: the type of the documents' key.
    """

    def __init__(self, folder: Path, documents: int, rows: int, key: pa.DataType) -> None:
        self.counts = JoinCounts()
        self._folder, self._documents, self._key = folder, documents, key
        self._parts = min(_MOST_PARTS, max(1, -(-(documents + rows) // _PART_ROWS)))
        self._ranges = min(_MOST_PARTS, max(1, -(-documents // _PART_ROWS)))
        self._range_size = -(-documents // self._ranges) if documents else 1
        self._value_schema: pa.Schema | None = None
        self._loaded: tuple[int, Any] = (-1, None)

    def add_documents(self, keys: Iterable[pa.Array]) -> None:
        """The keys of all documents, in order."""
        import pyarrow as pa

        with _Dealt(self._folder, "documents", self._parts) as dealt:
            for array in keys:
                first = self.counts.documents
                numbers = pa.array(np.arange(first, first + len(array)))
                self.counts.documents += len(array)
                batch = pa.record_batch({"key": array, _DOCUMENT: numbers})
                dealt.add(batch, _part_of(array, self._parts))

    def add_rows(self, batches: Iterable[pa.RecordBatch], on: str) -> None:
        """The rows of the table.

        Raises:
            ValueError: keys are of a type that is not that of the documents.
        """
        import pyarrow as pa

        with _Dealt(self._folder, "rows", self._parts) as dealt:
            for batch in batches:
                keys = batch.column(on)
                try:
                    keys = keys.cast(self._key)
                except (pa.ArrowException, NotImplementedError) as error:
                    raise ValueError(
                        f"the key {on!r} is {keys.type} in the table and {self._key} in the store: {error}"
                    ) from error
                values = batch.drop_columns([on])
                self._value_schema = values.schema
                self.counts.rows += batch.num_rows
                columns = {"key": keys, **dict(zip(values.schema.names, values.columns, strict=True))}
                joined = pa.RecordBatch.from_arrays(
                    list(columns.values()),
                    schema=pa.schema([pa.field("key", self._key), *values.schema]),
                )
                dealt.add(joined, _part_of(keys, self._parts))

    def join(self) -> None:
        """Brings them together."""
        with _Dealt(self._folder, "found", self._ranges) as dealt:
            for part in range(self._parts):
                documents = _dealt_table(self._folder, "documents", part)
                rows = _dealt_table(self._folder, "rows", part)
                found = self._joined(documents, rows)
                if found is not None:
                    for batch in found.combine_chunks().to_batches():
                        numbers = batch.column(_DOCUMENT).to_numpy()
                        dealt.add(batch, (numbers // self._range_size).astype(np.int64))
        self.counts.unmatched_documents = self.counts.documents - self.counts.matched_documents

    def _joined(self, documents: pa.Table | None, rows: pa.Table | None) -> pa.Table | None:
        import pyarrow as pa
        import pyarrow.compute as pc

        if rows is None:
            return None
        keys = rows.column("key").combine_chunks()
        first = pc.index_in(keys, value_set=keys, skip_nulls=True)
        has_key = keys.is_valid().to_numpy(zero_copy_only=False)
        is_first = (first.fill_null(-1).to_numpy() == np.arange(len(keys))) & has_key
        self.counts.doubled_rows += int(np.count_nonzero(has_key & ~is_first))
        rows = rows.filter(pa.array(is_first))
        self.counts.unmatched_rows += int(np.count_nonzero(~has_key))
        if documents is None:
            self.counts.unmatched_rows += rows.num_rows
            return None
        keys = rows.column("key").combine_chunks()
        at = pc.index_in(documents.column("key"), value_set=keys, skip_nulls=True)
        is_found = at.is_valid()
        places = at.drop_null()
        self.counts.matched_documents += len(places)
        self.counts.unmatched_rows += rows.num_rows - len(pc.unique(places))
        found = rows.drop_columns(["key"]).take(places)
        numbers = documents.column(_DOCUMENT).filter(is_found)
        return found.append_column(_DOCUMENT, numbers)

    def values(self, first: int, last: int) -> pa.Table:
        """The values of documents first to last, in order; null where there is no row."""
        import pyarrow as pa

        assert self._value_schema is not None
        tables = [self._empty()] if first == last else []
        at = first
        while at < last:
            number = at // self._range_size
            end = min(last, (number + 1) * self._range_size)
            begin = number * self._range_size
            tables.append(self._range(number).slice(at - begin, end - at))
            at = end
        return pa.concat_tables(tables)

    def _empty(self) -> pa.Table:
        assert self._value_schema is not None
        return self._value_schema.empty_table()

    def _range(self, number: int) -> pa.Table:
        """All documents of a range, the last one asked for kept."""
        import pyarrow as pa

        if self._loaded[0] != number:
            self._loaded = (-1, None)
            begin = number * self._range_size
            size = min(self._range_size, self._documents - begin)
            found = _dealt_table(self._folder, "found", number)
            places = np.full(size, -1, np.int64)
            if found is None:
                found = self._empty()
            else:
                places[found.column(_DOCUMENT).to_numpy() - begin] = np.arange(found.num_rows)
                found = found.drop_columns([_DOCUMENT])
            table = found.combine_chunks().take(pa.array(places, mask=places < 0))
            self._loaded = (number, table)
        table = self._loaded[1]
        assert isinstance(table, pa.Table)
        return table


def _part_of(keys: pa.Array, parts: int) -> NDArray[np.int64]:
    """A part for each key, the same for equal ones."""
    import pyarrow as pa

    if parts == 1:
        return np.zeros(len(keys), np.int64)
    texts = keys.cast(pa.large_string()).fill_null("")
    _, offsets, data = texts.buffers()
    bounds = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    hashes = _core.text_hashes(data if data is not None else b"", np.ascontiguousarray(bounds))
    numbers: NDArray[np.int64] = (hashes % np.uint64(parts)).astype(np.int64)
    return numbers


class _Dealt:
    """Rows on their way into one of several files, each of Arrow's record batches."""

    def __init__(self, folder: Path, name: str, parts: int) -> None:
        self._folder, self._name = folder, name
        self._pending: list[list[pa.RecordBatch]] = [[] for _ in range(parts)]
        self._bytes = [0] * parts
        self._writers: dict[int, Any] = {}

    def add(self, batch: pa.RecordBatch, parts: Sequence[int] | NDArray[np.int64]) -> None:
        """Deals the rows of a batch by the number of each one's part."""
        import pyarrow as pa

        if not batch.num_rows:
            return
        order = np.argsort(np.asarray(parts), kind="stable")
        sizes = np.bincount(parts, minlength=len(self._pending))
        ends = np.cumsum(sizes)
        for part in np.flatnonzero(sizes).tolist():
            taken = (
                batch
                if sizes[part] == batch.num_rows
                else batch.take(pa.array(order[ends[part] - sizes[part] : ends[part]]))
            )
            self._pending[part].append(taken)
            self._bytes[part] += taken.nbytes
            if self._bytes[part] > 1 << 20:
                self._flush(part)

    def _flush(self, part: int) -> None:
        import pyarrow as pa

        if not self._pending[part]:
            return
        table = pa.Table.from_batches(self._pending[part])
        if part not in self._writers:
            self._writers[part] = pa.ipc.new_file(
                str(self._folder / f"{self._name}-{part}.arrow"), table.schema
            )
        self._writers[part].write_table(table.combine_chunks())
        self._pending[part], self._bytes[part] = [], 0

    def __enter__(self) -> _Dealt:
        return self

    def __exit__(self, *_: object) -> None:
        for part in range(len(self._pending)):
            self._flush(part)
        for writer in self._writers.values():
            writer.close()


def _dealt_table(folder: Path, name: str, part: int) -> pa.Table | None:
    import pyarrow as pa

    path = folder / f"{name}-{part}.arrow"
    if not path.exists():
        return None
    with pa.OSFile(str(path)) as file:
        return pa.ipc.open_file(file).read_all()


def key_batches(batches: Iterable[pa.RecordBatch], name: str) -> Iterator[pa.Array]:
    """A column of batches; dictionaries as their values."""
    import pyarrow as pa

    for batch in batches:
        column = batch.column(name)
        yield column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
