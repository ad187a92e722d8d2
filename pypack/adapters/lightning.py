"""A Loader as a Lightning `DataModule` that resumes in the middle of an epoch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import lightning
import torch

from pypack.batch import PackedBatch
from pypack.loader.loader import Loader


class PackedDataModule(lightning.LightningDataModule):
    """Gives a loader's batches (`PackedBatch` of tensors) to `Trainer.fit`; keeps its state in checkpoints.

    Pass `use_distributed_sampler=False` to the `Trainer`, and make the loader with `rank` and `world_size`:
    the loader deals each step to the ranks itself.

    Args:
        loader: one epoch of it is one epoch of Lightning.
        num_workers: DataLoader workers.
    """

    def __init__(self, loader: Loader, num_workers: int = 0) -> None:
        super().__init__()
        self.loader = loader
        self._num_workers = num_workers

    def train_dataloader(self) -> Any:
        """Steps from where the loader stands to the end of its epoch."""
        return torch.utils.data.DataLoader(
            self.loader.torch_dataset(), batch_size=None, collate_fn=_to_torch, num_workers=self._num_workers
        )

    def transfer_batch_to_device(self, batch: PackedBatch, device: Any, dataloader_idx: int) -> PackedBatch:
        """The whole batch on the device."""
        return batch.to(device, non_blocking=True)

    def state_dict(self) -> dict[str, Any]:
        """Called by Lightning for a checkpoint: the step after the last one that was trained on.

        The loader itself may be ahead, by what Lightning and the workers have prefetched.
        """
        if self.trainer is None:
            return self.loader.state_dict()
        return self.loader.state_dict(self.trainer.fit_loop.epoch_loop.batch_progress.total.processed)

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Called by Lightning when it resumes from a checkpoint.

        Raises:
            ValueError: the loader has another order than the one that was saved.
        """
        self.loader.load_state_dict(state_dict)


def _to_torch(batch: PackedBatch) -> PackedBatch:
    return batch.to_torch()
