"""Rows as Arrow tables: Parquet files, and datasets on disk of the `datasets` library."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pypack._common.files import atomic_writer, write_atomically
from pypack.columnar.process import ColumnarReader, DamagedColumnsError
from pypack.columnar.request import ReadRequest
from pypack.formats.rows import Rows, iterate_rows
from pypack.plan.plan import Plan
from pypack.ragged import Ragged
from pypack.store.store import TokenStore

SCHEMA = pa.schema([(name, pa.list_(pa.int32())) for name in ("input_ids", "labels", "seq_lengths")])
ARROW_FILE = "data-00000-of-00001.arrow"


def write_parquet(store: TokenStore, plan: Plan | None, path: Path) -> int:
    """Writes one Parquet file with the columns that TRL gives packed rows; returns the number of rows.

    `input_ids`, `labels` (unshifted, -100 at the first token of each document) and `seq_lengths` (tokens of
    each document of the row), lists of int32.
    """
    count = 0
    with atomic_writer(path) as file, pq.ParquetWriter(file, SCHEMA, compression="zstd") as writer:
        for rows in iterate_rows(store, plan):
            writer.write_batch(_record_batch(rows))
            count += len(rows)
    return count


def write_dataset(store: TokenStore, plan: Plan | None, directory: Path) -> int:
    """Writes what `datasets.load_from_disk` opens, with the columns of `write_parquet`."""
    directory.mkdir(parents=True, exist_ok=True)
    count = 0
    with atomic_writer(directory / ARROW_FILE) as file, pa.ipc.new_stream(file, SCHEMA) as writer:
        for rows in iterate_rows(store, plan):
            writer.write_batch(_record_batch(rows))
            count += len(rows)
    feature = {"feature": {"dtype": "int32", "_type": "Value"}, "_type": "List"}
    info = {"features": dict.fromkeys(SCHEMA.names, feature)}
    state: dict[str, Any] = {
        "_data_files": [{"filename": ARROW_FILE}],
        "_fingerprint": store.lengths_fingerprint + ("" if plan is None else plan.fingerprint),
        "_format_columns": None,
        "_format_kwargs": {},
        "_format_type": None,
        "_output_all_columns": False,
        "_split": None,
    }
    write_atomically(directory / "dataset_info.json", json.dumps(info).encode())
    write_atomically(directory / "state.json", json.dumps(state).encode())
    return count


def _record_batch(rows: Rows) -> pa.RecordBatch:
    def lists(values: np.ndarray, offsets: np.ndarray) -> pa.Array:  # type: ignore[type-arg]
        return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), pa.array(values))

    return pa.RecordBatch.from_arrays(
        [
            lists(rows.input_ids, rows.offsets),
            lists(rows.labels, rows.offsets),
            lists(rows.span_lengths, rows.row_spans),
        ],
        schema=SCHEMA,
    )


def read_parquet(path: Path, column: str) -> Iterator[Ragged]:
    """Documents of a Parquet file: the lists of token ids in a column."""
    return _read(path, "parquet", column)


def read_dataset(directory: Path, column: str) -> Iterator[Ragged]:
    """Documents of a dataset that the `datasets` library saved to disk."""
    return _read(directory, "dataset", column)


def _read(path: Path, kind: str, column: str) -> Iterator[Ragged]:
    """Raises ValueError where the file is damaged, whatever its library makes of that."""
    with ColumnarReader() as reader:
        try:
            for batch in reader.read(ReadRequest(str(path), kind, column, is_text=False)):
                for row, _, reason in batch.faults:
                    raise ValueError(f"{path}: row {batch.row + row}: {reason}")
                yield _ragged(path, batch.columns[0])
        except DamagedColumnsError as damage:
            raise ValueError(f"{path}: {damage.reason}") from None


def _ragged(path: Path, lists: pa.Array) -> Ragged:
    if lists.null_count:
        raise ValueError(f"{path}: {lists.null_count} documents of a batch are null, use empty lists")
    is_list = pa.types.is_list(lists.type) or pa.types.is_large_list(lists.type)
    if not is_list or not pa.types.is_integer(lists.type.value_type):
        raise ValueError(f"{path}: a document must be a list of integers, found {lists.type}")
    offsets = np.asarray(lists.offsets).astype(np.int64)
    if lists.flatten().null_count:
        raise ValueError(f"{path}: a list of token ids holds a null")
    values = np.asarray(lists.flatten()).astype(np.int64)
    if len(values) and not 0 <= int(values.min()) <= int(values.max()) < 2**31:
        raise ValueError(
            f"{path}: token ids must be from 0 to 2^31-1, found {values.min()} to {values.max()}"
        )
    return Ragged(values.astype(np.uint32), offsets - offsets[0])
