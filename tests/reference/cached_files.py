"""What a cache of remote files gives, and what it has fetched for it at least."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def read(data: bytes, start: int, stop: int) -> bytes:
    """Bytes of a file."""
    return data[start:stop]


def gather(data: bytes, items: Sequence[int], dtype: np.dtype) -> NDArray[np.generic]:
    """Items of a file that is an array."""
    size = dtype.itemsize
    return np.array([np.frombuffer(data[i * size : (i + 1) * size], dtype)[0] for i in items], dtype)


def blocks(block_bytes: int, start: int, stop: int) -> set[int]:
    """The blocks of a file that its bytes from start to stop stand in."""
    return {byte // block_bytes for byte in range(start, stop)}
