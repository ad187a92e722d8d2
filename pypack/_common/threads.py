"""How many threads a kernel may use."""

from __future__ import annotations

import os
import sys

from pypack._common.arguments import whole_number


def available_cores() -> int:
    """Number of cores this process may run on (its affinity mask, not the machine's count)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _in_dataloader_worker() -> bool:
    # torch is never imported from here: a DataLoader worker has it loaded already.
    torch_data = sys.modules.get("torch.utils.data")
    return torch_data is not None and torch_data.get_worker_info() is not None


def resolve_num_threads(num_threads: int | None) -> int:
    """The thread count for `num_threads`: None means every available core, 1 inside a DataLoader worker.

    Raises:
        ValueError: `num_threads` is below 1, or no whole number.
    """
    if num_threads is None:
        return 1 if _in_dataloader_worker() else available_cores()
    if type(num_threads) is not int:  # called for every batch
        num_threads = whole_number("num_threads", num_threads)
    if num_threads < 1:
        raise ValueError(f"num_threads must be at least 1 or None (all available cores), got {num_threads}")
    return num_threads
