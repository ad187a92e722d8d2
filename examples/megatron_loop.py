"""Batches in the words of Megatron-Core's GPTModel, in its data-parallel groups. On a CPU, in under a minute.

    python examples/megatron_loop.py RUN
    torchrun --nproc-per-node 2 examples/megatron_loop.py RUN

RUN is a folder. If the run is killed, the same command goes on from its last checkpoint. `GPTModel` stands
in for `megatron.core.models.gpt.GPTModel`: it is called in the same way, and returns a loss a token.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from checkpoint import Checkpoint
from command_line import run_from_command_line
from sample_corpus import sample_sources
from several_processes import all_ranks, processes, tell, validate
from tiny_megatron import GPTModel
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from pypack import Loader, PackedBatch, Source
from pypack.adapters import megatron

SAVE_EVERY = VALIDATE_EVERY = 5


def loss_and_count(model: nn.Module, batch: PackedBatch) -> tuple[torch.Tensor, torch.Tensor]:
    """The sum of the losses of this rank's tokens, and how many tokens of all ranks were learned."""
    arguments = megatron.padded(batch)
    learned = arguments.pop("loss_mask")
    return (model(**arguments) * learned).sum(), all_ranks(learned.sum(), data_parallel_group())


def data_parallel_group() -> dist.ProcessGroup | None:
    """With Megatron: `parallel_state.get_data_parallel_group()`; None: all processes."""
    return None


def make_loader(source: Source, **options: Any) -> Loader:
    """The loader of this process: with tensor or pipeline parallelism, the group tells whose rows it gets."""
    if not dist.is_initialized():
        return Loader(source, batch_sequences=8, **options)
    return Loader.from_torch_distributed(source, batch_sequences=8, group=data_parallel_group(), **options)


def train(run: Path, steps: int) -> None:
    """Trains to a step of the loader, from the last checkpoint on if there is one."""
    world = int(os.environ.get("WORLD_SIZE", 1))
    with processes(world) as is_first:  # then parallel_state.initialize_model_parallel(...)
        training, validation, vocabulary = sample_sources(run)
        loader, validating = make_loader(training, seed=1), make_loader(validation, shuffle=False)
        plain = GPTModel(vocabulary)
        optimizer = torch.optim.AdamW(plain.parameters(), lr=1e-2)
        checkpoint = Checkpoint(run / "checkpoint.pt", model=plain, optimizer=optimizer, loader=loader)
        checkpoint.restore()
        model = DistributedDataParallel(plain) if world > 1 else plain
        while loader.step < steps:
            for batch in loader:  # to the end of the epoch; the next pass is the next epoch
                total, learned = loss_and_count(model, batch)
                optimizer.zero_grad()
                (total * world / learned).backward()  # DDP divides the sum over ranks by their number
                optimizer.step()
                done, loss = batch.step + 1, float(all_ranks(total, data_parallel_group()) / learned)
                due = done % VALIDATE_EVERY == 0
                mean = validate(loss_and_count, plain, validating, data_parallel_group()) if due else None
                if is_first:
                    tell(batch, loss, mean)
                    if done % SAVE_EVERY == 0:
                        checkpoint.save()
                if done >= steps:
                    break


if __name__ == "__main__":
    run_from_command_line(train, __doc__)
