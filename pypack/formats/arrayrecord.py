"""ArrayRecord files, as Grain reads them, whose records are `tf.train.Example`s.

Files are written and read by Google's `array_record`. The fields of `pypack.formats.table` are lists of
int64 (`loss_weight`: of float), kept columns JSON texts as bytes.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pypack.formats import about_file, examples
from pypack.formats.byte_rows import ByteRows
from pypack.formats.field_bytes import bytes_of_lists, json_column, list_column, text_column
from pypack.formats.json_values import json_rows
from pypack.formats.records import RecordReader, stream_of_records
from pypack.formats.stream import About, Stream
from pypack.formats.table import GROUP, WEIGHT, Layout
from pypack.formats.varints import numbers_of, varints

MAGIC = b"\x83\xaf\x70\xd1\x0d\x88\x4a\x3f"  # of Riegeli, in which the records stand
_READ_RECORDS = 256


def _library() -> Any:
    try:
        from array_record.python import array_record_module
    except ImportError as error:
        raise ImportError("ArrayRecord files need array_record: pip install array_record") from error
    return array_record_module


@contextmanager
def _opened(path: Path, options: str = "") -> Iterator[Any]:
    """A file to read; its library may say of damage at any call, the last one included.

    Raises:
        ValueError: the file is damaged.
    """
    try:
        file = _library().ArrayRecordReader(str(path), options)
        try:
            yield file
        except BaseException:
            with suppress(RuntimeError):
                file.close()
            raise
        file.close()
    except RuntimeError as error:
        raise ValueError(f"{path}: cannot be read ({' '.join(str(error).split())[:300]})") from error


def write(stream: Stream, path: Path) -> int:
    """Writes one file; returns the rows."""
    layout = Layout.of(stream)
    # A record alone in its group can be read alone.
    writer = _library().ArrayRecordWriter(str(path), "group_size:1")
    count = 0
    try:
        for block in stream.blocks:
            records = layout.records(block)
            features = {
                name: _feature(records.column(name), name in layout.columns.names)
                for name in layout.schema.names
            }
            data, bounds = examples.examples(features, block.num_rows)
            text, edges = data.tobytes(), bounds.tolist()
            for row in range(block.num_rows):
                writer.write(text[edges[row] : edges[row + 1]])
            count += block.num_rows
    finally:
        writer.close()
    return count


def _feature(values: pa.Array, is_kept: bool) -> tuple[int, ByteRows]:
    if is_kept:
        return examples.BYTES, json_rows(values)
    if not pa.types.is_list(values.type):
        values = pa.ListArray.from_arrays(pa.array(np.arange(len(values) + 1, dtype=np.int32)), values)
    if pa.types.is_floating(values.type.value_type):
        return examples.FLOATS, bytes_of_lists(values)[:2]
    offsets = np.asarray(values.offsets).astype(np.int64)
    return examples.INTS, varints(_numbers(values.flatten()), offsets - offsets[0])


def _numbers(values: pa.Array) -> NDArray[np.int32] | NDArray[np.int64]:
    found: NDArray[np.int32] | NDArray[np.int64] = values.to_numpy()
    return found if found.dtype in (np.int32, np.int64) else found.astype(np.int64)


def read(path: Path, column: str, found: about_file.Found | None) -> Stream:
    """Rows of such a file.

    Raises:
        ValueError: it is damaged, or its records are no Examples of the same features.
    """
    about = About() if found is None else found.about
    with _opened(path) as file:
        count = file.num_records()
        first = file.read(0, 1) if count else []
    try:
        names = examples.names_in(first[0]) if first else [column]
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    # Maps have no order: the ids first, the kept columns as the store had them.
    known = [name for name in (column, *about.columns) if name in names]
    names = known + sorted(set(names) - set(known))
    is_packed = found is not None and found.is_packed
    reader = RecordReader.of(str(path), column, names, found)
    return stream_of_records(reader, _records(path, count, names, about, is_packed), about)


def _records(
    path: Path, count: int, names: list[str], about: About, is_packed: bool
) -> Generator[pa.RecordBatch, None, None]:
    own = {*about.columns}
    with _opened(path, "readahead_buffer_size:0,max_parallelism:0") as file:
        for start in range(0, count, _READ_RECORDS):
            records = file.read(start, min(start + _READ_RECORDS, count))
            try:
                parsed = examples.parse(records, names)
                columns = [
                    _column(name, parsed[name], about, is_json=name in own, is_packed=is_packed)
                    for name in names
                ]
                batch = pa.RecordBatch.from_arrays(columns, names)
            except (ValueError, pa.ArrowException) as error:
                raise ValueError(f"{path}: record {start} or behind: {error}") from error
            yield batch


def _column(
    name: str,
    feature: examples.Feature,
    about: About,
    *,
    is_json: bool,
    is_packed: bool,
) -> pa.Array:
    kind, rows = feature
    if kind == examples.BYTES:
        return json_column(rows, about.kind_of(name)) if is_json else text_column(rows, is_text=False)
    if kind == examples.FLOATS:
        values = list_column(rows, np.dtype("<f4"))
    else:
        numbers, offsets = numbers_of(*rows)
        values = pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(numbers))
    is_single = name in (GROUP, WEIGHT) and not is_packed
    return values.flatten() if is_single else values
