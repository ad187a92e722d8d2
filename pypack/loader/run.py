"""What the steps of a loader are: the options of its order, and the log of what changed on the way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pypack import _core
from pypack._common.arguments import whole_number
from pypack.loader.changes import taken, told
from pypack.loader.feedback import FeedbackLog, feedback_log
from pypack.loader.order_options import OrderOptions
from pypack.loader.state import make_state
from pypack.objectives.objective import Objective
from pypack.objectives.schedule import (
    ObjectiveEvent,
    ObjectiveOrder,
    ObjectiveSchedule,
    checked_weights,
    plain_events,
    read_events,
)
from pypack.schedule.epoch_order import EpochOrder, Resumed
from pypack.schedule.order import Order
from pypack.schedule.phase_order import MOST_STEPS
from pypack.schedule.schedule import check_weights
from pypack.schedule.schedule_order import GrownSources, ScheduleOrder
from pypack.schedule.skips import SkippingOrder, Skips
from pypack.schedule.weight_log import WeightLog
from pypack.source.source import Source


class Run:
    """The order of a loader, with its changes; pickled without the order, which is made anew.

    Steps of its arguments are as the loader counts them; those of the log are counted without skips.

    Attributes:
        options: of the order.
        log: changes of weights.
        skips: what is left out.
        plain: the order of all steps.
        order: without those that are left out.
        end: the step after the last that can be counted.

    Args:
        sources: of the loader, by name.
        options: checked.
        objective: resolved; it changes no step's rows, and what is learned of them.
        events: changes of weights to begin with.
        skip: stretches of steps to leave out.

    Raises:
        ValueError: one of them does not fit the sources, or the run.
    """

    def __init__(
        self,
        sources: Mapping[str, Source],
        options: OrderOptions,
        objective: Objective | ObjectiveSchedule | None = None,
        *,
        events: Iterable[tuple[int, Mapping[str, float]]],
        skip: Iterable[tuple[int, int]],
    ) -> None:
        self.sources, self.options, self.objective = sources, options, objective
        self.log, self.skips = WeightLog(), Skips(skip)
        self.objective_events: tuple[ObjectiveEvent, ...] = ()
        self.objective_order: ObjectiveOrder | None = None
        self._follow_objectives()
        self.feedback = feedback_log(objective)
        for at, weights in events:
            self.check_weights(weights)
            self.log = self.log.changed(whole_number("the step of a change of weights", at), weights)
        if self.skips and not options.shuffle:
            raise ValueError("skip is for training: with shuffle=False every pass is whole; leave it out")
        # Since the batch size has changed within an epoch, or the store has grown; of a schedule's sources.
        self.resumed: Resumed | None = None
        self.grown: GrownSources = {}
        self._make()
        if self.skips:
            self._check_skips(self.skips)

    def _make(self) -> None:
        self._take(self.options.order(self.sources, self.log, self.resumed, self.grown))

    def _take(self, plain: EpochOrder | ScheduleOrder) -> None:
        self.plain = plain
        self.order: Order = SkippingOrder(plain, self.skips) if self.skips else plain
        self.end = MOST_STEPS if self.order.num_steps is None else min(self.order.num_steps, MOST_STEPS)

    def _follow_objectives(self) -> None:
        if isinstance(self.objective, ObjectiveSchedule):
            self.objective_order = self.objective.order(self.objective_events)

    def objective_at(self, step: int) -> str:
        """The name of the objective of a step.

        Raises:
            ValueError: there is no schedule of objectives.
        """
        if self.objective_order is None:
            raise ValueError(
                "the loader has no ObjectiveSchedule: make it with objective=ObjectiveSchedule(...)"
            )
        return self.objective_order.at(self.skips.plain(step) if self.skips else step)

    def change_objectives(self, weights: Mapping[str, float], step: int) -> None:
        """Shares the steps of a phase out otherwise, from a step on.

        Raises:
            ValueError: there is no schedule of objectives, or the weights are not of them.
        """
        self.objective_at(step)
        assert isinstance(self.objective, ObjectiveSchedule)
        self.objective.check_weights(weights, "change_objectives")
        at = self.skips.plain(step)
        kept = [event for event in self.objective_events if event[0] != at]
        self.objective_events = tuple(sorted([*kept, (at, checked_weights(weights))], key=lambda e: e[0]))
        self._follow_objectives()

    def give_feedback(self, change: Any, step: int) -> None:
        """Adds to what objectives know of the run, from a step on.

        Raises:
            ValueError: none takes feedback, or it is not of its kind.
        """
        if self.feedback is None:
            raise ValueError(
                "the loader has no objective that takes feedback: make it with objective=ReplacedTokens("
                "method='clusters', ...)"
            )
        self.feedback.add(change, self.skips.plain(step))

    def kernel_at(self, step: int) -> _core.Objective:
        """What the objective that takes feedback makes of the batch of a step."""
        assert self.feedback is not None
        return self.feedback.kernel_at(self.skips.plain(step) if self.skips else step)

    @property
    def version(self) -> tuple[Any, ...]:
        """What may change; equal ones give the same steps."""
        told = 0 if self.feedback is None else self.feedback.version
        return self.log, self.resumed, self.grown, self.skips, plain_events(self.objective_events), told

    def no_step(self, step: int) -> str:
        """The words for a step that it does not have."""
        steps = self.order.num_steps
        kind = "an endless loader" if steps is None else f"a loader with {steps} steps"
        hint = ": steps count from 0, and not back from the end" if step < 0 else ""
        return f"step {step} of {kind}{hint}"

    def check_weights(self, weights: Mapping[str, float]) -> None:
        """Raises ValueError unless they are weights of sources."""
        check_weights(weights)
        for name in weights:
            if name not in self.sources:
                raise ValueError(f"there is no source {name!r}; the sources are {list(self.sources)}")

    def set_weights(self, weights: Mapping[str, float], step: int) -> None:
        """Changes the mixture from a step on."""
        self.check_weights(weights)
        log = self.log.changed(self.skips.plain(step), weights)
        assert isinstance(self.plain, ScheduleOrder)
        plain = self.plain.changed(log)
        self.log = log
        self._take(plain)

    def skip(self, first: int, stop: int) -> None:
        """Leaves steps out.

        Raises:
            ValueError: the run does not have them, or all would be left out.
        """
        if stop > self.end:
            raise ValueError(f"steps {first} to {stop - 1} of a run of {self.end} steps")
        more = Skips([(self.skips.plain(first), self.skips.plain(stop - 1) + 1)])
        past, self.skips = self.skips, self.skips.joined(more)
        try:
            self._check_skips(more)
        except ValueError:
            self.skips = past
            raise
        self._take(self.plain)

    def _check_skips(self, skips: Skips) -> None:
        """Raises ValueError for steps that the run does not have, or if no step would be left."""
        end = self.plain.num_steps
        for first, stop in skips.stretches:
            if end is not None and stop > end:
                raise ValueError(f"skip=({first}, {stop}): the run has {end} steps")
        if end is not None and self.skips.here(end) < 1:
            raise ValueError(f"skip={skips.stretches} leaves out all {end} steps of the run")

    def state(self, step: int) -> dict[str, Any]:
        """The state of a loader that goes on with a step.

        Raises:
            IndexError: there is no such step.
            ValueError: the step came before the first that is known.
        """
        if not 0 <= step <= self.end:
            raise IndexError(self.no_step(step))
        described = self._described()
        if self.skips:
            described["skip"] = [list(stretch) for stretch in self.skips.stretches]
        plain = self.skips.plain(step)
        if self.plain.num_steps is not None:
            plain = min(plain, self.plain.num_steps)  # where the end is left out
        words = told(self.plain, plain, self.resumed, self.grown)
        objectives: dict[str, Any] = {}
        if self.objective_events:
            objectives["objectives"] = plain_events(self.objective_events)
        fed = self.feedback
        if fed is not None and (fed.first > 0 or fed.events):
            objectives["feedback"] = fed.state(plain)
        return {**make_state(plain, self.plain, described, words), "step": step, **objectives}

    def _described(self) -> dict[str, Any]:
        objective = {} if self.objective is None else {"objective": self.objective.fingerprint}
        return self.options.to_dict(self.sources) | objective

    def load(self, state: Mapping[str, Any], *, strict: bool) -> int:
        """Goes on as a state says; see `Loader.load_state_dict`. Returns the step that comes next.

        Raises:
            ValueError: the state belongs to another order, or is none. The run is then as it was.
        """
        plain = self.plain
        if self.log.base is not None or self.resumed is not None or self.grown:
            plain = self.options.order(self.sources, WeightLog())
        described = self._described()
        found = taken(state, plain, self.sources, described, self.log, self.skips, strict=strict)
        for _, weights in found.log.events:
            if weights:
                self.check_weights(weights)
        events: tuple[ObjectiveEvent, ...] = ()
        if isinstance(self.objective, ObjectiveSchedule):
            events = read_events(self.objective, state.get("objectives", ()))
        fed = (
            None
            if self.feedback is None
            else FeedbackLog.read(self.feedback.objective, state.get("feedback"))
        )
        past = self.log, self.resumed, self.grown, self.skips
        step = found.skips.here(found.step)
        try:
            self._go_on(found.log, found.resumed, found.grown or {}, found.skips)
            if not 0 <= step <= self.end:
                raise IndexError(self.no_step(step))
            self.order.check_known(step)
            if not self.options.shuffle and 0 < step < self.end:
                raise ValueError(f"step {step}: with shuffle=False every pass begins at the start")
        except (ValueError, IndexError) as error:
            self._go_on(*past)
            raise ValueError(f"the state does not fit this loader: {error}") from error
        self.objective_events = events
        self._follow_objectives()
        if fed is not None and self.feedback is not None:
            fed.version = self.feedback.version + 1
        self.feedback = fed
        return step

    def _go_on(self, log: WeightLog, resumed: Resumed | None, grown: GrownSources, skips: Skips) -> None:
        self.log, self.resumed, self.grown, self.skips = log, resumed, grown, skips
        self._make()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in ("plain", "order")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._make()
