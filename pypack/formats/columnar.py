"""Records as Arrow tables: Parquet files, and folders of the `datasets` library."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pypack._common.checksums import BlockChecksum
from pypack._common.files import create, write_atomically
from pypack._common.schema import Field, brief, check, read_json
from pypack.columnar.process import ColumnarReader, DamagedColumnsError
from pypack.columnar.request import ReadRequest
from pypack.formats import about_file
from pypack.formats.records import RecordReader, stream_of_records
from pypack.formats.stream import About, Stream
from pypack.formats.table import LABELS, LENGTHS, Layout

INFO_FILE, STATE_FILE, SPLITS_FILE = "dataset_info.json", "state.json", "dataset_dict.json"
_ALWAYS = (LABELS, LENGTHS)
# `datasets` maps the files of a folder; each has about so many bytes of ids.
_FILE_BYTES = 1 << 29
_STATE = Field(
    "dict",
    open=True,
    fields={"_data_files": Field("list", items=Field("dict", open=True, fields={"filename": Field("name")}))},
)
_SPLITS = Field("dict", open=True, fields={"splits": Field("list", items=Field("name"))})


def write_parquet(stream: Stream, path: Path) -> int:
    """Writes one Parquet file with the columns that TRL gives packed rows; returns the number of rows.

    `input_ids`, `labels` and `seq_lengths`, and what else there is of `pypack.formats.table`.
    """
    layout = Layout.of(stream, always=_ALWAYS)
    count = 0
    with (
        create(path) as file,
        pq.ParquetWriter(
            file,
            layout.schema,
            compression="zstd",
            # Of ids a dictionary is as long as they are, and nobody looks for the greatest.
            use_dictionary=_leaves(layout.schema, layout.columns.names),
            write_statistics=_leaves(layout.schema, layout.columns.names),
        ) as writer,
    ):
        for block in stream.blocks:
            writer.write_batch(layout.records(block))
            count += block.num_rows
    return count


def _leaves(schema: pa.Schema, names: Sequence[str]) -> list[str]:
    """What Parquet calls the values of columns; those that are structs are left out."""
    kinds = {name: schema.field(name).type for name in names}
    paths: list[str] = []
    for name, kind in kinds.items():
        path = name
        while pa.types.is_list(kind) or pa.types.is_large_list(kind):
            path, kind = f"{path}.list.element", kind.value_type
        paths += [path] * (not pa.types.is_nested(kind))
    return paths


def write_dataset(stream: Stream, directory: Path) -> int:
    """Writes what `datasets.load_from_disk` of every version from 3.0 opens, with the same columns.

    The folder names no types: each version takes those of the Arrow files, under its own names for them.
    """
    layout = Layout.of(stream, always=_ALWAYS)
    directory.mkdir(parents=True, exist_ok=True)
    schema = layout.schema.remove_metadata()
    schema = pa.schema([pa.field(one.name, one.type) for one in schema])
    files, count, digest = _ArrowFiles(directory, schema), 0, BlockChecksum()
    try:
        for block in stream.blocks:
            records = layout.records(block)
            files.write(records)
            for buffer in (block.documents.values, block.documents.lengths, records.column(LABELS).flatten()):
                digest.update(np.ascontiguousarray(buffer).view(np.uint8).data)
            count += block.num_rows
    finally:
        files.close()
    state: dict[str, Any] = {
        "_data_files": [{"filename": name} for name in files.final_names()],
        # What `datasets` caches results under: other rows, another one.
        "_fingerprint": hashlib.sha256(f"{digest} {layout.schema}".encode()).hexdigest()[:16],
        "_format_columns": None,
        "_format_kwargs": {},
        "_format_type": None,
        "_output_all_columns": False,
        "_split": None,
    }
    write_atomically(directory / INFO_FILE, b"{}")
    write_atomically(directory / STATE_FILE, json.dumps(state).encode())
    return count


class _ArrowFiles:
    """Arrow streams `data-00000-of-00003.arrow` and so on; how many, shows at the end."""

    def __init__(self, directory: Path, schema: pa.Schema) -> None:
        self._directory = directory
        self._schema = schema
        self._paths: list[Path] = []
        self._next()

    def _next(self) -> None:
        self._paths.append(self._directory / f"data-{len(self._paths):05d}.arrow")
        self._file = create(self._paths[-1])
        self._writer = pa.ipc.new_stream(self._file, self._schema)

    def write(self, records: pa.RecordBatch) -> None:
        if self._file.tell() >= _FILE_BYTES:
            self.close()
            self._next()
        self._writer.write_batch(pa.RecordBatch.from_arrays(records.columns, schema=self._schema))

    def close(self) -> None:
        self._writer.close()
        self._file.close()

    def final_names(self) -> list[str]:
        """Gives the files their names."""
        count = len(self._paths)
        names = [f"data-{number:05d}-of-{count:05d}.arrow" for number in range(count)]
        for path, name in zip(self._paths, names, strict=True):
            path.rename(self._directory / name)
        return names


def read_parquet(path: Path, column: str, found: about_file.Found | None) -> Stream:
    """Rows of a Parquet file."""
    return _read(path, [path], "columns", column, found)


def read_dataset(directory: Path, column: str, found: about_file.Found | None) -> Stream:
    """Rows of a dataset that the `datasets` library saved to disk; its files are read without it."""
    place = directory / STATE_FILE
    state = read_json(place)
    check(state, _STATE, str(place))
    if state.get("_indices_data_files"):
        raise ValueError(f"{place}: the rows are an index over others: save it again with a newer `datasets`")
    files = [directory / entry["filename"] for entry in state["_data_files"]]
    return _read(directory, files, "arrow columns", column, found)


def write_splits(directory: Path, names: Sequence[str]) -> Path:
    """Makes the folder of a DatasetDict; returns that of its first split, which is to be written."""
    for name in names:
        check(name, Field("name"), "--split")
    directory.mkdir(parents=True)
    write_atomically(directory / SPLITS_FILE, json.dumps({"splits": list(names)}).encode())
    return directory / names[0]


def splits_of(directory: Path) -> list[str]:
    """The splits of a DatasetDict on disk."""
    place = directory / SPLITS_FILE
    values = read_json(place)
    check(values, _SPLITS, str(place))
    return [str(name) for name in values["splits"]]


def _read(
    path: Path, files: Sequence[Path], kind: str, column: str, found: about_file.Found | None
) -> Stream:
    about = About() if found is None else found.about
    names = _names(files[0], kind) if files else [column]
    reader = RecordReader.of(str(path), column, names, found)
    return stream_of_records(reader, _batches(files, kind), about)


def _names(file: Path, kind: str) -> list[str]:
    """The columns of a file."""
    with ColumnarReader() as reader:
        try:
            names = [name for name, _ in reader.fields(str(file), kind)]
        except DamagedColumnsError as damage:
            raise ValueError(f"{file}: {damage.reason}") from None
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{file}: {names.count(name)} columns are named {brief(name)}")
    return names


def _batches(files: Sequence[Path], kind: str) -> Generator[pa.RecordBatch, None, None]:
    """Raises ValueError where a file is damaged, whatever its library makes of that."""
    with ColumnarReader() as reader:
        for file in files:
            try:
                for batch in reader.read(ReadRequest(str(file), kind, "", is_text=False)):
                    yield pa.RecordBatch.from_arrays(batch.columns, schema=batch.schema)
            except DamagedColumnsError as damage:
                raise ValueError(f"{file}: {damage.reason}") from None
