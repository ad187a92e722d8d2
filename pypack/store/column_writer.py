"""The per-document columns of one shard, as parquet."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pypack._common.files import create
from pypack.store.column_types import as_field, has_wide_integers, joined_field

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

# Row groups of a fixed size, so that the file does not depend on how the documents were batched.
_ROWS_PER_GROUP = 2**16


class ColumnWriter:
    """Writes record batches into row groups of 2^16 rows.

    Every batch has the same columns, but their types may differ: a column gets the narrowest type that joins
    those of all batches (see `column_types`). Where that turns out after row groups were written, they are
    written anew.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._path = path
        self._schema = schema
        self._writer: pq.ParquetWriter | None = None
        self._written_schema = schema
        self._wide_integers: set[str] = set()
        self._pending: list[pa.RecordBatch] = []
        self._rows = 0

    def append(self, batch: pa.RecordBatch) -> None:
        """Takes the next rows; raises ValueError if their columns are not those of the first batch."""
        import pyarrow as pa

        if batch.schema.names != self._schema.names:
            raise ValueError(
                f"columns: {', '.join(batch.schema.names)}; "
                f"the first batch has {', '.join(self._schema.names)}"
            )
        self._wide_integers |= {
            name
            for name, column in zip(batch.schema.names, batch.columns, strict=True)
            if has_wide_integers(column)
        }
        self._schema = pa.schema(
            joined_field(one, two, one.name in self._wide_integers)
            for one, two in zip(self._schema, batch.schema, strict=True)
        )
        self._pending.append(batch)
        self._rows += batch.num_rows
        while self._rows >= _ROWS_PER_GROUP:
            self._write_group(_ROWS_PER_GROUP)

    def _write_group(self, rows: int) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if self._writer is None:
            self._file = create(self._path)  # a name that is not UTF-8 is none for the library
            self._writer = pq.ParquetWriter(self._file, self._schema, compression="zstd")
            self._written_schema = self._schema
        elif not self._written_schema.equals(self._schema, check_metadata=True):
            self._rewrite()
        table = pa.Table.from_batches([self._fitted(batch) for batch in self._pending], self._schema)
        self._writer.write_table(table.slice(0, rows).combine_chunks(), row_group_size=_ROWS_PER_GROUP)
        self._pending = table.slice(rows).to_batches()
        self._rows -= rows

    def _rewrite(self) -> None:
        """Writes the row groups so far once more, in the schema that has become wider."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        assert self._writer is not None
        self._writer.close()
        self._file.close()
        wider = self._path.with_name(self._path.name + ".wider")
        self._file = create(wider)
        self._writer = pq.ParquetWriter(self._file, self._schema, compression="zstd")
        with self._path.open("rb") as file, pq.ParquetFile(file) as narrow:
            for group in range(narrow.num_row_groups):
                for batch in narrow.read_row_group(group).combine_chunks().to_batches():
                    # Parquet adds metadata of its own to the fields.
                    batch = pa.RecordBatch.from_arrays(batch.columns, schema=self._written_schema)
                    table = pa.Table.from_batches([self._fitted(batch)], self._schema)
                    self._writer.write_table(table, row_group_size=_ROWS_PER_GROUP)
        # The open writer goes on under the old name.
        wider.replace(self._path)
        self._written_schema = self._schema

    def _fitted(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        import pyarrow as pa

        columns = [
            as_field(column, own, wanted)
            for column, own, wanted in zip(batch.columns, batch.schema, self._schema, strict=True)
        ]
        return pa.RecordBatch.from_arrays(columns, schema=self._schema)

    def close(self) -> None:
        """Writes what is pending, syncs and closes the file."""
        if self._rows or self._writer is None:
            self._write_group(self._rows)
        assert self._writer is not None
        self._writer.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
