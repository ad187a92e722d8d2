"""What a state and its loader leave out of the run, put together."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from pypack.schedule.skips import Skips


def skips_of(state: Mapping[str, Any]) -> Skips:
    """What the run of a state leaves out.

    Raises:
        ValueError: the state is damaged.
    """
    try:
        return Skips(state["order"].get("skip", ()))
    except (TypeError, ValueError) as error:
        raise ValueError(f"this is no state of a loader: {error}") from error


def joined_skips(theirs: Skips, mine: Skips, saved: int, step: int, *, strict: bool) -> Skips:
    """What a loader that goes on with a state leaves out: what the run did so far, and what either of both
    leaves out from there on.

    Args:
        theirs: of the state.
        mine: of the loader.
        saved: the step of the state's run, counted without skips, at which it was saved.
        step: that at which the loader goes on; another one, if its steps are others.
        strict: refuse what the loader leaves out and the run has given.

    Raises:
        ValueError: strictly, the run has given what the loader leaves out.
    """
    given = mine.within(0, saved).without(theirs)
    if given and step == saved:
        (first, stop), *_ = given.stretches
        words = (
            f"the loader leaves out steps {first} to {stop - 1}, which the run had given when the state was "
            f"saved, before step {saved}"
        )
        if strict:
            raise ValueError(f"{words}: load a state from before them, or skip from step {saved} on")
        warnings.warn(f"{words}: only what comes from there on is left out", stacklevel=5)
    if step == saved:
        return theirs.joined(mine.within(saved))
    ahead = theirs.within(saved)
    if ahead:
        warnings.warn(
            f"the state leaves out steps {ahead.stretches} of a run whose steps are others now: they are "
            "given",
            stacklevel=5,
        )
    return mine.within(step)
