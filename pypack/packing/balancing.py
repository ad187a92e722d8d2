"""Which rank takes which sequence of a step, so that no rank waits long for another."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pypack import _core
from pypack._common.arguments import number_within, whole_number
from pypack._common.threads import resolve_num_threads
from pypack.plan.plan import Plan

# Attention and everything else of a model of 7 billion parameters, in the same unit: with hidden size 4096
# they cost the same at 6 * 4096 = 24576 tokens.
COST_7B = (24576.0, 1.0)


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
        unused: sequences at the end that do not fill a step.
    """

    order: NDArray[np.int64]
    slowdown: float
    lower_bound: float
    unbalanced_slowdown: float
    spread: float
    unused: int


def balance(
    costs: Plan | ArrayLike,
    ranks: int,
    micro_batches: int = 1,
    *,
    cost: tuple[float, float] = (0.0, 1.0),
    strategy: str = "lpt",
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
    )
