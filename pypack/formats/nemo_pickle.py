"""The pickle of NumPy's array of dicts, written from arrays: no Python object a token or a list is made.

What `pickle` would write of `{"input_ids": [...], "loss_mask": [...], "seq_start_id": [...]}`, with each
number in the shortest opcode for it.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from pypack import _core
from pypack.formats.byte_rows import ByteRows, constant, interleaved

Numbers: TypeAlias = "NDArray[np.int64] | NDArray[np.int32] | NDArray[np.uint8]"
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


def dicts(names: Sequence[str], fields: Sequence[tuple[Numbers, NDArray[np.int64]]]) -> NDArray[np.uint8]:
    """The bytes of dicts of lists of numbers, one a row.

    Args:
        fields: of each name the numbers of all rows, end to end, from 0 to 2^31-1, and where those of each
            row begin: int64 [rows + 1].
    """
    parts: list[ByteRows] = []
    rows = len(fields[0][1]) - 1
    for number, (name, (values, offsets)) in enumerate(zip(names, fields, strict=True)):
        key = name.encode()
        before = (b"" if number else b"}(") + b"X" + struct.pack("<I", len(key)) + key + b"]("
        parts += [constant(before, rows), _core.pickle_numbers(values, offsets), constant(b"e", rows)]
    parts.append(constant(b"u", rows))
    return interleaved(parts)[0]
