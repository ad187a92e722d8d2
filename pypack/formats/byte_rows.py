"""Rows of bytes: put together of parts, and taken out of files, by kernels; no Python per row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pypack import _core

# Bytes, and where those of each row begin: int64 [rows + 1].
ByteRows = tuple[NDArray[np.uint8], NDArray[np.int64]]


def interleaved(parts: Sequence[ByteRows]) -> ByteRows:
    """Rows of the bytes of all parts, one part after another.

    Args:
        parts: of the same number of rows.
    """
    return parts[0] if len(parts) == 1 else _core.interleave_rows(parts)


def sliced(data: NDArray[np.uint8], starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> ByteRows:
    """The rows data[starts[r] : starts[r] + lengths[r]], end to end."""
    if len(starts) == 0 or (starts[1:] == (starts + lengths)[:-1]).all():
        bounds = np.zeros(len(starts) + 1, np.int64)
        np.cumsum(lengths, out=bounds[1:])
        return data[int(starts[0]) if len(starts) else 0 :][: int(bounds[-1])], bounds
    return _core.slice_rows(data, np.ascontiguousarray(starts), np.ascontiguousarray(lengths))


def constant(text: bytes, rows: int) -> ByteRows:
    """The same bytes in every row."""
    return np.tile(np.frombuffer(text, np.uint8), rows), np.arange(rows + 1, dtype=np.int64) * len(text)
