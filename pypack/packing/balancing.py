"""Which rank takes which sequence of a step, so that no rank waits long for another."""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pypack import _core
from pypack._common.arguments import number_within, whole_number
from pypack._common.threads import resolve_num_threads
from pypack.plan.plan import Plan

# Attention and everything else of a model of 7 billion parameters, in the same unit: with hidden size 4096
# they cost the same at 6 * 4096 = 24576 tokens.
COST_7B = (24576.0, 1.0)

RankBalance = Literal["none", "deal", "lpt"]


@dataclasses.dataclass(frozen=True)
class Balance:
    """An assignment of sequences to steps and ranks. A step takes as long as its slowest rank.

    Attributes:
        order: int64 [steps, ranks, micro_batches], indices of sequences. A rank's sequences come by falling
            cost, so that the m-th ones of all ranks are alike.
        slowdown: sum over steps of the slowest rank's cost / sum of the mean cost. 1.0: nobody waits.
        lower_bound: of the slowdown: what no other assignment of the same sequences to these steps can beat.
        unbalanced_slowdown: the slowdown of the sequences in their given order.
        spread: standard deviation over mean of the steps' costs. A window makes steps unlike each other.
        unused: sequences at the end that do not fill a step; they are dealt all the same:
        last: for each rank, int64 [m] with m up to micro_batches: its sequences of this last, incomplete
            step, evened out as the others are. Ranks differ by one at most in their numbers, so that a rank
            has none only where `unused` is less than the ranks. The figures above are of whole steps.
    """

    order: NDArray[np.int64]
    slowdown: float
    lower_bound: float
    unbalanced_slowdown: float
    spread: float
    unused: int
    last: tuple[NDArray[np.int64], ...] = ()

    def of_rank(self, rank: int) -> NDArray[np.int64]:
        """All sequences of a rank, step by step, those of the incomplete last step among them: int64 [n]. Of
        all ranks together these are all sequences, each once."""
        return np.concatenate([self.order[:, rank].reshape(-1), *self.last[rank : rank + 1]])


def balance(
    costs: Plan | ArrayLike,
    ranks: int,
    micro_batches: int = 1,
    *,
    cost: tuple[float, float] = (0.0, 1.0),
    strategy: RankBalance = "lpt",
    window: int = 1,
    seed: int = 0,
    even: float = 1.0005,
    num_threads: int | None = None,
) -> Balance:
    """Deals the sequences of each step to the ranks so that their costs are even.

    A function of the costs alone: every rank computes the same, without communication. (Unpadded BERT, arXiv
    2208.08124, exchanges data for this; here each rank reads what is its own.)

    Args:
        costs: cost of each sequence in the order of training, float [S], or a plan, whose sequences are then
            taken in plan order.
        ranks: data-parallel ranks. Each takes `micro_batches` sequences of every step.
        micro_batches: sequences of a rank in one optimizer step, which ranks run without waiting.
        cost: (a, b): with a plan, a sequence costs a * tokens + b * (sum of length squared over its spans).
            (0, 1) is attention alone; `COST_7B` a whole model.
        strategy: "lpt": longest processing time first, to the rank with the least cost so far, then swaps
            between the slowest rank and others; "deal": sorted by falling cost and dealt in turns, as
            Unpadded BERT does; "none": as given, for comparison.
        window: above 1, the sequences of so many consecutive steps are sorted by cost before they are cut
            into steps, so that like meets like; the steps of a window come in an order keyed by `seed`. With
            one micro-batch it is all that helps. It makes steps unlike each other (see `Balance.spread`).
        even: of "lpt": swaps end where the slowest rank's cost is no more than this times the mean. A
            `Loader`, which deals every step anew, is content with 1.005.
        num_threads: None: all available cores.

    Raises:
        ValueError: an argument is out of its range, or a cost is negative or not finite (it is named).
    """
    ranks, micro_batches = whole_number("ranks", ranks), whole_number("micro_batches", micro_batches)
    if len(cost) != 2:
        raise ValueError(f"cost must be (a, b), for a * tokens + b * tokens squared, got {cost!r}")
    if isinstance(costs, Plan):
        values = costs.sequence_costs(*cost)
    else:
        values = np.ascontiguousarray(costs, np.float64)
    shape = {"ranks": ranks, "micro_batches": micro_batches}
    window, seed = whole_number("window", window), number_within("seed", seed, 64, signed=False)
    options = _core.BalanceOptions(**shape, strategy=strategy, window=window, seed=seed, even=even)
    threads = resolve_num_threads(num_threads)
    order, report = _core.balance(values, options, threads)
    as_given = _core.BalanceOptions(**shape, strategy="none", window=1, seed=0, even=1.0)
    _, before = _core.balance(values, as_given, threads)
    return Balance(
        order=order.reshape(-1, ranks, micro_batches),
        slowdown=report["slowdown"],
        lower_bound=report["lower_bound"],
        unbalanced_slowdown=before["slowdown"],
        spread=report["spread"],
        unused=len(values) - len(order),
        last=_last_step(values, len(order), ranks, strategy, even),
    )


def _last_step(
    values: NDArray[np.float64], first: int, ranks: int, strategy: str, even: float
) -> tuple[NDArray[np.int64], ...]:
    """The sequences from `first` on, fewer than a step, for each rank; they differ by one at most."""
    rest = len(values) - first
    if not rest:
        return (np.empty(0, np.int64),) * ranks
    whole = rest // ranks * ranks
    parts: list[list[int]] = [[] for _ in range(ranks)]
    if strategy == "none":
        for i in range(rest):
            parts[i % ranks].append(first + i)
        return tuple(np.array(part, np.int64) for part in parts)
    # The cheapest are what some ranks have one more of: the others, as many a rank, are evened out first.
    falling = first + np.argsort(-values[first:], kind="stable")
    if whole:
        options = _core.BalanceOptions(
            ranks=ranks, micro_batches=whole // ranks, strategy=strategy, window=1, seed=0, even=even
        )
        order, _ = _core.balance(np.ascontiguousarray(values[falling[:whole]]), options, 1)
        parts = [falling[row].tolist() for row in order.reshape(ranks, -1)]
    loads = [values[part].sum() for part in parts]
    lightest = sorted(range(ranks), key=lambda rank: (loads[rank], rank))
    for rank, sequence in zip(lightest, falling[whole:].tolist(), strict=False):
        parts[rank].append(sequence)
    return tuple(np.array(part, np.int64) for part in parts)
