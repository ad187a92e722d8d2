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

        def pinned(value: NDArray[Any]) -> Any:
            like = torch.from_numpy(value)
            start = like.data_ptr() - base
            if not 0 <= start < len(tensor):  # the small arrays of the spans
                return like.pin_memory()
            return tensor[start : start + value.nbytes].view(like.dtype).view(value.shape)

        values = {field.name: getattr(batch, field.name) for field in dataclasses.fields(batch)}
        changes: dict[str, Any] = {
            name: pinned(value) for name, value in values.items() if isinstance(value, np.ndarray)
        }
        if batch.extras is not None:
            changes["extras"] = {
                name: pinned(value) if isinstance(value, np.ndarray) else value
                for name, value in batch.extras.items()
            }
        return dataclasses.replace(batch, **changes)
