"""The steps of a loader as rows of a `datasets.Dataset`, other steps in each of the trainer's epochs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import datasets
import torch

from pypack.batch import PackedBatch
from pypack.loader.loader import Loader


class StepRows(datasets.Dataset):
    """A `datasets.Dataset` that hears of the trainer's epochs, as accelerate tells them to data sets."""

    @property
    def steps(self) -> Steps:
        """What makes batches of the rows."""
        steps: Steps = self._format_kwargs["transform"]
        return steps

    @classmethod
    def of(cls, loader: Loader, rows: int, convert: Callable[[PackedBatch], dict[str, Any]]) -> StepRows:
        """Rows for the first steps, and those after them in later epochs.

        Args:
            loader: from which batches come.
            rows: steps of an epoch of the trainer.
            convert: batch → row.
        """
        numbers = cls.from_dict({"step": range(rows)})
        made: StepRows = numbers.with_transform(Steps(loader, rows, convert))
        return made

    def set_epoch(self, epoch: int) -> None:
        """Called at the start of each of the trainer's epochs."""
        self.steps.set_epoch(epoch)


class Steps:
    """Numbers of rows to batches, as the transform of a `datasets.Dataset`: columns in, columns out.

    Args:
        loader, rows, convert: as for `StepRows.of`.
    """

    def __init__(self, loader: Loader, rows: int, convert: Callable[[PackedBatch], dict[str, Any]]) -> None:
        self.loader, self.rows, self._convert = loader, rows, convert
        self.is_fixed = False  # the same steps in all epochs, for evaluation
        # Shared with workers, which may live for several epochs.
        self._first = torch.zeros(1, dtype=torch.int64).share_memory_()

    def __deepcopy__(self, memo: Any) -> Steps:
        return self  # data sets copy themselves with each change of their format; the loader stays the one

    def set_epoch(self, epoch: int) -> None:
        """Makes row 0 the first step of an epoch. A loader whose steps are all in the rows begins again."""
        first = epoch * self.rows
        ends = self.loader.num_steps is not None and first >= self.loader.num_steps
        self._first[0] = 0 if ends or self.is_fixed or not self.loader.shuffle else first

    def __call__(self, columns: dict[str, list[int]]) -> dict[str, list[Any]]:
        first = int(self._first)
        batches = [self._convert(self.loader.batch_at(first + step)) for step in columns["step"]]
        return {key: [batch[key] for batch in batches] for key in batches[0]}
