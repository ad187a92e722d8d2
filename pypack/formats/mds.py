"""MosaicML's streaming shards (MDS), written and read as arrays, without its library.

Files of samples (`pypack.formats.samples`) that repeat the description of their columns as JSON; columns are
sorted by name. A list of numbers is an `ndarray` of one dimension: a byte that says how many dimensions there
are (above 2 bits) and the type of their lengths (0 to 3: uint8 to uint64), the lengths, the numbers. Kept
columns are `json`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pypack._common.files import write_atomically
from pypack._common.schema import COUNT, TEXT, Field, brief, check
from pypack.formats import about_file
from pypack.formats.byte_rows import ByteRows, interleaved, sliced
from pypack.formats.field_bytes import bytes_of_lists, json_column, list_column, text_column
from pypack.formats.json_values import json_rows
from pypack.formats.numpy_types import numpy_type
from pypack.formats.records import RecordReader, stream_of_records
from pypack.formats.samples import SampleFile, SampleWriter, samples_of
from pypack.formats.stream import About, Stream
from pypack.formats.table import Layout

COLUMN = "tokens"
INDEX_FILE = "index.json"
_ARRAY = re.compile(r"ndarray(?::(u?int(?:8|16|32|64)|float(?:16|32|64))(?::([0-9,]+))?)?")
_SCALARS = {"int": "int64"} | {f"{s}int{b}": f"{s}int{b}" for s in ("", "u") for b in (8, 16, 32, 64)}
_SCALARS |= {f"float{b}": f"float{b}" for b in (16, 32, 64)}
_TEXTS = frozenset({"str", "str_int", "str_float", "str_decimal"})
_VALUE_DTYPES = {8: "u1", 9: "i1", 16: "<u2", 17: "<i2", 18: "<f2", 32: "<u4", 33: "<i4", 34: "<f4"}
_VALUE_DTYPES |= {64: "<u8", 65: "<i8", 66: "<f8"}
_FILE = Field("dict", open=True, fields={"basename": Field("name"), "bytes": COUNT})
_INDEX = Field(
    "dict",
    open=True,
    fields={
        "shards": Field(
            "list",
            items=Field(
                "dict",
                open=True,
                fields={
                    "column_names": Field("list", items=TEXT),
                    "column_encodings": Field("list", items=TEXT),
                    "column_sizes": Field("list", items=Field("int", 0, 2**31, null=True)),
                    "samples": Field("int", 0, 2**30),
                    "raw_data": _FILE,
                    "zip_data": Field("dict", open=True, null=True, optional=True, fields=_FILE.fields),
                },
            ),
        )
    },
)


def write(stream: Stream, directory: Path) -> int:
    """Writes shards with a column `tokens` (ndarray:int32), as llm-foundry reads, and what else there is of
    `pypack.formats.table`; returns the rows."""
    layout = Layout.of(stream, ids=COLUMN)
    directory.mkdir(parents=True, exist_ok=True)
    schema = layout.schema
    names = sorted(schema.names)
    encodings = [_encoding(schema.field(name).type, name in layout.columns.names) for name in names]
    described = {
        "column_encodings": encodings,
        "column_names": names,
        "column_sizes": [None] * len(names),
        "compression": None,
        "format": "mds",
        "hashes": [],
        "size_limit": 1 << 26,
        "version": 2,
    }
    writer = SampleWriter(
        directory, lambda number: f"shard.{number:05d}.mds", json.dumps(described, sort_keys=True).encode()
    )
    count = 0
    for block in stream.blocks:
        records = layout.records(block)
        fields = [
            json_rows(records.column(name)) if encoding == "json" else _arrays(records.column(name))
            for name, encoding in zip(names, encodings, strict=True)
        ]
        writer.write(samples_of(fields))
        count += block.num_rows
    writer.finish()
    shards = [
        {
            **described,
            "raw_data": {"basename": file.name, "bytes": file.size, "hashes": {}},
            "samples": file.samples,
            "zip_data": None,
        }
        for file in writer.files
    ]
    text = json.dumps({"shards": shards, "version": 2}, sort_keys=True)
    write_atomically(directory / INDEX_FILE, text.encode())
    return count


def _encoding(kind: pa.DataType, is_kept: bool) -> str:
    if is_kept or not pa.types.is_list(kind):
        return "json"
    return f"ndarray:{numpy_type(kind.value_type).name}"


def _arrays(values: pa.Array) -> ByteRows:
    """Lists of numbers as `ndarray`s of one dimension."""
    data, bounds, lengths = bytes_of_lists(values)
    kinds = np.digitize(lengths, [1 << 8, 1 << 16])  # 0: uint8, 1: uint16, 2: uint32
    sizes = 1 + (1 << kinds)
    starts = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(sizes, out=starts[1:])
    head = np.empty(int(starts[-1]), np.uint8)
    head[starts[:-1]] = 1 << 2 | kinds
    for byte in range(4):
        wide = sizes > byte + 1
        head[starts[:-1][wide] + 1 + byte] = (lengths[wide] >> (8 * byte)) & 255
    return interleaved([(head, starts), (data, bounds)])


def read(directory: Path, index: Any, column: str, found: about_file.Found | None) -> Stream:
    """Rows of local shards; what their columns hold besides is kept.

    Raises:
        ValueError: a shard is compressed or damaged, or a column is of a kind that is not read.
    """
    place = directory / INDEX_FILE
    check(index, _INDEX, str(place))
    shards = index["shards"]
    names: list[str] = shards[0]["column_names"] if shards else [column]
    for shard in shards:
        if sorted(shard["column_names"]) != sorted(names):
            raise ValueError(f"{place}: its shards have other columns than one another")
        if (
            len(set(names)) < len(names)
            or len(shard["column_encodings"]) != len(names)
            or (len(shard["column_sizes"]) != len(names))
        ):
            raise ValueError(f"{place}: names, encodings and sizes of columns are not as many")
        for encoding in shard["column_encodings"]:
            if not _is_read(encoding):  # "pkl" runs what the file says
                raise ValueError(f"{place}: a column of encoding {brief(encoding)} is not read")
        raw = directory / shard["raw_data"]["basename"]
        if not raw.is_file():
            why = "is compressed: decompress it first" if shard.get("zip_data") else "is missing"
            raise ValueError(f"{raw}: {why}")
    about = About() if found is None else found.about
    reader = RecordReader.of(str(directory), column, names, found)
    return stream_of_records(reader, _records(directory, shards, names, about), about)


def _is_read(encoding: str) -> bool:
    return (
        encoding in _SCALARS
        or encoding in _TEXTS
        or encoding in ("json", "bytes")
        or (_ARRAY.fullmatch(encoding) is not None)
    )


def _records(
    directory: Path, shards: list[Any], names: list[str], about: About
) -> Generator[pa.RecordBatch, None, None]:
    for shard in shards:
        path = directory / shard["raw_data"]["basename"]
        file = SampleFile(path, shard["samples"], [size or None for size in shard["column_sizes"]])
        kinds = dict(zip(shard["column_names"], shard["column_encodings"], strict=True))
        for fields in file.fields():
            rows = dict(zip(shard["column_names"], fields, strict=True))
            try:
                yield pa.RecordBatch.from_arrays(
                    [_column(rows[name], kinds[name], about.kind_of(name)) for name in names], names
                )
            except (ValueError, pa.ArrowException) as error:
                raise ValueError(f"{path}: cannot be read ({' '.join(str(error).split())[:300]})") from error


def _column(rows: ByteRows, encoding: str, kind: str | None) -> pa.Array:
    if encoding == "json":
        return json_column(rows, kind)
    if encoding in _TEXTS or encoding == "bytes":
        return text_column(rows, is_text=encoding != "bytes")
    if encoding in _SCALARS:
        return pa.array(np.frombuffer(rows[0].tobytes(), _SCALARS[encoding]))
    found = _ARRAY.fullmatch(encoding)
    assert found is not None
    return _read_arrays(rows, found[1], has_shape=found[2] is not None)


def _read_arrays(rows: ByteRows, dtype: str | None, *, has_shape: bool) -> pa.Array:
    data, bounds = rows
    starts, ends = bounds[:-1].copy(), bounds[1:]
    if len(starts) and int((ends - starts).min()) < (dtype is None) + (not has_shape):
        raise ValueError("an array is shorter than its head")
    if dtype is None:
        codes = np.unique(data[starts])
        if len(codes) > 1 or (len(codes) and int(codes[0]) not in _VALUE_DTYPES):
            raise ValueError("arrays of several types, or of an unknown one")
        dtype = _VALUE_DTYPES[int(codes[0])] if len(codes) else "<i4"
        starts += 1
    if not has_shape:
        head = data[starts].astype(np.int64)
        starts += 1 + (head >> 2) * (1 << (head & 3))
    lengths = ends - starts
    if len(lengths) and int(lengths.min()) < 0:
        raise ValueError("an array is shorter than its shape says")
    return list_column(sliced(data, starts, lengths), np.dtype(dtype))
