"""The state of a loader: a step, the changes of weights, and what the order depends on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pypack._common.arguments import plain_number, whole_number
from pypack._common.fingerprint import text_fingerprint
from pypack.schedule.order import Order
from pypack.schedule.plain_values import check_state
from pypack.schedule.schedule_order import ScheduleOrder
from pypack.schedule.weight_log import Base, WeightLog
from pypack.source.source import Source

STATE_VERSION = 2
# Bytes in JSON that a state keeps below, as long as a change is left that it can forget.
STATE_BYTES = 1024
_MOST_EVENTS = STATE_BYTES // 16  # that can be in so many bytes: [1, {"a": 1.0}]
# Sources whose fingerprints a state holds one by one; more are held as one digest, to keep a state small.
_FEW_SOURCES = 8


def sources_digest(sources: Mapping[str, Source]) -> str | list[list[str]]:
    """What tells the data of sources apart, and their order; a few hundred bytes at most."""
    prints = [[name, digest(source.fingerprint)] for name, source in sources.items()]
    return prints if len(prints) <= _FEW_SOURCES else digest(str(prints))


def digest(text: str) -> str:
    """16 hexadecimal digits."""
    return text_fingerprint(text)


def make_state(
    step: int, order: Order, described: Mapping[str, Any], told: Mapping[str, Any]
) -> dict[str, Any]:
    """The state of a loader that goes on with a step; JSON can hold it.

    Where the log of changes makes it too large, it says what was drawn before one of them instead of the
    older ones: of those that hold at the step, as what comes later is not drawn yet.

    Args:
        told: what tells changes of the run in words, see `pypack.loader.changes`.

    Raises:
        ValueError: what came before the step is not known here.
    """
    order.check_known(step)
    if not isinstance(order, ScheduleOrder):
        return _state(step, WeightLog(), described, told)
    log = order.log
    # The newest change that holds at the step is needed, and all after it.
    newest = sum(at <= step for at, _ in log.events) - 1
    if newest < 1 or len(log.events) <= _MOST_EVENTS:
        state = _state(step, log, described, told)
        if newest < 1 or _size(state) < STATE_BYTES:
            return state
    best = _state(step, log.since(newest, order.base_of(newest)), described, told)
    for first in range(newest - 1, 0, -1):
        state = _state(step, log.since(first, order.base_of(first)), described, told)
        if _size(state) >= STATE_BYTES:
            break
        best = state
    return best


def _size(state: Mapping[str, Any]) -> int:
    return len(json.dumps(state))


def _state(
    step: int, log: WeightLog, described: Mapping[str, Any], told: Mapping[str, Any]
) -> dict[str, Any]:
    state = {
        "version": STATE_VERSION,
        "step": step,
        "events": [[at, dict(weights)] for at, weights in log.events],
        "order": dict(described),
        **told,
    }
    if log.base is not None:
        state["base"] = {**log.base._asdict(), "past": log.pasts[0]}
    return state


def read_state(state: Mapping[str, Any]) -> tuple[int, WeightLog]:
    """Step and changes of weights of a state.

    Raises:
        ValueError: it is of another version, or no state.
    """
    wanted = {"version", "step", "events", "order"}
    if not isinstance(state, Mapping) or not (wanted <= state.keys() and isinstance(state["order"], Mapping)):
        raise ValueError(f"this is no state of a loader, which `state_dict` gives: {state!r:.200}")
    if state.get("version") != STATE_VERSION:
        raise ValueError(
            f"the state has version {state.get('version')!r}, this pypack reads {STATE_VERSION}: use the "
            "pypack that saved it"
        )
    try:
        step = whole_number("step", state["step"])
    except ValueError as error:
        raise ValueError(f"this is no state of a loader: {error}") from None
    check_state({**state, "step": max(0, step)})  # of one below 0 the loader says which it has
    try:
        events = [
            (
                whole_number("the step of a change", at),
                {name: float(plain_number(name, weights[name])) for name in sorted(weights)},
            )
            for at, weights in state["events"]
        ]
        if (base := state.get("base")) is None:
            return step, WeightLog.make(events)
        if not events:
            raise ValueError("a base without a change of weights after it")
        drawn, ahead = ([[whole_number(name, n) for n in row] for row in base[name]] for name in Base._fields)
        return step, WeightLog.make(events, Base(drawn, ahead), str(base["past"]))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"this is no state of a loader: {error!r}") from error
