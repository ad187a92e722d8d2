"""What may change while a run goes on, and the state that keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pypack._common.arguments import whole_number
from pypack.loader.position import Positioned
from pypack.schedule.skips import Skips


class Steered(Positioned):
    """The room of `Loader` that changes its run, saves where it stands, and goes on from there."""

    def set_weights(self, weights: Mapping[str, float], *, from_step: int | None = None) -> None:
        """Changes the mixture while the run goes on, from a step to the end of its phase.

        The change is kept in the state, so that a resumed or replayed run gives the same data. Every rank
        must make the same change.

        Args:
            weights: share of each source, as in `Phase`.
            from_step: the first step that it holds for; None: the step that comes next.

        Raises:
            ValueError: the step was given out already, or the weights are not those of sources.
        """
        if self.schedule is None:
            raise ValueError("set_weights needs a loader with a schedule")
        step = self._step if from_step is None else whole_number("from_step", from_step)
        if step < self._given:
            raise ValueError(f"step {step} was given out already; the next one is {self._given}")
        if step >= self.steps_per_epoch:
            raise ValueError(f"step {step} of a run of {self.steps_per_epoch} steps")
        self._run.set_weights(weights, step)
        self._follow()

    def skip_steps(self, first: int, stop: int) -> None:
        """Leaves steps out of the run from now on: the steps behind them move up.

        For where a loss jumps: load a state from before it, leave out the steps of the jump (`documents_at`
        says what they hold), and go on. The change is kept in the state and in `skips`, so that a resumed run
        gives the same data. Every rank must make the same change.

        Args:
            first: the first step to leave out, as the loader counts them now.
            stop: the step after the last.

        Raises:
            ValueError: a step was given out already, or the run does not have it, or all would be left out.
        """
        if not self.shuffle:
            raise ValueError("skip_steps is for training: with shuffle=False every pass is whole")
        ((first, stop),) = Skips([(first, stop)]).stretches
        if first < self._given:
            raise ValueError(f"step {first} was given out already; the next one is {self._given}")
        self._run.skip(first, stop)
        self._follow()

    def state_dict(self, step: int | None = None) -> dict[str, Any]:
        """Where the loader stands: a small dict of plain values, for json or torch.save.

        It takes up less than 1 KB in JSON, however many steps and changes of weights there were: as many of
        the newest changes as fit are kept, and instead of the older ones what was drawn before them, by which
        the run goes on exactly. Such a state gives no steps before its oldest change (`first_step`); `events`
        has them all. Longer it gets only by changes made ahead, for steps that are still to come, and by many
        sources: it takes one change and some 25 bytes for every source and row length.

        It counts the steps that were given out, not those that were made ahead, and names what the order
        depends on. World size, rank, layout, threads, prefetching and arrays are not part of it: they may
        change between saving and loading.

        Args:
            step: the step to go on with, where the loop knows better than the loader (`batch.step + 1` in a
                pass of Accelerate without workers, which asks for a batch more than it gives).

        Raises:
            IndexError: the loader has no such step.
            ValueError: the step is no whole number, or came before `first_step`.
        """
        return self._run.state(self._step if step is None else whole_number("step", step))

    def load_state_dict(self, state: Mapping[str, Any], *, strict: bool = True) -> None:
        """Goes to where another loader stood.

        Args:
            state: what `state_dict` gave.
            strict: refuse a state of a loader with another order. What leaves the steps as they were is no
                other order: a longer or shorter last phase, further phases, a batch of the same size said in
                the other unit, a store that has grown at its end with its plan extended
                (`pypack.extend_plan`), steps that are left out from there on. If False, a warning says what
                differs. Where that is only the size of the batch (of one source) or the schedule, the run
                goes on with the sequences that were not given out, at the step that has as many rows, or
                tokens of its phase, before it. Else only the number of the step (and the changes of weights)
                are taken over: the steps that follow are those of *this* loader's order, so that sequences
                may come again or be left out.

        Raises:
            ValueError: the state belongs to another order; the message says what differs.
        """
        buckets = self.order.source_buckets
        step = self._run.load(state, strict=strict)
        self._follow()
        if self.order.source_buckets != buckets:
            self._make_maker()
            self.stats.note_buckets(self.order.source_buckets)
        self.seek(step)
        self._given = step
