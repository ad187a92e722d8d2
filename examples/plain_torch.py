"""A training loop in plain torch: several processes, validation, checkpoints. On a CPU, in under a minute.

    python examples/plain_torch.py RUN
    torchrun --nproc-per-node 2 examples/plain_torch.py RUN

RUN is a folder. If the run is killed, the same command goes on from its last checkpoint with the very steps
that are left, also with another number of processes.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from sample_corpus import sample_sources
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


def all_ranks(value: torch.Tensor) -> torch.Tensor:
    """The sum of a value over all ranks."""
    value = value.detach().clone()
    if dist.is_initialized():
        dist.all_reduce(value)
    return value


@torch.no_grad()
def validate(model: nn.Module, loader: Loader) -> float:
    """The mean loss over the same rows each time."""
    total, count = torch.zeros(()), torch.zeros(())
    for batch in loader:
        loss, learned = loss_and_count(model, batch)
        total, count = total + all_ranks(loss), count + learned
    return float(total / count)


def train(run: Path, steps: int) -> None:
    """Trains to a step of the loader, from the last checkpoint on if there is one."""
    rank, world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    if world > 1:
        dist.init_process_group("gloo")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    if rank == 0:
        sample_sources(run)
    if world > 1:
        dist.barrier()  # the store is there
    training, validation, vocabulary = sample_sources(run)
    parts: dict[str, Any] = {"rank": rank, "world_size": world, "batch_sequences": 8}
    loader, validating = Loader(training, seed=1, **parts), Loader(validation, shuffle=False, **parts)
    plain = TinyModel(vocabulary)
    optimizer = torch.optim.AdamW(plain.parameters(), lr=1e-2)
    checkpoint = run / "checkpoint.pt"
    if checkpoint.exists():
        saved = torch.load(checkpoint)
        plain.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        loader.load_state_dict(saved["loader"])
    model = DistributedDataParallel(plain) if world > 1 else plain
    while loader.step < steps:
        for batch in loader:  # to the end of the epoch; the next pass is the next epoch
            total, learned = loss_and_count(model, batch)
            optimizer.zero_grad()
            (total * world / learned).backward()  # DDP divides the sum over ranks by their number
            optimizer.step()
            loss = float(all_ranks(total) / learned)
            done = batch.step + 1
            if rank == 0:
                print(f"step {batch.step} epoch {batch.epoch} loss {loss:.5f}", flush=True)
            if done % VALIDATE_EVERY == 0:
                mean = validate(plain, validating)
                if rank == 0:
                    print(f"validation after step {batch.step}: loss {mean:.5f}", flush=True)
            if rank == 0 and done % SAVE_EVERY == 0:
                states = {"model": plain, "optimizer": optimizer, "loader": loader}
                unfinished = checkpoint.with_suffix(".tmp")
                torch.save({name: one.state_dict() for name, one in states.items()}, unfinished)
                unfinished.replace(checkpoint)
            if done >= steps:
                break
    if world > 1:
        dist.destroy_process_group()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of the corpus and the checkpoints")
    parser.add_argument("--steps", type=int, default=40)
    options = parser.parse_args()
    train(options.run, options.steps)
