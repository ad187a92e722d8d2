"""Where a loader stands, and the passes that move it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

from pypack._common.arguments import whole_number
from pypack._common.callers import called_from
from pypack.batch import PackedBatch
from pypack.loader.passes import Given, made_ahead, one_by_one
from pypack.loader.stats import LoaderStats
from pypack.loader.step_batches import StepBatches
from pypack.schedule.order import StepDraws


class Positioned(StepBatches):
    """The room of `Loader` that has its one position: which step comes next, and what was counted so far."""

    stats: LoaderStats
    _step: int
    _given: int  # steps before it were given out: what they drew cannot change
    _passes: int

    @property
    def step(self) -> int:
        """The step that comes next."""
        return self._step

    @property
    def epoch(self) -> int:
        """The pass that the next step belongs to."""
        return self.order.pass_of(self._step)

    def pass_end(self) -> int:
        """The step after the last of the current pass over the loader."""
        return self.order.pass_end(self._step)

    def seek(self, step: int) -> None:
        """Makes `step` the one that comes next.

        Raises:
            IndexError: the loader has no such step.
            ValueError: the step is no whole number, came before `first_step`, or is within a pass of a
                loader with shuffle=False, whose passes all begin at the start.
        """
        step = whole_number("step", step)
        if not 0 <= step <= self._end:
            raise IndexError(self._run.no_step(step))
        self.order.check_known(step)
        if not self.shuffle:
            if 0 < step < self._end:
                raise ValueError(
                    f"step {step}: with shuffle=False every pass begins at the start; batch_at gives any step"
                )
            return
        if step != self._step:
            self._changes += 1
        self._step = step

    def set_epoch(self, epoch: int) -> None:
        """Goes to the start of a pass (the convention of torch's samplers).

        Raises:
            TypeError: `epoch` is no whole number.
            ValueError: the loader has no such epoch.
        """
        if called_from("accelerate"):  # at every pass, with its own count, which takes a resumed run back
            return
        epoch = whole_number("epoch", epoch)
        if not self.shuffle:  # every pass is the same
            return
        first = self.order.pass_first(epoch)
        if epoch < 0 or (self.num_steps is not None and first >= self.num_steps):
            raise ValueError(f"epoch {epoch} of a loader with {self.num_steps} steps")
        self.seek(first)

    def __iter__(self) -> Iterator[PackedBatch]:
        """A pass: from the step that comes next to the end of its epoch, or with a schedule of the run.

        A loader has one position, so that of several passes under way only the newest goes on, and the others
        raise RuntimeError. With shuffle=False all are independent, and begin at the start.
        """
        if not self.shuffle:
            return self._evaluation_pass()
        if self._step >= self._end:
            warnings.warn(
                f"the loader has given all of its {self.num_steps} steps, so that this pass has none: "
                "set_epoch(0) starts anew. For evaluation make one without schedule and with shuffle=False, "
                "whose passes are all the same",
                stacklevel=2,
            )
        self._passes += 1
        return self._training_pass(self._passes)

    def _evaluation_pass(self) -> Iterator[PackedBatch]:
        for batch, draws, seconds in self._steps_to(0, self.order.pass_length(self._step)):
            self._count(batch, draws, seconds)
            yield batch

    def _training_pass(self, number: int) -> Iterator[PackedBatch]:
        end = self.pass_end()
        while self._step < end:
            changes = self._changes
            for batch, draws, seconds in self._steps_to(self._step, end):
                yield self._give(batch, draws, seconds)
                if number != self._passes:
                    raise RuntimeError(
                        "another pass over this loader was begun, and a loader has one position, which both "
                        "would move: make a second Loader, or use batch_at; with shuffle=False passes are "
                        "independent"
                    )
                if changes != self._changes:  # something else comes next
                    break

    def _steps_to(self, first: int, end: int) -> Iterator[Given]:
        if not self._prefetch:
            return one_by_one(first, end, self._maker_at, self.order.at)
        return made_ahead(
            first,
            end,
            self._maker_at,
            self.order.at,
            prefetch=self._prefetch,
        )

    def _give(self, batch: PackedBatch, draws: StepDraws, seconds: float) -> PackedBatch:
        self._count(batch, draws, seconds)
        self._step += 1
        self._given = max(self._given, self._step)
        return batch

    def _count(self, batch: PackedBatch, draws: StepDraws, seconds: float) -> None:
        left_out = max(0, draws.slots - self.ranks.slots(draws.slots))
        again = self.ranks.repeated(draws)
        self.stats.add(batch, draws, seconds, left_out, self.epochs_at, repeated_rows=again)

    def _gave(self, step: int) -> None:
        """A DataLoader gave out what comes before a step."""
        if self.shuffle:  # else every pass begins at the start
            self._step = step
            self._given = max(self._given, step)

    def _count_given(self, batch: Any) -> None:
        """Counts a batch that another process made, or its counts alone."""
        self._count(batch, self.order.at(batch.step), 0.0)
