"""What the loops in several processes share: sums over them, and a validation whose mean is that of all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import nn

from pypack import Loader, PackedBatch

Loss = Callable[[nn.Module, PackedBatch], tuple[torch.Tensor, torch.Tensor]]


@contextmanager
def processes(world: int) -> Iterator[bool]:
    """Whether this process is the first; with several, torch.distributed is there within."""
    torch.set_num_threads(1)  # threads that wait for each other cost more than such a model
    torch.manual_seed(0)
    if world > 1:
        dist.init_process_group("gloo")
    try:
        yield world == 1 or dist.get_rank() == 0
        if world > 1:
            dist.barrier()
    finally:
        if world > 1:
            dist.destroy_process_group()


def all_ranks(value: torch.Tensor, group: dist.ProcessGroup | None = None) -> torch.Tensor:
    """The sum of a value over the ranks of a group; None: all."""
    value = value.detach().clone()
    if dist.is_initialized():
        dist.all_reduce(value, group=group)
    return value


@torch.no_grad()
def validate(
    loss_and_count: Loss, model: nn.Module, loader: Loader, group: dist.ProcessGroup | None = None
) -> float:
    """The mean loss over the same rows each time.

    `loss_and_count` gives the sum of the losses of this rank's tokens, and the learned tokens of all ranks.
    """
    total, count = torch.zeros(()), torch.zeros(())
    for batch in loader:
        loss, learned = loss_and_count(model, batch)
        total, count = total + all_ranks(loss, group), count + learned
    return float(total / count)


def tell(batch: PackedBatch, loss: float, validation: float | None) -> None:
    """Prints what a step has come to."""
    print(f"step {batch.step} epoch {batch.epoch} loss {loss:.5f}", flush=True)
    if validation is not None:
        print(f"validation after step {batch.step}: loss {validation:.5f}", flush=True)
