"""What differs between a state and the loader that loads it, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pypack.loader.run_change import is_phase, phases_of, plain_phase
from pypack.schedule.epoch_order import EpochOrder
from pypack.schedule.schedule_order import ScheduleOrder


def differences(
    state: Mapping[str, Any],
    order: EpochOrder | ScheduleOrder,
    described: Mapping[str, Any],
    changed: set[str],
) -> str:
    """What differs between the orders of two loaders."""
    words = []
    for name in sorted(changed):
        mine, theirs = described.get(name), state["order"].get(name)
        if name == "sources":
            words += _sources_differ(mine, theirs)
        elif name == "schedule" and isinstance(order, ScheduleOrder) and (phases := phases_of(state)):
            words += _phases_differ(order, phases)
        elif name == "shuffle":  # which is named only where it is False
            kinds = ("a loader that trains", "one with shuffle=False, which evaluates and has no position")
            kinds = kinds if theirs is None else kinds[::-1]
            words.append(f"the state is of {kinds[0]}, this is {kinds[1]}")
        elif mine is None or theirs is None:
            words.append(
                f"{name} is {mine!r} here, which the state does not name"
                if theirs is None
                else f"{name} was {theirs!r} when the state was saved, and is not given here"
            )
        else:
            words.append(f"{name} is {mine!r} here, was {theirs!r} when the state was saved")
    return "; ".join(words)


def _sources_differ(mine: Any, theirs: Any) -> list[str]:
    plain = f"sources is {mine!r} here, was {theirs!r} when the state was saved"
    if not (isinstance(mine, list) and isinstance(theirs, list | tuple)):
        return [plain]
    here, there = dict(map(tuple, mine)), dict(map(tuple, theirs))
    if here == there:
        return [f"{plain}: the same in another order"]
    words = []
    for name in {**there, **here}:
        if name not in there:
            words.append(f"source {name!r} is new")
        elif name not in here:
            words.append(f"source {name!r} is gone")
        elif here[name] != there[name]:
            words.append(f"source {name!r} has another plan or another store")
    return [f"{plain}: {', '.join(words)}"]


def _phases_differ(order: ScheduleOrder, phases: list[list[Any]]) -> list[str]:
    words = []
    for number, (steps, tokens, what) in enumerate(phases[: len(order.phases)]):
        mine = order.phases[number]
        if mine.num_steps != steps:
            words.append(f"phase {number} has {mine.num_steps} steps, was {steps}")
        if mine.step_tokens != tokens:
            words.append(f"phase {number} has batches of {mine.step_tokens} tokens, was {tokens}")
        if not is_phase(order, number, what):
            words.append(f"phase {number} {_fields_differ(plain_phase(mine.phase.to_dict()), what)}")
    if len(order.phases) > len(phases):
        words.append(f"the schedule has {len(order.phases)} phases, was {len(phases)}")
    elif len(order.phases) < len(phases):
        words.append(f"the schedule has only {len(order.phases)} phases, was {len(phases)}")
    return words or ["the schedule is another one in what makes its phases"]


def _fields_differ(mine: Mapping[str, Any], theirs: Any) -> str:
    if not isinstance(theirs, Mapping):
        return "differs in its mixture or its row lengths"
    names = sorted(name for name in {*mine, *theirs} if mine.get(name) != theirs.get(name))
    return " and ".join(f"has {name} {mine.get(name)!r}, was {theirs.get(name)!r}" for name in names)
