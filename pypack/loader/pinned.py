"""Batches in pinned memory, which torch gives and takes back when no copy to a device needs it."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pypack.batch import PackedBatch


class PinnedMemory:
    """Pinned memory for token arrays.

    The memory comes from torch's caching host allocator for every batch: it hands used blocks out again (a
    ring in effect), and knows when an asynchronous copy from one has ended, which a ring of our own would
    not.

    Raises:
        RuntimeError: torch has no CUDA device.
    """

    def __init__(self) -> None:
        import torch

        if not torch.cuda.is_available():
            raise RuntimeError("pin_memory=True needs a CUDA device; leave it out on this machine")

    def take(self, size: int) -> tuple[Any, NDArray[np.uint8]]:
        """Memory for a batch as a tensor, and the same as an array for the kernels to fill."""
        import torch

        tensor = torch.empty(size, dtype=torch.uint8, pin_memory=True)
        return tensor, tensor.numpy()

    def wrap(self, batch: PackedBatch, tensor: Any) -> PackedBatch:
        """The batch that was made in `tensor`'s memory, as tensors that are views of it."""
        import torch

        base = tensor.data_ptr()
        changes: dict[str, Any] = {}
        for field in dataclasses.fields(batch):
            value = getattr(batch, field.name)
            if not isinstance(value, np.ndarray):
                continue
            like = torch.from_numpy(value)
            start = like.data_ptr() - base
            if 0 <= start < len(tensor):
                part = tensor[start : start + value.nbytes]
                changes[field.name] = part.view(like.dtype).view(value.shape)
            else:  # the small arrays of the spans
                changes[field.name] = like.pin_memory()
        return dataclasses.replace(batch, **changes)
