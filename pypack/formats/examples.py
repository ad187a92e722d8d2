"""`tf.train.Example` messages, written from arrays and read into them; no TensorFlow, no protobuf.

An Example is a map of names to lists of int64 (packed varints), of float32, or of bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from pypack import _core
from pypack.formats.byte_rows import ByteRows, constant, interleaved
from pypack.formats.varints import varints

BYTES, FLOATS, INTS = 1, 2, 3  # fields of a Feature
_DELIMITED = 2
# A feature of some records: its kind, and the bytes of the values of each: packed numbers, or a bytes value.
Feature: TypeAlias = "tuple[int, ByteRows]"


def examples(features: Mapping[str, tuple[int, ByteRows]], rows: int) -> ByteRows:
    """One Example a row.

    Args:
        features: of each name its kind, and the bytes of the values of each row: packed varints, packed
            float32, or one bytes value.
    """
    entries: list[ByteRows] = []
    for name, (kind, values) in features.items():
        listed = _delimited(1, [values])
        feature = _delimited(kind, listed)
        key = name.encode()
        named = constant(b"\x0a" + _varint(len(key)) + key, rows)
        entries += _delimited(1, [named, *_delimited(2, feature)])
    return interleaved(_delimited(1, entries))


def _delimited(field: int, parts: Sequence[ByteRows]) -> list[ByteRows]:
    """Parts as one field: its tag, its size, the parts."""
    rows = len(parts[0][1]) - 1
    sizes = np.sum([np.diff(bounds) for _, bounds in parts], axis=0)
    tag = constant(bytes([field << 3 | _DELIMITED]), rows)
    return [tag, varints(sizes, np.arange(rows + 1, dtype=np.int64)), *parts]


def _varint(value: int) -> bytes:
    return varints(np.array([value], np.int64), np.array([0, 1], np.int64))[0].tobytes()


def names_in(record: bytes) -> list[str]:
    """The names of the features of one Example, in its order.

    Raises:
        ValueError: it is none.
    """
    return list(dict.fromkeys(name.decode() for name, _ in _core.example_features(record)))


def parse(records: list[bytes], names: Sequence[str]) -> dict[str, Feature]:
    """The features of these names of all records: a name that a record has twice counts as its last one.

    Raises:
        ValueError: a record is no Example, or has no feature of a name, or one of several kinds.
    """
    found = _core.read_examples(records, names)
    return {name: (kind, (data, bounds)) for name, (kind, data, bounds) in zip(names, found, strict=True)}


def joined(values: Sequence[bytes]) -> ByteRows:
    """Bytes of rows, end to end."""
    bounds = np.zeros(len(values) + 1, np.int64)
    np.cumsum([len(value) for value in values], out=bounds[1:])
    data: NDArray[np.uint8] = np.frombuffer(b"".join(values), np.uint8)
    return data, bounds
