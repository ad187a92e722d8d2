"""A run whose global batch is another than that of the state it goes on from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pypack._common.arguments import whole_number
from pypack.loader.taken import Taken
from pypack.schedule.epoch_order import EpochOrder, Resumed
from pypack.schedule.schedule_order import ScheduleOrder
from pypack.schedule.tails import ResumedEpochs, Visits, resumed, visits
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
