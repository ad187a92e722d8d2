"""The pickle of NumPy's array of dicts, written from arrays: no Python object a token or a list is made.

What `pickle` would write of `{"input_ids": [...], "loss_mask": [...], "seq_start_id": [...]}`, with each
number in the shortest opcode for it.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_HOLDER = b"Na"  # one None, appended to a list


def head_and_tail(count: int) -> tuple[bytes, bytes]:
    """What stands before and behind the objects of an object array of one dimension."""
    one = np.empty(1, object)
    text = pickle.dumps(one, 3)
    head, holder, tail = text.rpartition(_HOLDER)
    shape = b"K\x01K\x01\x85"  # version 1, and a tuple of one number
    before, found, behind = head.rpartition(shape)
    if not holder or not found:
        raise RuntimeError("this NumPy pickles arrays of objects in a form that is not known")
    return before + b"K\x01J" + struct.pack("<i", count) + b"\x85" + behind + b"(", b"e" + tail


def dicts(names: Sequence[str], fields: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]]) -> bytes:
    """Dicts of lists of numbers, one a row.

    Args:
        fields: of each name the numbers of all rows, end to end, from 0 to 2^31-1, and where those of each
            row begin: int64 [rows + 1].
    """
    parts: list[tuple[NDArray[np.uint8], NDArray[np.int64]]] = []
    rows = len(fields[0][1]) - 1
    for number, (name, (values, offsets)) in enumerate(zip(names, fields, strict=True)):
        key = name.encode()
        before = (b"" if number else b"}(") + b"X" + struct.pack("<I", len(key)) + key + b"]("
        parts += [constant(before, rows), _numbers(values, offsets), constant(b"e", rows)]
    parts.append(constant(b"u", rows))
    from pypack.formats.byte_rows import interleaved

    return interleaved(parts)[0].tobytes()


def constant(text: bytes, rows: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The same bytes in every row."""
    return np.tile(np.frombuffer(text, np.uint8), rows), np.arange(rows + 1, dtype=np.int64) * len(text)


def _numbers(
    values: NDArray[np.int64], offsets: NDArray[np.int64]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The opcodes of numbers: K and a byte, M and two, or J and four."""
    sizes = np.where(values < 256, 2, np.where(values < 65536, 3, 5))
    ends = np.zeros(len(values) + 1, np.int64)
    np.cumsum(sizes, out=ends[1:])
    data = np.empty(int(ends[-1]), np.uint8)
    begins = ends[:-1]
    data[begins] = np.frombuffer(b"KMJ", np.uint8)[(sizes == 3) + 2 * (sizes == 5)]
    for byte in range(4):
        long = sizes > byte + 1
        data[begins[long] + 1 + byte] = (values[long] >> (8 * byte)) & 255
    return data, ends[offsets]
