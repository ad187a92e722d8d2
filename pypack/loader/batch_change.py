"""A run whose global batch is another than that of the state it goes on from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pypack._common.arguments import whole_number
from pypack.loader.taken import Taken
from pypack.schedule.epoch_order import EpochOrder, Resumed
from pypack.schedule.schedule_order import ScheduleOrder
from pypack.schedule.weight_log import WeightLog


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


def same_batch(order: EpochOrder | ScheduleOrder, theirs: Mapping[str, Any]) -> bool:
    """Whether the state's batch is as large, be it said in tokens or in sequences."""
    return all(_rows(theirs, length) == rows for rows, length in _batches(order))


def epochs_go_on(
    order: EpochOrder,
    theirs: Mapping[str, Any],
    step: int,
    went_on: Resumed | None,
    sizes: Mapping[int, int] | None = None,
) -> Taken | None:
    """Where a run of another batch size, or whose store has grown, goes on, exactly.

    Args:
        order: of the loader that goes on, from its start.
        theirs: what the order of the state depends on.
        step: of the state.
        went_on: where the state's run went on itself, if it did.
        sizes: sequences of each row length before the store has grown; None: it has not.

    Returns:
        None: it cannot go on exactly.
    """
    try:
        past = order.as_it_was(
            theirs.get("batch_tokens"), theirs.get("batch_sequences"), sizes=sizes, resumed=went_on
        )
        past.check_known(step)
    except (TypeError, ValueError):
        return None
    epoch, rows, parts = past.place(step)
    buckets = [(bucket.length, bucket.size) for bucket in order.source_buckets]
    given = tuple(rows.get(length, 0) for length, _ in buckets)
    if sizes is not None and any(given) and len(buckets) > 1 and theirs["tail"] == "wrap":
        return None  # a length may stand in the next epoch already, of the sequences that there were
    epoch_parts: list[tuple[int, ...]] = []
    for length, size in buckets:
        known = parts.get(length, (0,))
        epoch_parts.append(known if sizes is None else (*known, size - sum(known)))
    whole = not any(given) or all(len(known) == 1 for known in epoch_parts)
    number, plainly = order.step_of(epoch, given, epoch_parts)
    if sizes is None and whole and plainly:
        return Taken(number, WeightLog())
    # Where the batch is the same, so is the number of the step.
    here = step if same_batch(order, theirs) else number
    return Taken(here, WeightLog(), Resumed(here, epoch, given, () if whole else tuple(epoch_parts)))
