"""A training loop in plain torch: several processes, validation, checkpoints. On a CPU, in under a minute.

    python examples/plain_torch.py RUN
    torchrun --nproc-per-node 2 examples/plain_torch.py RUN

RUN is a folder. If the run is killed, the same command goes on from its last checkpoint with the very steps
that are left, also with another number of processes.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from checkpoint import Checkpoint
from command_line import run_from_command_line
from sample_corpus import sample_sources
from several_processes import all_ranks, processes, tell, validate
from tiny_model import TinyModel
from torch import nn
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel

from pypack import Loader, PackedBatch

SAVE_EVERY = VALIDATE_EVERY = 5


def loss_and_count(model: nn.Module, batch: PackedBatch) -> tuple[torch.Tensor, torch.Tensor]:
    """The sum of the losses of this rank's tokens, and how many tokens of all ranks were learned."""
    tensors = batch.to_torch().shift_labels()  # labels[t] is the token after input_ids[t]
    logits = model(tensors.input_ids, tensors.segment_ids)
    total = cross_entropy(logits.flatten(0, 1), tensors.labels.flatten(), reduction="sum")
    return total, all_ranks((tensors.labels != -100).sum())


def train(run: Path, steps: int) -> None:
    """Trains to a step of the loader, from the last checkpoint on if there is one."""
    world = int(os.environ.get("WORLD_SIZE", 1))
    with processes(world) as is_first:
        _train(run, steps, world, is_first)


def _train(run: Path, steps: int, world: int, is_first: bool) -> None:
    training, validation, vocabulary = sample_sources(run)
    parts: dict[str, Any] = {"rank": "auto", "batch_sequences": 8}
    loader, validating = Loader(training, seed=1, **parts), Loader(validation, shuffle=False, **parts)
    plain = TinyModel(vocabulary)
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
            done, loss = batch.step + 1, float(all_ranks(total) / learned)
            mean = validate(loss_and_count, plain, validating) if done % VALIDATE_EVERY == 0 else None
            if is_first:
                tell(batch, loss, mean)
                if done % SAVE_EVERY == 0:
                    checkpoint.save()
            if done >= steps:
                break


if __name__ == "__main__":
    run_from_command_line(train, __doc__)
