"""`transformers.Trainer` on packed batches, with validation and resume. On a CPU, in less than a minute.

    python examples/huggingface_trainer.py RUN
    torchrun --nproc-per-node 2 examples/huggingface_trainer.py RUN

RUN is a folder. If the run is killed, the same command goes on from its last checkpoint: no batch is trained
twice or left out.
"""

from __future__ import annotations

import os
from pathlib import Path

import torch
from command_line import run_from_command_line
from sample_corpus import ROW, sample_sources
from tiny_llama import tiny_llama
from transformers import Trainer, TrainingArguments

from pypack import Loader
from pypack.adapters import huggingface


def train(run: Path, steps: int) -> None:
    """Trains to a number of updates."""
    torch.set_num_threads(1)  # threads that wait for each other cost more than such a model
    training, validation, vocabulary = sample_sources(run)
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    # Of one process, as accelerate deals the steps to the processes in turn: an epoch of them must divide.
    loader = Loader(training, batch_sequences=4, layout="varlen", seed=1, rank=0, world_size=1)
    rows = loader.steps_per_epoch // processes * processes
    validating = Loader(validation, batch_sequences=4, layout="varlen", shuffle=False, rank=0, world_size=1)
    checkpoints = run / "checkpoints"
    arguments = TrainingArguments(
        output_dir=str(checkpoints),
        max_steps=steps,  # or num_train_epochs: each epoch has an order of its own
        gradient_accumulation_steps=max(1, 2 // processes),  # two batches an update, on any of 1 or 2
        ddp_backend="gloo" if processes > 1 else None,
        per_device_train_batch_size=1,  # a row of the data set is a whole batch
        per_device_eval_batch_size=1,
        train_sampling_strategy="sequential",  # the loader has shuffled already
        remove_unused_columns=False,
        eval_strategy="steps",
        eval_steps=5,
        save_steps=5,
        logging_steps=1,
        learning_rate=1e-2,
        report_to="none",
        use_cpu=True,
        dataloader_pin_memory=False,
    )
    trainer = Trainer(
        tiny_llama(vocabulary, ROW),
        arguments,
        train_dataset=huggingface.dataset(loader, rows),
        eval_dataset=huggingface.dataset(validating),
        data_collator=huggingface.collate,
        callbacks=[huggingface.LoaderState(loader)],
    )
    # The loader's state is written last: a checkpoint that has it is whole, however the run was killed.
    whole = [file.parent for file in checkpoints.glob("checkpoint-*/pypack_loader.json")]
    last = max(whole, key=lambda folder: int(folder.name.split("-")[1]), default=None)
    trainer.train(resume_from_checkpoint=last and str(last))
    if processes > 1:
        torch.distributed.barrier()  # gloo's threads are done with what they gathered: else the exit may hang
        torch.distributed.destroy_process_group()
    if trainer.is_world_process_zero():
        print(f"trained on {loader.stats.tokens:,} tokens in {loader.stats.steps} batches", flush=True)


if __name__ == "__main__":
    run_from_command_line(train, __doc__, steps=20)
