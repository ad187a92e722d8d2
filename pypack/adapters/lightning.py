"""A Loader as a Lightning `DataModule` that resumes in the middle of an epoch, and one to validate on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import lightning
import torch

from pypack.batch import PackedBatch
from pypack.loader.loader import Loader


class PackedDataModule(lightning.LightningDataModule):
    """Gives a loader's batches (`PackedBatch` of tensors) to `Trainer.fit`; keeps its state in checkpoints.

    Pass `use_distributed_sampler=False` to the `Trainer`, and make the loaders with `rank` and `world_size`:
    they deal each step to the ranks themselves.

    Every pass of training begins after the last step that was trained on, whatever Lightning and workers had
    made ahead; every validation is the same: the first epoch of its loader, from the start, also after
    Lightning's sanity check.

    Args:
        loader: one epoch of it is one epoch of Lightning.
        num_workers: DataLoader workers.
        validation: a second Loader, of other documents, for validating and testing; best with
            `shuffle=False`, so that each of its documents comes once in the plan's order.
        persistent_workers: let workers live on from epoch to epoch.
    """

    def __init__(
        self,
        loader: Loader,
        num_workers: int = 0,
        *,
        validation: Loader | None = None,
        persistent_workers: bool = False,
    ) -> None:
        super().__init__()
        if validation is loader:
            raise ValueError("validation is the loader that is trained from: make a second Loader for it")
        if not loader.shuffle:
            raise ValueError(
                "the loader that is trained from has shuffle=False, which is for evaluation: give it as "
                "validation="
            )
        self.loader = loader
        self.validation = validation
        self._num_workers = num_workers
        self._persistent = persistent_workers
        self._untrained = 0  # steps of the loader before Lightning's first
        self._is_fitting = False
        if validation is not None:  # Lightning takes a module that has these for one that validates
            self.val_dataloader = self.test_dataloader = self._evaluation_dataloader

    def setup(self, stage: str) -> None:
        """Called by Lightning when it begins to fit, to validate or to test."""
        self._is_fitting = False

    def teardown(self, stage: str) -> None:
        """Called by Lightning at the end: leaves the loader where the training ended."""
        if self._is_fitting:
            self._go_on()
            self._is_fitting = False

    def train_dataloader(self) -> Any:
        """Steps from where the training stands to the end of the loader's epoch."""
        if not self._is_fitting:  # a checkpoint is loaded by now, if there is one
            self._untrained = self.loader.step - self._trained()
            self._is_fitting = True
        return self._data_loader(self.loader, self._go_on)

    def _evaluation_dataloader(self) -> Any:
        """One epoch of the validation loader, the same at every validation."""
        assert self.validation is not None
        return self._data_loader(self.validation, self._to_the_start)

    def _data_loader(self, loader: Loader, before_each_pass: Callable[[], None]) -> Any:
        return _DataLoader(
            loader.torch_dataset(),
            before_each_pass,
            batch_size=None,
            collate_fn=_to_torch,
            num_workers=self._num_workers,
            persistent_workers=self._persistent and self._num_workers > 0,
        )

    def transfer_batch_to_device(self, batch: PackedBatch, device: Any, dataloader_idx: int) -> PackedBatch:
        """The whole batch on the device."""
        return batch.to(device, non_blocking=True)

    def state_dict(self) -> dict[str, Any]:
        """Called by Lightning for a checkpoint: the step after the last one that was trained on.

        The loader itself may be ahead, by what Lightning and the workers have prefetched.
        """
        if self.trainer is None or not self._is_fitting:
            return self.loader.state_dict()
        return self.loader.state_dict(self._untrained + self._trained())

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Called by Lightning when it resumes from a checkpoint.

        Raises:
            ValueError: the loader has another order than the one that was saved.
        """
        self.loader.load_state_dict(state_dict)

    def _trained(self) -> int:
        """Steps that Lightning trained on, also before the checkpoint that it resumed from."""
        return (
            0
            if self.trainer is None
            else int(self.trainer.fit_loop.epoch_loop.batch_progress.total.processed)
        )

    def _go_on(self) -> None:
        self.loader.seek(self._untrained + self._trained())

    def _to_the_start(self) -> None:
        assert self.validation is not None
        self.validation.set_epoch(0)


class _DataLoader(torch.utils.data.DataLoader):
    """A DataLoader that moves its loader before each pass."""

    def __init__(self, dataset: Any, before_each_pass: Callable[[], None], **options: Any) -> None:
        self._before_each_pass = before_each_pass
        super().__init__(dataset, **options)

    def __iter__(self) -> Iterator[Any]:
        self._before_each_pass()
        passing: Iterator[Any] = super().__iter__()
        return passing


def _to_torch(batch: PackedBatch) -> PackedBatch:
    return batch.to_torch()
