"""ObjectiveSchedule: several objectives of one run, and which step has which."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from pypack._common.arguments import plain_number, whole_number
from pypack._common.fingerprint import text_fingerprint
from pypack.objectives.objective import Objective
from pypack.plan.plan import Plan
from pypack.store.store import TokenStore

_MOST_PERIOD = 100_000
ObjectiveEvent = tuple[int, dict[str, float]]  # step, weights from it on to the end of its phase


@dataclasses.dataclass(frozen=True)
class ObjectivePhase:
    """A stretch of steps with one mixture of objectives.

    Attributes:
        weights: the share of steps of each objective, by name; 0, or no entry: none.
        steps: of the phase; None: to the end of the run, for the last phase.
    """

    weights: Mapping[str, float]
    steps: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", checked_weights(self.weights))
        if self.steps is not None and whole_number("steps of an ObjectivePhase", self.steps) < 1:
            raise ValueError(f"steps of an ObjectivePhase must be at least 1, got {self.steps}")


@dataclasses.dataclass(frozen=True, eq=False)
class ObjectiveSchedule:
    """Objectives by name, and phases that say which share of the steps each has: `Loader(objective=...)`.

    Every batch has one objective, on all ranks, and says which (`PackedBatch.objective`), so that a training
    loop can take the mask of attention that goes with it. Steps are shared out exactly: of weights 1 and 15
    every sixteen steps hold one and fifteen, spread evenly. A state keeps the changes that
    `change_objectives` makes; phases count steps as the loader does without skips.

    Attributes:
        objectives: by name; None: the next token.
        phases: one after another; a mapping: the weights of one phase that lasts.

    Raises:
        ValueError: a weight is of no objective, or a phase that is not the last has no steps.
    """

    objectives: Mapping[str, Objective | None]
    phases: Sequence[ObjectivePhase] | Mapping[str, float]

    def __post_init__(self) -> None:
        if not self.objectives or not isinstance(self.objectives, Mapping):
            raise ValueError("an ObjectiveSchedule takes objectives by name, and at least one")
        for name, one in self.objectives.items():
            if one is not None and not isinstance(one, Objective):
                raise TypeError(f"objective {name!r} is one of pypack.objectives, or None, got {one!r}")
        phases = self.phases
        if isinstance(phases, Mapping):
            phases = (ObjectivePhase(phases),)
        object.__setattr__(self, "phases", tuple(phases))
        if not self.phases:
            raise ValueError("an ObjectiveSchedule needs at least one phase")
        for number, phase in enumerate(self.in_order):
            self.check_weights(phase.weights, f"phase {number}")
            if phase.steps is None and number + 1 < len(self.in_order):
                raise ValueError(f"phase {number} needs steps: only the last one may do without")

    @property
    def in_order(self) -> tuple[ObjectivePhase, ...]:
        """The phases."""
        assert isinstance(self.phases, tuple)
        return self.phases

    def check_weights(self, weights: Mapping[str, float], what: str) -> None:
        """Raises ValueError for weights of objectives that there are not."""
        for name in weights:
            if name not in self.objectives:
                raise ValueError(
                    f"{what}: there is no objective {name!r}; the objectives are {list(self.objectives)}"
                )

    @property
    def names(self) -> list[str]:
        """Of the objectives, in their order."""
        return list(self.objectives)

    @property
    def needs(self) -> tuple[str, ...]:
        """Arrays that the loader has to make for all of them."""
        found = [name for one in self.objectives.values() if one is not None for name in one.needs]
        return tuple(dict.fromkeys(found))

    @property
    def writes_labels(self) -> bool:
        """Whether all of them say themselves what is learned."""
        return all(one is not None and one.writes_labels for one in self.objectives.values())

    def check_plans(self, plans: Sequence[Plan]) -> None:
        """Raises ValueError where one of them can make nothing of the sequences of a plan."""
        for one in self.objectives.values():
            if one is not None:
                one.check_plans(plans)

    def resolved(self, stores: Sequence[TokenStore]) -> ObjectiveSchedule:
        """The same with all that the objectives take from the stores filled in."""
        found = {name: one and one.resolved(stores) for name, one in self.objectives.items()}
        return dataclasses.replace(self, objectives=found)

    @property
    def fingerprint(self) -> str:
        """What a loader's state records: 16 hexadecimal digits that change with any objective or phase."""
        text = json.dumps(
            [
                {name: one and one.fingerprint for name, one in self.objectives.items()},
                [[dict(phase.weights), phase.steps] for phase in self.in_order],
            ]
        )
        return f"ObjectiveSchedule {text_fingerprint(text)}"

    def order(self, events: Sequence[ObjectiveEvent] = ()) -> ObjectiveOrder:
        """Which step has which objective, with changes on the way."""
        return ObjectiveOrder(self, events)


