"""Rows of bytes: put together of parts, and taken out of files, by Arrow's kernels; no Python per row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

# Bytes, and where those of each row begin: int64 [rows + 1].
ByteRows = tuple[NDArray[np.uint8], NDArray[np.int64]]


def interleaved(parts: Sequence[ByteRows]) -> ByteRows:
    """Rows of the bytes of all parts, one part after another.

    Args:
        parts: of the same number of rows.
    """
    if len(parts) == 1:
        return parts[0]
    rows = len(parts[0][1]) - 1
    whole = np.concatenate([data[offsets[0] : offsets[-1]] for data, offsets in parts])
    begins = np.cumsum([0] + [int(offsets[-1] - offsets[0]) for _, offsets in parts])
    ends = [offsets[1:] - offsets[0] + begin for (_, offsets), begin in zip(parts, begins, strict=False)]
    items = _binary(whole, np.concatenate([[0], *ends]))
    order = np.arange(rows)[:, None] + rows * np.arange(len(parts))
    lengths = np.sum([np.diff(offsets) for _, offsets in parts], axis=0)
    bounds = np.zeros(rows + 1, np.int64)
    np.cumsum(lengths, out=bounds[1:])
    return _bytes(items.take(pa.array(order.reshape(-1)))), bounds


def sliced(data: NDArray[np.uint8], starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> ByteRows:
    """The rows data[starts[r] : starts[r] + lengths[r]], end to end; they rise and do not overlap."""
    bounds = np.zeros(len(starts) + 1, np.int64)
    np.cumsum(lengths, out=bounds[1:])
    ends = starts + lengths
    if len(starts) == 0 or (starts[1:] == ends[:-1]).all():
        return data[int(starts[0]) if len(starts) else 0 :][: int(bounds[-1])], bounds
    edges = np.stack([starts, ends], axis=1).reshape(-1)  # every second run between them is a row
    items = _binary(data, edges)
    return _bytes(items.take(pa.array(np.arange(0, 2 * len(starts), 2)))), bounds


def _binary(data: NDArray[np.uint8], bounds: NDArray[np.int64]) -> pa.LargeBinaryArray:
    offsets = np.ascontiguousarray(bounds, np.int64)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(data))]
    return pa.Array.from_buffers(pa.large_binary(), len(offsets) - 1, buffers)


def _bytes(items: pa.LargeBinaryArray) -> NDArray[np.uint8]:
    bounds = np.frombuffer(items.buffers()[1], np.int64)[items.offset : items.offset + len(items) + 1]
    data = items.buffers()[2]
    whole = np.zeros(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)
    return whole[int(bounds[0]) : int(bounds[-1])]
