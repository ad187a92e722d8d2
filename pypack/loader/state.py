"""The state of a loader: a step, the changes of weights, and what the order depends on."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from typing import Any

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


def make_state(step: int, order: Order, described: Mapping[str, Any]) -> dict[str, Any]:
    """The state of a loader that goes on with a step; JSON can hold it.

    Where the log of changes makes it too large, it says what was drawn before one of them instead of the
    older ones: of those that hold at the step, as what comes later is not drawn yet.

    Raises:
        ValueError: what came before the step is not known here.
    """
    order.check_known(step)
    if not isinstance(order, ScheduleOrder):
        return _state(step, WeightLog(), described)
    log = order.log
    # The newest change that holds at the step is needed, and all after it.
    newest = sum(at <= step for at, _ in log.events) - 1
    if newest < 1 or len(log.events) <= _MOST_EVENTS:
        state = _state(step, log, described)
        if newest < 1 or _size(state) < STATE_BYTES:
            return state
    best = _state(step, log.since(newest, order.base_of(newest)), described)
    for first in range(newest - 1, 0, -1):
        state = _state(step, log.since(first, order.base_of(first)), described)
        if _size(state) >= STATE_BYTES:
            break
        best = state
    return best


def _size(state: Mapping[str, Any]) -> int:
    return len(json.dumps(state))


def _state(step: int, log: WeightLog, described: Mapping[str, Any]) -> dict[str, Any]:
    state = {
        "version": STATE_VERSION,
        "step": step,
        "events": [[at, dict(weights)] for at, weights in log.events],
        "order": dict(described),
    }
    if log.base is not None:
        state["base"] = {**log.base._asdict(), "past": log.pasts[0]}
    return state


def read_state(state: Mapping[str, Any]) -> tuple[int, WeightLog]:
    """Step and changes of weights of a state.

    Raises:
        ValueError: it is of another version, or no state.
    """
    if not isinstance(state, Mapping) or not {"version", "step", "events", "order"} <= state.keys():
        raise ValueError(f"this is no state of a loader, which `state_dict` gives: {state!r:.200}")
    if state.get("version") != STATE_VERSION:
        raise ValueError(
            f"the state has version {state.get('version')!r}, this pypack reads {STATE_VERSION}: use the "
            "pypack that saved it"
        )
    check_state(state)
    try:
        events = [
            (int(at), {str(name): float(weights[name]) for name in sorted(weights)})
            for at, weights in state["events"]
        ]
        if (base := state.get("base")) is None:
            return int(state["step"]), WeightLog.make(events)
        if not events:
            raise ValueError("a base without a change of weights after it")
        drawn, ahead = ([[int(n) for n in row] for row in base[name]] for name in Base._fields)
        return int(state["step"]), WeightLog.make(events, Base(drawn, ahead), str(base["past"]))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"this is no state of a loader: {error!r}") from error


def taken_state(
    state: Mapping[str, Any], described: Mapping[str, Any], known: WeightLog, *, strict: bool
) -> tuple[int, WeightLog]:
    """Step and changes of weights of a state, for a loader of some order, with the older changes that it
    knows itself; see `Loader.load_state_dict`.

    Raises:
        ValueError: it is no state, or strictly one of another order.
    """
    step, log = read_state(state)
    different = differences(described, state["order"])
    if not different:
        return step, log.behind(known)
    if strict:
        raise ValueError(
            f"the state belongs to another order: {different}. Make the loader as it was, or pass "
            "strict=False to take over only the number of the step"
        )
    older = "" if log.base is None else ", and without the older changes of weights"
    warnings.warn(
        f"the state belongs to another order: {different}. Only the number of the step is taken "
        f"over: sequences that were given out may come again, others be left out{older}",
        stacklevel=3,
    )
    return step, WeightLog.make(log.events)  # what was drawn is of the other order


def differences(mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> str:
    """What differs between the orders of two loaders, in words; empty where they are the same."""
    return "; ".join(
        f"{name} is {mine.get(name)!r} here, was {theirs.get(name)!r} when the state was saved"
        for name in sorted({*mine, *theirs})
        if mine.get(name) != theirs.get(name)
    )