class ObjectiveOrder:
    """The objective of every step: a function of the step.

    Args:
        schedule: the phases.
        events: changes of weights, rising by step: each holds to the end of its phase.
    """

    def __init__(self, schedule: ObjectiveSchedule, events: Sequence[ObjectiveEvent]) -> None:
        self._names = schedule.names
        self._starts: list[int] = []
        self._patterns: list[list[int]] = []
        begin = 0
        for number, phase in enumerate(schedule.in_order):
            last = number + 1 == len(schedule.in_order)
            end = math.inf if last or phase.steps is None else begin + phase.steps
            inside = [event for event in events if begin <= event[0] < end]
            if not inside or inside[0][0] > begin:
                self._add(begin, phase.weights)
            for step, weights in inside:
                self._add(step, weights)
            if end is math.inf:
                break
            begin = int(end)

    def _add(self, step: int, weights: Mapping[str, float]) -> None:
        self._starts.append(step)
        self._patterns.append(pattern([weights.get(name, 0) for name in self._names]))

    def at(self, step: int) -> str:
        """The name of the objective of a step."""
        number = len(self._starts) - 1
        while self._starts[number] > step:  # few, and the last ones are asked for most
            number -= 1
        shares = self._patterns[number]
        return self._names[shares[(step - self._starts[number]) % len(shares)]]


def checked_weights(weights: Mapping[str, float]) -> dict[str, float]:
    """Weights of objectives as numbers.

    Raises:
        ValueError: one is no number, or below 0, or all are 0, or they are in no simple ratio.
    """
    if not isinstance(weights, Mapping) or not weights:
        raise ValueError(f"weights of objectives are numbers by name, got {weights!r}")
    found = {str(name): float(plain_number(f"the weight of {name!r}", w)) for name, w in weights.items()}
    if not all(math.isfinite(w) and w >= 0 for w in found.values()) or not any(found.values()):
        raise ValueError(f"weights of objectives must be at least 0, and not all 0, got {weights!r}")
    whole_shares(list(found.values()))
    return found


def whole_shares(weights: Sequence[float]) -> list[int]:
    """The smallest whole numbers in the ratio of weights, as they are written in decimals.

    Raises:
        ValueError: they add up to more than 100,000.
    """
    shares = [Fraction(repr(float(weight))) for weight in weights]
    scale = math.lcm(*(share.denominator for share in shares))
    wholes = [int(share * scale) for share in shares]
    divisor = math.gcd(*wholes)
    wholes = [whole // divisor for whole in wholes]
    if sum(wholes) > _MOST_PERIOD:
        raise ValueError(
            f"weights {list(weights)} repeat only after {sum(wholes):,} steps: write them as a ratio of "
            "small numbers, as 1 and 15"
        )
    return wholes


def pattern(weights: Sequence[float]) -> list[int]:
    """The numbers of objectives, step by step, until it repeats: each step goes to the one that is farthest
    behind its share, the first among equals."""
    wholes = whole_shares(weights)
    period = sum(wholes)
    given = [0] * len(wholes)
    steps = []
    for step in range(1, period + 1):
        behind = [step * whole - period * done for whole, done in zip(wholes, given, strict=True)]
        chosen = behind.index(max(behind))
        given[chosen] += 1
        steps.append(chosen)
    return steps


def plain_events(events: Sequence[ObjectiveEvent]) -> list[list[Any]]:
    """For a state in JSON."""
    return [[step, dict(weights)] for step, weights in events]


def read_events(schedule: ObjectiveSchedule, values: Any) -> tuple[ObjectiveEvent, ...]:
    """The changes that a state holds.

    Raises:
        ValueError: they are none, or not of the objectives of the schedule.
    """
    found: list[ObjectiveEvent] = []
    try:
        for step, weights in values:
            at = whole_number("the step of a change of objectives", step)
            if at < 0 or (found and at <= found[-1][0]):
                raise ValueError("changes of objectives must rise by step")
            schedule.check_weights(weights, "a change of objectives")
            found.append((at, checked_weights(weights)))
    except (TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"this is no state of a loader: its field 'objectives': {error}") from None
    return tuple(found)
