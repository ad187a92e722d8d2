"""What has changed between a state and the loader that loads it: told in words, and gone on with where that
is exact."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

from pypack._common.arguments import plain_by_length, whole_number
from pypack._common.fingerprint import text_fingerprint
from pypack.loader.state import read_state
from pypack.schedule.epoch_order import EpochOrder, Resumed
from pypack.schedule.schedule_order import ScheduleOrder
from pypack.schedule.tails import ResumedEpochs, Visits, resumed, visits
from pypack.schedule.weight_log import Base, Event, WeightLog

_TOLD_BYTES = 480  # in JSON, of what a state tells of phases; more is left out
_SIZES = ("batch_tokens", "batch_sequences")
# What only says how long a phase is and how large its batches are; the steps that come of it are told apart.
_LENGTHS = {"tokens", "steps", "fraction", *_SIZES}


class Taken(NamedTuple):
    """Where a loader goes on: a step, the changes of weights, and the row that the step begins with."""

    step: int
    log: WeightLog
    resumed: Resumed | None = None


def told(order: EpochOrder | ScheduleOrder, step: int, went_on: Resumed | None) -> dict[str, Any]:
    """What a state says besides, so that changes of the run can be told in words and gone on with.

    "phases": steps, tokens of a batch, and what else makes each phase (or its digest). "drawn" and "ahead":
    as in a `Base`, before the step. "resumed": since when an epoch has other batches. All of a few hundred
    bytes; what takes more is left out.
    """
    if not isinstance(order, ScheduleOrder):
        return {} if went_on is None else {"resumed": list(went_on)}
    base = order.base_at(step)
    for what in (_plain, _digest):
        out = {
            "phases": [
                [phase.num_steps, phase.step_tokens, what(phase.phase.to_dict())] for phase in order.phases
            ],
            **base._asdict(),
        }
        if len(json.dumps(out)) < _TOLD_BYTES:
            return out
    return {}


def taken(
    state: Mapping[str, Any],
    order: EpochOrder | ScheduleOrder,
    described: Mapping[str, Any],
    known: WeightLog,
    *,
    strict: bool,
) -> Taken:
    """Where a loader of some order goes on with a state; see `Loader.load_state_dict`.

    Args:
        state: of a loader, be it of another order.
        order: the loader's own, before it goes on.
        described: what the order depends on.
        known: changes of weights that the loader knows itself.

    Raises:
        ValueError: it is no state, or strictly one of another order.
    """
    step, log = read_state(state)
    theirs = state["order"]
    changed = {name for name in {*described, *theirs} if not _same(described.get(name), theirs.get(name))}
    if changed & set(_SIZES) and _same_batch(order, theirs):
        changed -= set(_SIZES)
    went_on = _resumed(state)
    if not changed:
        return Taken(step, log.behind(known), went_on)
    words = _differences(state, order, described, changed)
    go_on = None
    if isinstance(order, ScheduleOrder):
        go_on = _run_goes_on(state, order, described, log.behind(known), changed, strict=strict)
    elif not strict and changed <= set(_SIZES):
        go_on = _epochs_go_on(order, theirs, step, went_on)
    if strict:
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
            stacklevel=3,
        )
        return go_on
    older = "" if log.base is None else ", and without the older changes of weights"
    warnings.warn(
        f"the state belongs to another order: {words}. Only the number of the step is taken "
        f"over: sequences that were given out may come again, others be left out{older}",
        stacklevel=3,
    )
    return Taken(step, WeightLog.make(log.events))  # what was drawn is of the other order


def _loose(order: EpochOrder | ScheduleOrder, changed: set[str]) -> str:
    exact = {*_SIZES, "schedule"} if isinstance(order, ScheduleOrder) else set(_SIZES)
    if changed <= exact:
        return "goes on with what was not given out, as far as the state tells"
    if "sources" in changed:
        return (
            "takes over only the number of the step. A store that has grown goes on with its old plan, and "
            "the new documents as a source of their own, in a schedule of both"
        )
    return "takes over only the number of the step"


def _plain(phase: Mapping[str, Any]) -> dict[str, Any]:
    what = {name: value for name, value in phase.items() if name not in _LENGTHS}
    plain: dict[str, Any] = json.loads(json.dumps(what, sort_keys=True))
    return plain


def _digest(phase: Mapping[str, Any]) -> str:
    return text_fingerprint(json.dumps(_plain(phase), sort_keys=True))


def _same(mine: Any, theirs: Any) -> bool:
    """Whether two values are the same, be one of them from JSON, whose keys are strings."""
    if isinstance(mine, Mapping) and isinstance(theirs, Mapping):
        try:
            return plain_by_length("", mine) == plain_by_length("", theirs)
        except ValueError:
            return False
    return bool(_listed(mine) == _listed(theirs))


def _listed(value: Any) -> Any:
    return [_listed(item) for item in value] if isinstance(value, list | tuple) else value


def _resumed(state: Mapping[str, Any]) -> Resumed | None:
    if (values := state.get("resumed")) is None:
        return None
    try:
        went_on = Resumed(*(whole_number("resumed", value) for value in values))
        if min(went_on) < 0:
            raise ValueError("resumed below 0")
        return went_on
    except (TypeError, ValueError) as error:
        raise ValueError(f"this is no state of a loader: {error!r}") from error


# Batches


def _batches(order: EpochOrder | ScheduleOrder) -> list[tuple[int, int]]:
    """(rows, row length) of all batches whose size the loader says, and not a phase."""
    if isinstance(order, EpochOrder):
        rows = [full for full, _ in order.visit_rows()]
        return list(zip(rows, [bucket.length for bucket in order.source_buckets], strict=True))
    own = [p for p in order.phases if p.phase.batch_tokens is None and p.phase.batch_sequences is None]
    return [pair for phase in own for pair in zip(phase.rows, phase.lengths, strict=True)]


def _rows(theirs: Mapping[str, Any], length: int) -> int | None:
    """Rows of a batch of the state's loader; None where it cannot have been."""
    try:
        if theirs.get("batch_sequences") is not None:
            return max(1, whole_number("batch_sequences", theirs["batch_sequences"]))
        tokens = whole_number("batch_tokens", theirs.get("batch_tokens"))
    except ValueError:
        return None
    return tokens // length if tokens >= length and tokens % length == 0 else None


