"""The kept columns of a store, read along with its documents."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pypack._common.files import require_regular
from pypack.store.store import TokenStore

if TYPE_CHECKING:
    import pyarrow as pa

    from pypack.formats.spilled_columns import SpilledColumns


class KeptColumns:
    """Gives the columns of the next documents; those that the store derives are left out.

    In the order of the store they are read as they are asked for; in another order (of a plan) they wait in a
    temporary file.

    Args:
        documents: int64 [n], which ones will be asked for; None: all, in their order.

    Attributes:
        schema: of the columns, each in the one type that holds the values of all shards; None: there are
            none.
    """

    def __init__(self, store: TokenStore, documents: NDArray[np.int64] | None) -> None:
        infos = [part.info for part in store.parts]
        shards = [shard for info in infos if info is not None for shard in info.shards]
        self.schema: pa.Schema | None = None
        self._spilled: SpilledColumns | None = None
        self._documents = documents
        self._first = 0
        self._batches: Generator[pa.RecordBatch, None, None] | None = None
        self._waiting: list[pa.RecordBatch] = []
        if None in infos or not shards or any(shard.columns_checksum is None for shard in shards):
            return
        derived = {name for info in infos if info is not None for name in derived_columns(info.options)}
        self._derived = derived
        self._store = store
        self.schema = _joined_schema(store, derived)
        if self.schema is not None:
            self._batches = self._read()

    @property
    def names(self) -> list[str]:
        """Names of the columns."""
        return [] if self.schema is None else list(self.schema.names)

    @property
    def json_names(self) -> list[str]:
        """Names of those that hold JSON text."""
        from pypack.store.column_types import is_json

        return [] if self.schema is None else [field.name for field in self.schema if is_json(field)]

    def next(self, count: int) -> pa.RecordBatch | None:
        """The columns of the next documents."""
        import pyarrow as pa

        if self.schema is None:
            return None
        if self._documents is not None:
            if self._spilled is None:
                from pypack.formats.spilled_columns import SpilledColumns

                assert self._batches is not None
                self._spilled = SpilledColumns(self.schema, self._batches)
            places = self._documents[self._first : self._first + count]
            self._first += count
            return self._spilled.take(places)
        batches = self._next(count)
        if not batches:
            return pa.RecordBatch.from_pylist([], schema=self.schema)
        return (
            pa.Table.from_batches(batches).combine_chunks().to_batches()[0]
            if len(batches) > 1
            else batches[0]
        )

    def close(self) -> None:
        """Ends reading."""
        if self._spilled is not None:
            self._spilled.close()
        if self._batches is not None:
            if not self._waiting:
                next(self._batches, None)  # at its end the reading process waits for the next reader
            self._batches.close()

    def _next(self, count: int) -> list[pa.RecordBatch]:
        taken = []
        assert self._batches is not None
        while count:
            batch = self._waiting.pop() if self._waiting else next(self._batches)
            if batch.num_rows > count:
                self._waiting.append(batch.slice(count))
                batch = batch.slice(0, count)
            taken.append(batch)
            count -= batch.num_rows
        return taken

    def _read(self) -> Generator[pa.RecordBatch, None, None]:
        with closing(_batches(self._store, self._derived)) as batches:
            for batch in batches:
                if batch.num_rows:
                    yield self._fitted(batch)

    def _fitted(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        import pyarrow as pa

        from pypack.store.column_types import as_field

        assert self.schema is not None
        arrays = [
            as_field(batch.column(field.name), batch.schema.field(field.name), field) for field in self.schema
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)


def derived_columns(options: dict[str, object]) -> tuple[str, ...]:
    """Columns that a conversion has made of what a store holds besides: no loss where they are missing."""
    names = options.get("derived_columns", ())
    return tuple(map(str, names)) if isinstance(names, list | tuple) else ()


def _batches(store: TokenStore, derived: set[str]) -> Generator[pa.RecordBatch, None, None]:
    """The columns of all shards, some rows at a time, in the types of their files."""
    import pyarrow as pa

    from pypack.columnar.process import ColumnarReader, DamagedColumnsError
    from pypack.columnar.request import ReadRequest
    from pypack.store.column_types import unlabelled

    for part in store.parts:
        assert part.info is not None
        for shard in part.info.shards:
            path, rows = part.local_file(f"{shard.name}.parquet"), 0
            require_regular(path)
            try:
                with ColumnarReader() as reader:
                    for found in reader.read(ReadRequest(str(path), "columns", "", is_text=False)):
                        batch = pa.RecordBatch.from_arrays(found.columns, schema=unlabelled(found.schema))
                        rows += batch.num_rows
                        yield batch.drop_columns([name for name in batch.schema.names if name in derived])
            except DamagedColumnsError as damage:
                raise ValueError(f"{path}: {damage.reason}") from None
            if rows != shard.documents:
                raise ValueError(
                    f"{path}: {rows} rows for {shard.documents} documents; it is not its store's"
                )


def _joined_schema(store: TokenStore, derived: set[str]) -> pa.Schema | None:
    """The types that hold the values of all shards: a first pass over the columns."""
    import pyarrow as pa

    from pypack.store.column_types import has_wide_integers, joined_field

    schema: pa.Schema | None = None
    wide: set[str] = set()
    for batch in _batches(store, derived):
        if schema is not None and batch.schema.names != schema.names:
            raise ValueError(
                f"{store.path}: a shard keeps the columns {batch.schema.names}, others {schema.names}"
            )
        wide |= {name for name in batch.schema.names if has_wide_integers(batch.column(name))}
        schema = (
            batch.schema
            if schema is None
            else pa.schema(
                joined_field(one, two, one.name in wide)
                for one, two in zip(schema, batch.schema, strict=True)
            )
        )
    return schema if schema is not None and len(schema) else None
