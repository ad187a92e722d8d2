"""`tf.train.Example` messages, written from arrays and read into them; no TensorFlow, no protobuf.

An Example is a map of names to lists of int64 (packed varints), of float32, or of bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from pypack.formats.byte_rows import ByteRows, interleaved
from pypack.formats.varints import varints

BYTES, FLOATS, INTS = 1, 2, 3  # fields of a Feature
_VARINT, _FIXED64, _DELIMITED, _FIXED32 = 0, 1, 2, 5
# A feature of one record: its kind, and the bytes of its values: packed numbers, or the last bytes value.
Feature: TypeAlias = "tuple[int, bytes]"


def constant(text: bytes, rows: int) -> ByteRows:
    """The same bytes in every row."""
    return np.tile(np.frombuffer(text, np.uint8), rows), np.arange(rows + 1, dtype=np.int64) * len(text)


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


def parse(record: bytes) -> dict[str, Feature]:
    """The features of one Example.

    Raises:
        ValueError: it is none.
    """
    found: dict[str, Feature] = {}
    for field, features in _fields(record):
        if field != 1 or not isinstance(features, bytes):
            continue
        for _, entry in _fields(features):
            key, feature = b"", b""
            for part, value in _fields(_bytes(entry)):
                if part == 1:
                    key = _bytes(value)
                elif part == 2:
                    feature = _bytes(value)
            for kind, values in _fields(feature):
                found[key.decode()] = kind, _values(kind, _bytes(values))
    return found


def _values(kind: int, message: bytes) -> bytes:
    """The values of a list, as packed: writers may also give each a tag of its own."""
    parts = [value for field, value in _fields(message) if field == 1]
    if kind == BYTES:
        if len(parts) > 1:
            raise ValueError("a list of several bytes values")
        return _bytes(parts[0]) if parts else b""
    return b"".join(part if isinstance(part, bytes) else _varint(part) for part in parts)


def _bytes(value: bytes | int) -> bytes:
    if not isinstance(value, bytes):
        raise ValueError("no tf.train.Example")
    return value


def _fields(message: bytes) -> list[tuple[int, bytes | int]]:
    """(number, value) of the fields of a message."""
    found: list[tuple[int, bytes | int]] = []
    at = 0
    while at < len(message):
        tag, at = _number(message, at)
        value: bytes | int
        kind = tag & 7
        if kind == _VARINT:
            value, at = _number(message, at)
        else:
            size = {_FIXED64: 8, _FIXED32: 4}.get(kind, -1)
            if kind == _DELIMITED:
                size, at = _number(message, at)
            if size < 0 or at + size > len(message):
                raise ValueError("no tf.train.Example, or one that is cut off")
            value, at = message[at : at + size], at + size
        found.append((tag >> 3, value))
    return found


def _number(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(message) and shift < 70:
        byte = message[at]
        value |= (byte & 127) << shift
        at += 1
        if byte < 128:
            return (value if value < 2**63 else value - 2**64), at
        shift += 7
    raise ValueError("no tf.train.Example, or one that is cut off")


def joined(values: Sequence[bytes]) -> ByteRows:
    """Bytes of rows, end to end."""
    bounds = np.zeros(len(values) + 1, np.int64)
    np.cumsum([len(value) for value in values], out=bounds[1:])
    data: NDArray[np.uint8] = np.frombuffer(b"".join(values), np.uint8)
    return data, bounds
