"""Whole numbers of varying size, as protocol buffers spell them, for whole arrays at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pypack import _core
from pypack.formats.byte_rows import ByteRows


def varints(values: NDArray[np.int64] | NDArray[np.int32], offsets: NDArray[np.int64]) -> ByteRows:
    """The varints of numbers, end to end; `offsets`: where those of each row begin, int64 [rows + 1]."""
    return _core.write_varints(values, offsets)


def numbers_of(
    data: NDArray[np.uint8], bounds: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The numbers that rows of varints spell, and where those of each row begin.

    Raises:
        ValueError: a row ends inside a number, or a number has more than ten bytes.
    """
    return _core.read_varints(data, bounds)
