"""A run whose schedule is another than that of the state it goes on from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pypack._common.arguments import whole_number
from pypack._common.fingerprint import text_fingerprint
from pypack.loader.growth import Sizes, grown_of, grown_on
from pypack.loader.state import read_state
from pypack.loader.taken import Taken
from pypack.schedule.schedule_order import ScheduleOrder
from pypack.schedule.weight_log import Base, Event, WeightLog

SIZES = ("batch_tokens", "batch_sequences")
# What only says how long a phase is and how large its batches are; the steps that come of it are told apart.
_LENGTHS = {"tokens", "steps", "fraction", *SIZES}


def plain_phase(phase: Mapping[str, Any]) -> dict[str, Any]:
    """What makes a phase but its length and the size of its batches, as JSON gives it back."""
    what = {name: value for name, value in phase.items() if name not in _LENGTHS}
    plain: dict[str, Any] = json.loads(json.dumps(what, sort_keys=True))
    return plain


def phase_digest(phase: Mapping[str, Any]) -> str:
    """The fingerprint of `plain_phase`."""
    return text_fingerprint(json.dumps(plain_phase(phase), sort_keys=True))


def listed(value: Any) -> Any:
    """A value with lists in place of tuples, as JSON has them."""
    return [listed(item) for item in value] if isinstance(value, list | tuple) else value


def run_goes_on(
    state: Mapping[str, Any],
    order: ScheduleOrder,
    described: Mapping[str, Any],
    log: WeightLog,
    changed: set[str],
    before: Mapping[str, Sizes],
    *,
    strict: bool,
) -> Taken | None:
    """Where a run of another schedule goes on: with the sequences of every source that were not given out.

    None: it cannot; strictly also where more has changed than what follows the end of the other run.

    Args:
        before: sources that have grown since, and what they had.
    """
    (step, _), phases, known = read_state(state), phases_of(state), grown_of(state)
    if phases is None or changed - {*SIZES, "schedule", "sources"}:
        return None
    added = _added_sources(order, described, state["order"])
    if added is None or (strict and not _only_longer(order, phases, step)):
        return None
    at = _step_here(order, phases, step)
    here = _drawn(state, added)
    shape = (len(order.row_lengths), {len(order.names)})
    if at is None or at >= order.num_steps or (len(here.drawn), {*map(len, here.drawn)}) != shape:
        return None
    grown = grown_on(order, known, before, here)
    if at == step and not log.events and not order.log.events and not grown and order.base_at(at) == here:
        return Taken(step, log)
    # What holds at the step goes on to hold to the end of its phase, what comes later still comes.
    number = order.phase_of(at)
    begun = [w for a, w in log.events if a <= step and _phase_at(phases, a) == number]
    moved: list[Event] = [(a, w) for a, w in log.events if a > step] if at == step else []
    weights = begun[-1] if begun and order.starts[number] < at else {}
    return Taken(at, WeightLog.make([(at, weights), *moved], here, "another order"), grown=grown)


def _added_sources(
    order: ScheduleOrder, described: Mapping[str, Any], theirs: Mapping[str, Any]
) -> int | None:
    """Sources that this loader has behind those of the state; None: its sources are others.

    Those that were there draw as they did, unless the weights of a phase are by all sources' tokens.
    """
    mine, past = listed(described["sources"]), listed(theirs["sources"])
    if mine == past:
        return 0
    alike = isinstance(mine, list) and isinstance(past, list) and mine[: len(past)] == past
    return len(mine) - len(past) if alike and all(p.phase.weights for p in order.phases) else None


def _drawn(state: Mapping[str, Any], added: int) -> Base:
    """What was drawn before a state's step, and nothing of sources that were added since."""
    try:
        rows = [
            [[whole_number(name, n) for n in row] + [0] * added for row in state[name]]
            for name in Base._fields
        ]
    except (TypeError, ValueError) as error:
        raise ValueError(f"this is no state of a loader: {error!r}") from error
    return Base(*rows)


def phases_of(state: Mapping[str, Any]) -> list[list[Any]] | None:
    """Steps, tokens of a batch, and what else makes each phase of the state's run; None: it does not say.

    Raises:
        ValueError: what it says is nothing that a loader wrote.
    """
    if not {"phases", "drawn", "ahead"} <= state.keys():
        return None
    try:
        phases = [
            [whole_number("steps", n), whole_number("tokens", t), what] for n, t, what in state["phases"]
        ]
        if not phases:
            raise ValueError("a schedule without phases")
        return phases
    except (TypeError, ValueError) as error:
        raise ValueError(f"this is no state of a loader: {error!r}") from error


def _phase_at(phases: list[list[Any]], step: int) -> int:
    for number, (steps, _, _) in enumerate(phases):
        if step < steps:
            return number
        step -= steps
    return len(phases)


def is_phase(order: ScheduleOrder, number: int, what: Any) -> bool:
    """Whether a phase is, but for its size, what a state says of it."""
    phase = order.phases[number].phase.to_dict()
    return bool((phase_digest(phase) if isinstance(what, str) else plain_phase(phase)) == what)


def _only_longer(order: ScheduleOrder, phases: list[list[Any]], step: int) -> bool:
    """Whether the steps of a run up to where it ended are the same, and only more or fewer follow them."""
    if len(order.phases) < len(phases):
        return False
    for number, (steps, tokens, what) in enumerate(phases):
        mine = order.phases[number]
        if mine.step_tokens != tokens or not is_phase(order, number, what):
            return False
        if mine.num_steps == steps:
            continue
        start = sum(n for n, _, _ in phases[:number])
        begun = step - start
        grows_alike = mine.start == mine.end and len(mine.lengths) == 1
        if number < len(phases) - 1 or (begun > 0 and not (grows_alike and begun <= mine.num_steps)):
            return False
    return True


def _step_here(order: ScheduleOrder, phases: list[list[Any]], step: int) -> int | None:
    """The step of this run that stands where the other one stood: as many tokens into the same phase."""
    number = min(_phase_at(phases, step), len(phases) - 1)  # behind the end is at the end of the last one
    if number >= len(order.phases):
        return None
    begun = step - sum(n for n, _, _ in phases[:number])
    mine = order.phases[number]
    if begun:
        begun = -(-begun * phases[number][1] // mine.step_tokens)
    return order.starts[number] + begun if begun <= mine.num_steps else None
