"""Batches in the words of Megatron-Core's GPTModel, in its data-parallel groups. On a CPU, in under a minute.

    python examples/megatron_loop.py RUN
    torchrun --nproc-per-node 2 examples/megatron_loop.py RUN

RUN is a folder. If the run is killed, the same command goes on from its last checkpoint with the very steps
that are left. `GPTModel` here stands in for `megatron.core.models.gpt.GPTModel`, so that the example runs
without Megatron: it is called in the same way and returns the same, a loss a token.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from sample_corpus import sample_sources
from torch import nn
from torch.nn.functional import cross_entropy, scaled_dot_product_attention
from torch.nn.parallel import DistributedDataParallel

from pypack import Loader, PackedBatch, Source
from pypack.adapters import megatron

SAVE_EVERY = VALIDATE_EVERY = 5


class GPTModel(nn.Module):
    """One block; see `megatron.core.models.gpt.GPTModel`."""

    def __init__(self, vocabulary: int, width: int = 64, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.embedding = nn.Embedding(vocabulary, width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.head = nn.Linear(width, vocabulary)

    def forward(
        self,
        input_ids: torch.Tensor,
        position_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        labels: torch.Tensor,
    ) -> torch.Tensor:
        """Losses [B, T]. True in the mask [B, 1, T, T] is what is not looked at; labels are shifted."""
        hidden = self.embedding(input_ids)
        qkv = self.qkv(hidden).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = scaled_dot_product_attention(*qkv, attn_mask=~attention_mask)
        logits = self.head(hidden + self.out(mixed.transpose(1, 2).flatten(2)))
        return cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none").view_as(labels)


def loss_and_count(model: nn.Module, batch: PackedBatch) -> tuple[torch.Tensor, torch.Tensor]:
    """The sum of the losses of this rank's tokens, and how many tokens of all ranks were learned."""
    arguments = megatron.padded(batch)
    loss_mask = arguments.pop("loss_mask")
    losses = model(**arguments)
    return (losses * loss_mask).sum(), all_ranks(loss_mask.sum())


def all_ranks(value: torch.Tensor) -> torch.Tensor:
    """The sum of a value over the data-parallel ranks."""
    value = value.detach().clone()
    if dist.is_initialized():
        dist.all_reduce(value, group=data_parallel_group())
    return value


def data_parallel_group() -> dist.ProcessGroup | None:
    """With Megatron: `parallel_state.get_data_parallel_group()`; None: all processes."""
    return None


def make_loader(source: Source, **options: Any) -> Loader:
    """The loader of this process. With tensor or pipeline parallelism several processes get the same rows,
    which the group tells."""
    if not dist.is_initialized():
        return Loader(source, batch_sequences=8, **options)
    return Loader.from_torch_distributed(source, batch_sequences=8, group=data_parallel_group(), **options)


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
    world = int(os.environ.get("WORLD_SIZE", 1))
    if world > 1:
        dist.init_process_group("gloo")  # then parallel_state.initialize_model_parallel(...)
    first = not dist.is_initialized() or dist.get_rank() == 0
    torch.set_num_threads(1)
    torch.manual_seed(0)
    training, validation, vocabulary = sample_sources(run)
    loader, validating = make_loader(training, seed=1), make_loader(validation, shuffle=False)
    plain = GPTModel(vocabulary)
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
            mean = validate(plain, validating) if done % VALIDATE_EVERY == 0 else None
            if first:
                print(f"step {batch.step} epoch {batch.epoch} loss {loss:.5f}", flush=True)
                if mean is not None:
                    print(f"validation after step {batch.step}: loss {mean:.5f}", flush=True)
                if done % SAVE_EVERY == 0:
                    states = {"model": plain, "optimizer": optimizer, "loader": loader}
                    unfinished = checkpoint.with_suffix(".tmp")
                    torch.save({name: one.state_dict() for name, one in states.items()}, unfinished)
                    unfinished.replace(checkpoint)
            if done >= steps:
                break
    if world > 1:
        dist.barrier()
        dist.destroy_process_group()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of the corpus and the checkpoints")
    parser.add_argument("--steps", type=int, default=40)
    options = parser.parse_args()
    train(options.run, options.steps)
