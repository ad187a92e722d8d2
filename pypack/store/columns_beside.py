"""The columns that a store keeps beside its tokens, and all of it as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pypack._common.files import require_regular
from pypack._common.frames import Framed
from pypack._common.schema import brief
from pypack.store.documents import StoredDocuments

if TYPE_CHECKING:
    import pyarrow as pa


class ColumnsBeside(Framed, StoredDocuments):
    """The room of `TokenStore` that has a row a document."""

    def columns(self, names: Sequence[str] | None = None) -> pa.Table:
        """The per-document columns kept from the input, one row a document, in document order.

        A column has the narrowest type that holds the values of all shards (see `pypack.store.column_types`).

        Raises:
            FileNotFoundError: the store keeps no columns.
            ValueError: it keeps columns, but none of this name; or a file of theirs is damaged.
        """
        from pypack.columnar.table import MissingColumnError, read_table
        from pypack.store.column_types import joined_tables

        if self.info is None or any(shard.columns_checksum is None for shard in self.info.shards):
            raise FileNotFoundError(f"{self.path}: keeps no columns (tokenize with --keep)")
        tables: list[pa.Table] = []
        for shard in self.info.shards:
            path = self.path / f"{shard.name}.parquet"
            require_regular(path)
            try:
                table = read_table(path, names)
            except MissingColumnError as error:
                raise ValueError(f"{self.path}: {error}") from None
            if table.num_rows != shard.documents:
                raise ValueError(
                    f"{path}: {table.num_rows} rows for {shard.documents} documents; it is not its store's"
                )
            if tables and table.column_names != tables[0].column_names:
                raise ValueError(
                    f"{path}: keeps the columns {brief(table.column_names)}, the shards before it "
                    f"{brief(tables[0].column_names)}"
                )
            tables.append(table)
        return joined_tables(tables)

    def to_arrow(self, columns: Sequence[str] | None = None) -> pa.Table:
        """An Arrow table with a row a document: `input_ids` (large_list<uint32>), and the kept columns.

        Reads everything into memory; of a large store, take some: `pypack.Ragged.from_rows(store[:1000])`.

        Args:
            columns: the kept columns that are wanted; None: all, if the store keeps any.
        """
        import pyarrow as pa

        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(self.lengths, dtype=np.int64)])
        values = np.concatenate([np.empty(0, self.dtype), *self]).astype(np.uint32)
        table = pa.table({"input_ids": pa.LargeListArray.from_arrays(offsets, values)})
        if columns is None:
            keeps = all(p.info and all(s.columns_checksum for s in p.info.shards) for p in self.parts)
            kept = self.columns() if keeps else pa.table({})
        else:
            kept = self.columns(columns) if columns else pa.table({})
        for field, column in zip(kept.schema, kept.columns, strict=True):
            table = table.append_column(field, column)
        return table