def _same_batch(order: EpochOrder | ScheduleOrder, theirs: Mapping[str, Any]) -> bool:
    """Whether the state's batch is as large, be it said in tokens or in sequences."""
    return all(_rows(theirs, length) == rows for rows, length in _batches(order))


# Epochs of one source


def _epochs_go_on(
    order: EpochOrder, theirs: Mapping[str, Any], step: int, went_on: Resumed | None
) -> Taken | None:
    """Where a run of another batch size goes on, exactly; None where nothing tells."""
    tail = theirs["tail"]
    past: list[Visits] = []
    for bucket in order.source_buckets:
        if (rows := _rows(theirs, bucket.length)) is None:
            return None
        plain = visits(tail, bucket.size, rows)
        past.append(plain if went_on is None else ResumedEpochs(plain, *went_on, tail))
    if len(past) > 1:  # the lengths of an epoch come in an order of their own: only whole epochs fit
        epoch, rest = divmod(step, sum(bucket.before(1) for bucket in past))
        return None if rest or tail == "wrap" else Taken(order.first(epoch), WeightLog())
    ((epoch, row),) = [past[0].draws(step)[0][:2]]
    size, rows = order.source_buckets[0].size, _batches(order)[0][0]
    visit, plainly = resumed(tail, size, rows, epoch, row)
    return Taken(visit, WeightLog(), None if plainly else Resumed(visit, epoch, row))


# Schedules


def _run_goes_on(
    state: Mapping[str, Any],
    order: ScheduleOrder,
    described: Mapping[str, Any],
    log: WeightLog,
    changed: set[str],
    *,
    strict: bool,
) -> Taken | None:
    """Where a run of another schedule goes on: with the sequences of every source that were not given out.

    None: it cannot; strictly also where more has changed than what follows the end of the other run.
    """
    (step, _), phases = read_state(state), _phases(state)
    if phases is None or changed - {*_SIZES, "schedule", "sources"}:
        return None
    added = _added_sources(order, described, state["order"])
    if added is None or (strict and not _only_longer(order, phases, step)):
        return None
    at = _step_here(order, phases, step)
    here = _drawn(state, added)
    shape = (len(order.row_lengths), {len(order.names)})
    if at is None or at >= order.num_steps or (len(here.drawn), {*map(len, here.drawn)}) != shape:
        return None
    if at == step and not log.events and not order.log.events and order.base_at(at) == here:
        return Taken(step, log)
    # What holds at the step goes on to hold to the end of its phase, what comes later still comes.
    number = order.phase_of(at)
    begun = [w for a, w in log.events if a <= step and _phase_at(phases, a) == number]
    moved: list[Event] = [(a, w) for a, w in log.events if a > step] if at == step else []
    weights = begun[-1] if begun and order.starts[number] < at else {}
    return Taken(at, WeightLog.make([(at, weights), *moved], here, "another order"))


def _added_sources(
    order: ScheduleOrder, described: Mapping[str, Any], theirs: Mapping[str, Any]
) -> int | None:
    """Sources that this loader has behind those of the state; None: its sources are others.

    Those that were there draw as they did, unless the weights of a phase are by all sources' tokens.
    """
    mine, past = _listed(described["sources"]), _listed(theirs["sources"])
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


def _phases(state: Mapping[str, Any]) -> list[list[Any]] | None:
    """Steps, tokens of a batch, and what else makes each phase of the state's run; None: it does not say."""
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


def _is(order: ScheduleOrder, number: int, what: Any) -> bool:
    """Whether a phase is, but for its size, what a state says of it."""
    phase = order.phases[number].phase.to_dict()
    return bool((_digest(phase) if isinstance(what, str) else _plain(phase)) == what)


def _only_longer(order: ScheduleOrder, phases: list[list[Any]], step: int) -> bool:
    """Whether the steps of a run up to where it ended are the same, and only more or fewer follow them."""
    if len(order.phases) < len(phases):
        return False
    for number, (steps, tokens, what) in enumerate(phases):
        mine = order.phases[number]
        if mine.step_tokens != tokens or not _is(order, number, what):
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


# Words


def _differences(
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
        elif name == "schedule" and isinstance(order, ScheduleOrder) and (phases := _phases(state)):
            words += _phases_differ(order, phases)
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
        if not _is(order, number, what):
            words.append(f"phase {number} {_fields_differ(_plain(mine.phase.to_dict()), what)}")
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
