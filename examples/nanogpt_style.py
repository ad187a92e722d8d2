"""Pretraining as nanoGPT has it: one file, a cosine of the rate, a checkpoint, and the same command goes on.

    python examples/nanogpt_style.py RUN --steps 40

What is not nanoGPT's: every token comes once an epoch, no document sees another, and a resumed run gets the
very batches that were left.
"""

from __future__ import annotations

import math
from pathlib import Path

import torch
from checkpoint import Checkpoint
from command_line import run_from_command_line
from sample_corpus import sample_sources
from tiny_model import TinyModel, learned_loss

import pypack

BATCH, WARMUP, PEAK, SAVE_EVERY = 8, 5, 1e-2, 5


def learning_rate(step: int, steps: int) -> float:
    """Linear warm-up, then a cosine to a tenth."""
    if step < WARMUP:
        return PEAK * (step + 1) / WARMUP
    done = (step - WARMUP) / max(1, steps - WARMUP)
    return PEAK * (0.1 + 0.45 * (1 + math.cos(math.pi * done)))


def train(run: Path, steps: int) -> None:
    torch.manual_seed(0)
    training, _, vocabulary = sample_sources(run)
    documents = training.store.split(0.1).train
    source = pypack.Source.select(training.store, 256, where=documents, strategy="concat")
    loader = pypack.Loader(source, batch_sequences=BATCH, seed=0)
    model = TinyModel(vocabulary)
    optimizer = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.95), weight_decay=0.1)
    checkpoint = Checkpoint(run / "checkpoint.pt", model=model, optimizer=optimizer, loader=loader)
    checkpoint.restore()
    while loader.step < steps:
        for batch in loader:  # an epoch; the next pass is the next
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(batch.step, steps)
            optimizer.zero_grad()
            loss = learned_loss(model, batch)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            print(f"step {batch.step} epoch {batch.epoch} loss {loss.item():.5f}", flush=True)
            if (batch.step + 1) % SAVE_EVERY == 0:
                checkpoint.save()
            if batch.step + 1 >= steps:
                break


if __name__ == "__main__":
    run_from_command_line(train, __doc__)
