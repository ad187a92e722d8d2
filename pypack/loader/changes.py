"""What has changed between a state and the loader that loads it: told in words, and gone on with where that
is exact."""

from __future__ import annotations

import itertools
import json
import logging
import warnings
from collections.abc import Mapping
from typing import Any

from pypack._common.arguments import plain_by_length, whole_number
from pypack.loader.batch_change import epochs_go_on, same_batch
from pypack.loader.change_words import differences
from pypack.loader.growth import Sizes, grown_of, grown_to_plain, sizes_before
from pypack.loader.run_change import SIZES, listed, phase_digest, plain_phase, run_goes_on
from pypack.loader.skipped import joined_skips, skips_of
from pypack.loader.state import read_state
from pypack.loader.taken import Taken
from pypack.schedule.epoch_order import EpochOrder, Resumed
from pypack.schedule.schedule_order import GrownSources, ScheduleOrder
from pypack.schedule.skips import Skips
from pypack.schedule.weight_log import WeightLog
from pypack.source.source import Source

_log = logging.getLogger(__name__)
_TOLD_BYTES = 480  # in JSON, of what a state tells of phases; more is left out


def told(
    order: EpochOrder | ScheduleOrder, step: int, went_on: Resumed | None, grown: GrownSources
) -> dict[str, Any]:
    """What a state says besides, so that changes of the run can be told in words and gone on with.

    "phases": steps, tokens of a batch, and what else makes each phase (or its digest). "drawn" and "ahead":
    as in a `Base`, before the step. "resumed": since when an epoch has other batches, and "parts", what it
    gives one after another since its store has grown; "grown": the same of the sources of a schedule. What
    takes more than a few hundred bytes of the first two is left out.
    """
    if not isinstance(order, ScheduleOrder):
        if went_on is None:
            return {}
        out: dict[str, Any] = {"resumed": [went_on.step, went_on.epoch, *went_on.rows]}
        return out | ({"parts": [list(sizes) for sizes in went_on.parts]} if went_on.parts else {})
    base = order.base_at(step)
    always = {"grown": grown_to_plain(grown)} if grown else {}
    for what in (plain_phase, phase_digest):
        out = {
            "phases": [
                [phase.num_steps, phase.step_tokens, what(phase.phase.to_dict())] for phase in order.phases
            ],
            **base._asdict(),
        }
        if len(json.dumps(out)) < _TOLD_BYTES:
            return out | always
    return always


def taken(
    state: Mapping[str, Any],
    order: EpochOrder | ScheduleOrder,
    sources: Mapping[str, Source],
    described: Mapping[str, Any],
    known: WeightLog,
    skips: Skips,
    *,
    strict: bool,
) -> Taken:
    """Where a loader of some order goes on with a state; see `Loader.load_state_dict`.

    Args:
        state: of a loader, be it of another order.
        order: the loader's own, before it goes on, and with all steps.
        sources: the loader's.
        described: what the order depends on.
        known: changes of weights that the loader knows itself.
        skips: what the loader leaves out itself.

    Raises:
        ValueError: it is no state, or strictly one of another order.
    """
    step, _ = read_state(state)
    theirs = skips_of(state)
    at = theirs.plain(step)
    others = {name: value for name, value in state["order"].items() if name != "skip"}
    before, as_before = sizes_before(sources, described["sources"], others.get("sources"))
    found = _taken(
        {**state, "step": at, "order": others},
        order,
        {**described, "sources": as_before},
        known,
        before,
        strict=strict,
    )
    return found._replace(skips=joined_skips(theirs, skips, at, found.step, strict=strict))


def _taken(
    state: Mapping[str, Any],
    order: EpochOrder | ScheduleOrder,
    described: Mapping[str, Any],
    known: WeightLog,
    before: Mapping[str, Sizes],
    *,
    strict: bool,
) -> Taken:
    step, log = read_state(state)
    theirs = state["order"]
    changed = {name for name in {*described, *theirs} if not _same(described.get(name), theirs.get(name))}
    if changed & set(SIZES) and same_batch(order, theirs):
        changed -= set(SIZES)
    went_on = _resumed(state)
    if not strict and "objective" in changed:  # which changes no step's rows
        words = differences(state, order, described, {"objective"})
        warnings.warn(f"the state is of another objective: {words}. Its rows are learned so", stacklevel=5)
        changed.remove("objective")
    if not changed and not before:
        return Taken(step, log.behind(known), went_on, grown_of(state))
    words = differences(state, order, described, changed)
    if before:
        grown = ", ".join(f"source {name!r} has grown" if name else "the store has grown" for name in before)
        words = "; ".join(filter(None, (words, grown)))
    go_on = None
    if isinstance(order, ScheduleOrder):
        go_on = run_goes_on(state, order, described, log.behind(known), changed, before, strict=strict)
    elif not changed or (not strict and changed <= set(SIZES)):
        go_on = epochs_go_on(order, theirs, step, went_on, before.get(""))
    if before and go_on is not None:
        names = ", ".join(name or "the store" for name in before)
        _log.info("%s has grown: its old sequences end their epoch, then come the new ones", names)
    if strict or (go_on is not None and not changed):
        if go_on is not None:
            return go_on
        raise ValueError(
            f"the state belongs to another order: {words}. Make the loader as it was, or pass strict=False, "
            f"which {_loose(order, changed)}"
        )
    if go_on is not None:
        warnings.warn(
            f"the state belongs to another order: {words}. The run goes on at step {go_on.step} with what "
            "was not given out before it: nothing comes again and nothing is left out",
            stacklevel=5,
        )
        return go_on
    older = "" if log.base is None else ", and without the older changes of weights"
    warnings.warn(
        f"the state belongs to another order: {words}. Only the number of the step is taken "
        f"over: sequences that were given out may come again, others be left out{older}",
        stacklevel=5,
    )
    return Taken(step, WeightLog.make(log.events))  # what was drawn is of the other order


def _loose(order: EpochOrder | ScheduleOrder, changed: set[str]) -> str:
    exact = {*SIZES, "schedule"} if isinstance(order, ScheduleOrder) else set(SIZES)
    if changed <= exact:
        return "goes on with what was not given out, as far as the state tells"
    if "sources" in changed:
        return (
            "takes over only the number of the step. A store that has grown at its end goes on with its plan "
            "extended (pypack.extend_plan), or with the new documents as a source of their own"
        )
    return "takes over only the number of the step"


def _same(mine: Any, theirs: Any) -> bool:
    """Whether two values are the same, be one of them from JSON, whose keys are strings."""
    if isinstance(mine, Mapping) and isinstance(theirs, Mapping):
        try:
            return plain_by_length("", mine) == plain_by_length("", theirs)
        except ValueError:
            return False
    return bool(listed(mine) == listed(theirs))


def _resumed(state: Mapping[str, Any]) -> Resumed | None:
    if (values := state.get("resumed")) is None:
        return None
    try:
        step, epoch, *rows = (whole_number("resumed", value) for value in values)
        parts = [[whole_number("parts", value) for value in one] for one in state.get("parts", ())]
        if min(step, epoch, *rows, *itertools.chain(*parts)) < 0 or not rows:
            raise ValueError("resumed below 0, or without rows")
        return Resumed(step, epoch, tuple(rows), tuple(map(tuple, parts)))
    except (TypeError, ValueError) as error:
        raise ValueError(f"this is no state of a loader: {error!r}") from error
