"""The batch of any step, and what is in it: functions of the step alone."""

from __future__ import annotations

import operator

import numpy as np
from numpy.typing import NDArray

from pypack._common.arguments import whole_number
from pypack.batch import PackedBatch
from pypack.loader.batch_maker import BatchMaker
from pypack.loader.documents import StepDocuments, documents_of
from pypack.loader.facts import LoaderFacts


class StepBatches(LoaderFacts):
    """The room of `Loader` that knows of no position: any step, at any time."""

    def _maker_at(self, step: int) -> BatchMaker:
        """This process's maker, for a step that the loader must have. Called for every batch: no detours."""
        if not 0 <= step < self._end:
            raise IndexError(self._run.no_step(step))
        if not self._maker.is_of_this_process:
            self._make_maker()
        if self._run.objective_order is not None:
            return self._makers[self._run.objective_at(step)]
        return self._maker

    def objective_at(self, step: int) -> str:
        """The name of the objective of a step, of an `ObjectiveSchedule`.

        Raises:
            IndexError: the loader has no such step.
        """
        step = whole_number("step", step)
        if not 0 <= step < self._end:
            raise IndexError(self._run.no_step(step))
        return self._run.objective_at(step)

    @property
    def objective_events(self) -> list[tuple[int, dict[str, float]]]:
        """The changes that `change_objectives` made: from which step on, counted without skips, and the
        weights."""
        return [(step, dict(weights)) for step, weights in self._run.objective_events]

    def rows_at(self, step: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """The rows of this rank's batch at a step: sources, and sequences in their plans; -1 for empty
        rows."""
        sources, sequences, _ = self._maker_at(step).rows(self.order.at(step))
        return sources, sequences

    def epochs_at(self, step: int) -> NDArray[np.int64]:
        """The epoch of its source that each row of this rank's batch belongs to: int64 [rows]."""
        return self._maker_at(step).rows(self.order.at(step))[2]

    def sequences_at(self, step: int) -> NDArray[np.int64]:
        """The sequences alone of `rows_at`, for a loader with one source: int64 [rows]."""
        return self.rows_at(step)[1]

    def documents_at(self, step: int, *, all_ranks: bool = False) -> StepDocuments:
        """The documents that a step gives, without reading a token: what to look at where a loss jumped.

        Args:
            step: any step.
            all_ranks: those of the whole global batch, in the order in which its rows are dealt to the ranks;
                not only of this rank's batch.
        """
        step = whole_number("step", step)
        plans, sequences, _ = self._maker_at(step).plan_rows(self.order.at(step), all_ranks=all_ranks)
        return documents_of(self.sources, plans, sequences)

    def batch_at(self, step: int) -> PackedBatch:
        """This rank's batch at any step, whatever was read before.

        Raises:
            IndexError: the loader has no such step.
            ValueError: the step came before `first_step`.
            TypeError: the step is no whole number.
        """
        if type(step) is not int:
            step = operator.index(step)
        maker = self._maker_at(step)
        if maker.steps_ahead is not None:
            maker.steps_ahead.before(step, self._end, self.order.at)
        return maker.batch(self.order.at(step), step)
