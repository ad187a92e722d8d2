"""Whole numbers of varying size, as protocol buffers spell them, for whole arrays at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pypack.formats.byte_rows import ByteRows

_MOST_BYTES = 10  # of an int64


def varints(values: NDArray[np.int64], offsets: NDArray[np.int64]) -> ByteRows:
    """The varints of numbers, end to end; `offsets`: where those of each row begin, int64 [rows + 1]."""
    whole = np.ascontiguousarray(values, np.int64).view(np.uint64)
    sizes = np.ones(len(whole), np.int64)
    for byte in range(1, _MOST_BYTES):
        longer = whole >> np.uint64(7 * byte) != 0
        if not longer.any():
            break
        sizes += longer
    ends = np.zeros(len(whole) + 1, np.int64)
    np.cumsum(sizes, out=ends[1:])
    data = np.empty(int(ends[-1]), np.uint8)
    places, left = ends[:-1], np.arange(len(whole))
    for byte in range(_MOST_BYTES):
        left = left[sizes[left] > byte]
        if not len(left):
            break
        more = (sizes[left] > byte + 1).astype(np.uint8) << 7
        data[places[left] + byte] = (whole[left] >> np.uint64(7 * byte)).astype(np.uint8) & 127 | more
    return data, ends[offsets]


def numbers_of(
    data: NDArray[np.uint8], bounds: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The numbers that rows of varints spell, and where those of each row begin.

    Raises:
        ValueError: a row ends inside a number, or a number has more than ten bytes.
    """
    is_last = data < 128
    filled = bounds[1:][np.diff(bounds) > 0]
    if not is_last[filled - 1].all():
        raise ValueError("a list of varints is cut off")
    ends = np.flatnonzero(is_last) + 1
    begins = np.concatenate([[0], ends[:-1]]).astype(np.int64)
    sizes = ends - begins
    if len(sizes) and int(sizes.max()) > _MOST_BYTES:
        raise ValueError("a varint of more than ten bytes")
    values = np.zeros(len(ends), np.uint64)
    left = np.arange(len(ends))
    for byte in range(_MOST_BYTES):
        left = left[sizes[left] > byte]
        if not len(left):
            break
        values[left] |= (data[begins[left] + byte] & 127).astype(np.uint64) << np.uint64(7 * byte)
    return values.view(np.int64), np.searchsorted(ends, bounds, side="right").astype(np.int64)
