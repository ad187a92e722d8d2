"""Longest processing time first, with exchanges, in plain Python: what `balance(strategy="lpt")` deals."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

_MOST_FOR_PAIRS = 8  # micro-batches with which two rows are exchanged for two


class _Exchange(NamedTuple):
    slower: float  # load of the slower of the two ranks after it
    partner: int
    give: tuple[int, ...]  # places among the items of the slowest rank
    take: tuple[int, ...]
    moved: float


def lpt(costs: Sequence[float], ranks: int, micro_batches: int, even: float) -> list[list[int]]:
    """The items of each rank, by falling cost, equal costs by their number."""
    falling = sorted(range(len(costs)), key=lambda item: (-costs[item], item))
    dealt: list[list[int]] = [[] for _ in range(ranks)]
    loads = [0.0] * ranks
    for place, item in enumerate(falling):
        # The dearest go to one rank each, as long as they cost anything.
        if micro_batches > 1 and costs[falling[ranks - 1]] > 0 and place < ranks:
            rank = place
        else:
            rank = min(
                (r for r in range(ranks) if len(dealt[r]) < micro_batches), key=lambda r: (loads[r], r)
            )
        dealt[rank].append(item)
        loads[rank] += costs[item]
    if micro_batches > 1:
        _exchange(costs, dealt, loads, sum(loads) / ranks * even)
    return dealt


def _exchange(costs: Sequence[float], dealt: list[list[int]], loads: list[float], enough: float) -> None:
    """Items of the slowest rank for cheaper ones of another, one for one or, where that does not help, two
    for two: always what leaves the slower of the two ranks least."""
    for _ in range(4 * len(loads)):
        slowest = loads.index(max(loads))
        if loads[slowest] <= enough:
            return
        none = _Exchange(loads[slowest] * (1 - 1e-9), slowest, (), (), 0.0)
        best = _best(costs, dealt, loads, slowest, 1, none)
        if best is none and len(dealt[0]) <= _MOST_FOR_PAIRS:
            best = _best(costs, dealt, loads, slowest, 2, none)
        if best is none:
            return
        loads[slowest] -= best.moved
        loads[best.partner] += best.moved
        for give, take in zip(best.give, best.take, strict=True):
            ours, theirs = dealt[slowest], dealt[best.partner]
            ours[give], theirs[take] = theirs[take], ours[give]
        for rank in (slowest, best.partner):
            dealt[rank].sort(key=lambda item: (-costs[item], item))


def _best(
    costs: Sequence[float],
    dealt: list[list[int]],
    loads: list[float],
    slowest: int,
    size: int,
    best: _Exchange,
) -> _Exchange:
    gives = _parts(costs, dealt[slowest], size)
    for rank in range(len(loads)):
        gap = loads[slowest] - loads[rank]
        if rank == slowest or loads[rank] + gap / 2 >= best.slower:
            continue
        for cost, take in _parts(costs, dealt[rank], size):
            # The two on either side of what would leave both ranks with the same.
            at = sum(other > cost + gap / 2 for other, _ in gives)
            for given, give in gives[max(at - 1, 0) : at + 1]:
                moved = given - cost
                if 0 < moved < gap:
                    slower = max(loads[slowest] - moved, loads[rank] + moved)
                    if slower < best.slower:
                        best = _Exchange(slower, rank, give, take, moved)
    return best


def _parts(costs: Sequence[float], items: list[int], size: int) -> list[tuple[float, tuple[int, ...]]]:
    """Choices of `size` items, as (cost, places), by falling cost."""
    places = itertools.combinations(range(len(items)), size)
    parts = [(sum(costs[items[at]] for at in chosen), chosen) for chosen in places]
    return sorted(parts, key=lambda part: (-part[0], part[1])) if size > 1 else parts
