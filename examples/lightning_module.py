"""Lightning on packed batches, with validation and resume. On a CPU, in less than a minute.

    python examples/lightning_module.py RUN
    torchrun --nproc-per-node 2 examples/lightning_module.py RUN

RUN is a folder. If the run is killed, the same command goes on from its last checkpoint, within an epoch.
"""

from __future__ import annotations

import os
from pathlib import Path

import lightning
import torch
from command_line import run_from_command_line
from lightning.pytorch.callbacks import ModelCheckpoint
from sample_corpus import sample_sources
from tiny_model import TinyModel, learned_loss

from pypack import Loader, PackedBatch
from pypack.adapters.lightning import PackedDataModule


class Module(lightning.LightningModule):
    """The tiny model, and its losses."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.model = TinyModel(vocabulary)

    def training_step(self, batch: PackedBatch, index: int) -> torch.Tensor:
        loss = learned_loss(self.model, batch)
        if self.trainer.is_global_zero:
            print(f"step {batch.step} epoch {batch.epoch} loss {float(loss):.5f}", flush=True)
        return loss

    def validation_step(self, batch: PackedBatch, index: int) -> None:
        self.log("validation_loss", learned_loss(self.model, batch), batch_size=batch.tokens, sync_dist=True)

    def on_validation_end(self) -> None:
        mean = self.trainer.callback_metrics["validation_loss"]
        if self.trainer.is_global_zero:
            print(f"validation: loss {float(mean):.5f}", flush=True)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters(), lr=1e-2)


def train(run: Path, steps: int) -> None:
    """Trains to a step."""
    torch.set_num_threads(1)  # threads that wait for each other cost more than such a model
    torch.manual_seed(0)
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    training, validation, vocabulary = sample_sources(run)
    data = PackedDataModule(
        Loader(training, batch_sequences=8, seed=1, rank="auto"),
        validation=Loader(validation, batch_sequences=8, shuffle=False, rank="auto"),
    )
    trainer = lightning.Trainer(
        max_steps=steps,
        accelerator="cpu",
        devices=processes,
        strategy="ddp" if processes > 1 else "auto",
        use_distributed_sampler=False,  # the loader deals its batches to ranks itself
        val_check_interval=10,
        check_val_every_n_epoch=None,
        callbacks=[ModelCheckpoint(run / "checkpoints", every_n_train_steps=5, save_last=True)],
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    last = run / "checkpoints" / "last.ckpt"
    trainer.fit(Module(vocabulary), data, ckpt_path=last if last.exists() else None, weights_only=False)


if __name__ == "__main__":
    run_from_command_line(train, __doc__, steps=30)
