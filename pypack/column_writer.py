"""The per-document columns of one shard, as parquet."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

# Row groups of a fixed size, so that the file does not depend on how the documents were batched.
_ROWS_PER_GROUP = 2**16


class ColumnWriter:
    """Writes record batches of one schema into row groups of 2^16 rows."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        import pyarrow.parquet as pq

        self._path = path
        self._schema = schema
        self._writer = pq.ParquetWriter(path, schema, compression="zstd")
        self._pending: list[pa.RecordBatch] = []
        self._rows = 0

    def append(self, batch: pa.RecordBatch) -> None:
        """Takes the next rows; raises ValueError if their schema differs from the first batch's."""
        if not batch.schema.equals(self._schema):
            raise ValueError(f"columns: schema {batch.schema} differs from the first batch's {self._schema}")
        self._pending.append(batch)
        self._rows += batch.num_rows
        while self._rows >= _ROWS_PER_GROUP:
            self._write_group(_ROWS_PER_GROUP)

    def _write_group(self, rows: int) -> None:
        import pyarrow as pa

        table = pa.Table.from_batches(self._pending, self._schema)
        self._writer.write_table(table.slice(0, rows).combine_chunks(), row_group_size=_ROWS_PER_GROUP)
        self._pending = table.slice(rows).to_batches()
        self._rows -= rows

    def close(self) -> None:
        """Writes what is pending, syncs and closes the file."""
        if self._rows:
            self._write_group(self._rows)
        self._writer.close()
        with self._path.open("rb") as file:
            os.fsync(file.fileno())
