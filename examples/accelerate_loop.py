"""A loop of one's own with accelerate: several processes, validation, checkpoints. On a CPU, in a minute.

    python examples/accelerate_loop.py RUN
    torchrun --nproc-per-node 2 examples/accelerate_loop.py RUN

RUN is a folder. If the run is killed, the same command goes on from its last checkpoint with the very steps
that are left. The loader deals the rows to the processes by itself: it is not given to `accelerator.prepare`,
which would deal them once more.
"""

from __future__ import annotations

from pathlib import Path

import torch
from accelerate import Accelerator
from checkpoint import Checkpoint
from command_line import run_from_command_line
from sample_corpus import ROW, sample_sources
from tiny_llama import tiny_llama

from pypack import Loader

SAVE_EVERY = VALIDATE_EVERY = 5


@torch.no_grad()
def validate(accelerator: Accelerator, model: torch.nn.Module, loader: Loader) -> float:
    """The mean loss over the same rows each time."""
    total, count = torch.zeros(()), torch.zeros(())
    for batch in loader:
        learned = (batch.to_torch().labels != -100).sum()
        total += model(**batch.for_transformers()).loss * learned
        count += learned
    total, count = (accelerator.reduce(one, "sum") for one in (total, count))
    return float(total / count)


def train(run: Path, steps: int) -> None:
    """Trains to a step of the loader, from the last checkpoint on if there is one."""
    torch.set_num_threads(1)  # threads that wait for each other cost more than such a model
    torch.manual_seed(0)
    accelerator = Accelerator(cpu=True)
    with accelerator.main_process_first():
        training, validation, vocabulary = sample_sources(run)
    ranks = {"rank": accelerator.process_index, "world_size": accelerator.num_processes}
    loader = Loader(training, batch_sequences=8, layout="varlen", seed=1, **ranks)
    validating = Loader(validation, batch_sequences=8, layout="varlen", shuffle=False, **ranks)
    plain = tiny_llama(vocabulary, ROW)
    model, optimizer = accelerator.prepare(plain, torch.optim.AdamW(plain.parameters(), lr=1e-2))
    checkpoint = Checkpoint(run / "checkpoint.pt", model=plain, optimizer=optimizer, loader=loader)
    checkpoint.restore()
    while loader.step < steps:
        for batch in loader:  # to the end of the epoch; the next pass is the next epoch
            # Every token counts the same, whatever process it is on: the mean over the tokens of all.
            learned = (batch.to_torch().labels != -100).sum()
            total = accelerator.reduce(learned, "sum")
            loss = model(**batch.for_transformers()).loss * learned * accelerator.num_processes / total
            accelerator.backward(loss)
            optimizer.step()
            optimizer.zero_grad()
            mean = float(accelerator.reduce(loss.detach(), "mean"))
            accelerator.print(f"step {batch.step} epoch {batch.epoch} loss {mean:.5f}", flush=True)
            done = batch.step + 1
            if done % VALIDATE_EVERY == 0:
                mean = validate(accelerator, plain, validating)
                accelerator.print(f"validation after step {batch.step}: loss {mean:.5f}", flush=True)
            if done % SAVE_EVERY == 0 and accelerator.is_main_process:
                checkpoint.save()
            if done >= steps:
                break
    accelerator.wait_for_everyone()
    accelerator.end_training()


if __name__ == "__main__":
    run_from_command_line(train, __doc__)
