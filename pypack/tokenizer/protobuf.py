"""Fields of a message in protobuf's wire format, without a schema."""

from __future__ import annotations

import struct
from collections.abc import Iterator

Value = int | float | bytes

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5


def fields(data: bytes) -> Iterator[tuple[int, Value]]:
    """(number, value) of every field, in order: int for varints, float for 32 bits, bytes for the rest.

    Raises:
        ValueError: the bytes are no such message.
    """
    at, size = 0, len(data)
    while at < size:
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        value: Value
        if wire == _VARINT:
            value, at = _varint(data, at)
        elif wire == _LENGTH:
            length, at = _varint(data, at)
            value, at = data[at : at + length], at + length
        elif wire == _FIXED32:
            value = struct.unpack_from("<f", data, at)[0] if at + 4 <= size else 0.0
            at += 4
        elif wire == _FIXED64:
            value, at = data[at : at + 8], at + 8
        else:
            raise ValueError(f"byte {at}: wire type {wire}")
        if number == 0 or at > size:
            raise ValueError(f"a field ends behind the end, at byte {at} of {size}")
        yield number, value


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value, shift = 0, 0
    while True:
        if at >= len(data) or shift > 63:
            raise ValueError(f"byte {at}: no number")
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at
