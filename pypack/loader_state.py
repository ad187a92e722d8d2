"""The state of a loader: a step, the changes of weights, and what the order depends on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from pypack.schedule_run import Event
from pypack.source import Source

STATE_VERSION = 1
# Sources whose fingerprints a state holds one by one; more are held as one digest, to keep a state small.
_FEW_SOURCES = 8


def sources_digest(sources: Mapping[str, Source]) -> str | dict[str, str]:
    """What tells the data of sources apart, a few hundred bytes at most."""
    prints = {name: digest(source.fingerprint) for name, source in sources.items()}
    return prints if len(prints) <= _FEW_SOURCES else digest(str(sorted(prints.items())))


def digest(text: str) -> str:
    """16 hexadecimal digits."""
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def make_state(step: int, events: Sequence[Event], order: Mapping[str, Any]) -> dict[str, Any]:
    """The state; JSON can hold it."""
    return {
        "version": STATE_VERSION,
        "step": step,
        "events": [[at, weights] for at, weights in events],
        "order": dict(order),
    }


def read_state(state: Mapping[str, Any]) -> tuple[int, list[Event]]:
    """Step and events of a state.

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
    try:
        events = [
            (int(at), {str(name): float(weight) for name, weight in weights.items()})
            for at, weights in state["events"]
        ]
        return int(state["step"]), events
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"this is no state of a loader: {error!r}") from error


def differences(mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> str:
    """What differs between the orders of two loaders, in words; empty where they are the same."""
    return "; ".join(
        f"{name} is {mine.get(name)!r} here, was {theirs.get(name)!r} when the state was saved"
        for name in sorted({*mine, *theirs})
        if mine.get(name) != theirs.get(name)
    )
