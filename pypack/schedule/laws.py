"""Laws in closed form: how often to repeat, how much of a domain to mix in, what repeated data is worth.

Each is a function of numbers, and its figures in the papers are tests. Nothing here looks at a store: give
the repeats to `Source.select(repeats=...)` and the ratios to `Phase(weights=...)`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray


def rehydration_repeats(
    removal_rates: ArrayLike, overall_rate: float, most: int = 10, *, smooth: int = 5
) -> NDArray[np.int64]:
    """How often to take documents by the size of their cluster of duplicates, as FineWeb2 does.

    Clusters whose documents a quality filter removes less often than others come more often: once where the
    rate is `overall_rate` or more, `most` times where it is the lowest, and linearly between; then the mean
    of `smooth` neighbouring sizes, except at both ends, rounded (halves to the even number).

    Args:
        removal_rates: float [n], the share of documents that the filter removed, by rising cluster size.
        overall_rate: the share over all documents, in the same unit.
        most: repeats at the lowest rate.
        smooth: sizes of a mean, an odd number.

    Returns:
        int64 [n]; `repeats[np.searchsorted(sizes, cluster_size, "right") - 1]` is that of a document.

    Raises:
        ValueError: there is no rate, one is not finite, or an argument is out of its range.
    """
    rates = np.asarray(removal_rates, np.float64)
    if rates.ndim != 1 or not len(rates) or not np.isfinite(rates).all():
        raise ValueError("removal_rates must be finite numbers, one a cluster size")
    if most < 1 or smooth < 1 or smooth % 2 == 0:
        raise ValueError(f"most must be at least 1 and smooth an odd number, got {most} and {smooth}")
    least = rates.min()
    repeats = np.ones(len(rates))
    below = rates < overall_rate
    if below.any():
        repeats[below] += (most - 1) * (rates[below] - overall_rate) / (least - overall_rate)
    edge = smooth // 2
    if len(rates) > 2 * edge:
        repeats[edge : len(rates) - edge] = np.convolve(repeats, np.full(smooth, 1 / smooth), "valid")
    return np.rint(repeats).astype(np.int64)


def stepped_repeats(cluster_sizes: ArrayLike, steps: Mapping[int, int]) -> NDArray[np.int64]:
    """Repeats by steps: `{1: 1, 2: 2, 3: 3, 5: 5, 100: 8, 1000: 1}` takes a document of a cluster of 4 three
    times.

    Args:
        cluster_sizes: int [D], such as the column "near_duplicates" of `pypack dedup --near`.
        steps: the least cluster size → repeats.

    Raises:
        ValueError: a cluster is smaller than the first step.
    """
    sizes, bounds = np.asarray(cluster_sizes), np.array(sorted(steps))
    if not len(bounds) or (len(sizes) and sizes.min() < bounds[0]):
        raise ValueError(f"steps must begin at the smallest cluster, got {dict(steps)}")
    repeats = np.array([steps[bound] for bound in bounds.tolist()], np.int64)
    return repeats[np.searchsorted(bounds, sizes, "right") - 1]


# Constants (a, s, b) of the critical mixture ratio by parameters of the model.
CRITICAL_MIXTURES: Mapping[str, tuple[float, float, float]] = {
    "460M": (0.22524761, 0.26944345, -0.48139982),
    "940M": (0.7520627, 0.13720245, -1.06581937),
    "1.6B": (-2.36384831, -0.15125569, 1.59223649),
    "3.1B": (-2.5368197, -0.42071423, 0.84375368),
}


def critical_mixture_ratio(tokens: float, model: str | tuple[float, float, float]) -> float:
    """The largest share of domain data in continued training at which the general loss stays within its
    tolerance (the critical mixture ratio, CMR): a * (tokens / 0.2e9) ** s + b.

    Args:
        tokens: of the continued training.
        model: a size of `CRITICAL_MIXTURES`, or (a, s, b) fitted by yourself.

    Returns:
        The share, between 0 and 1.
    """
    if tokens <= 0:
        raise ValueError(f"tokens must be above 0, got {tokens}")
    if isinstance(model, str):
        if model not in CRITICAL_MIXTURES:
            raise ValueError(
                f"model must be one of {', '.join(CRITICAL_MIXTURES)}, or (a, s, b); got {model!r}"
            )
        model = CRITICAL_MIXTURES[model]
    a, s, b = model
    return float(min(1.0, max(0.0, a * (tokens / 0.2e9) ** s + b)))


def d_cpt_loss(
    parameters: float,
    tokens: float,
    ratio: float,
    *,
    e: float,
    a: float,
    b: float,
    c: float,
    alpha: float,
    beta: float,
    gamma: float,
    eta: float,
    epsilon: float,
) -> float:
    """The loss of a domain in continued training by the D-CPT law:
    E + A / N^alpha + B * r^eta / D^beta + C / (r + epsilon)^gamma.

    Args:
        parameters, tokens: N and D.
        ratio: r, the share of the domain's data, from 0 to 1.
        e, a, b, c, alpha, beta, gamma, eta, epsilon: E, A, B, C and the others, as you fitted them.
    """
    return float(e + a / parameters**alpha + b * ratio**eta / tokens**beta + c / (ratio + epsilon) ** gamma)


def largest_ratio_within(
    general_loss: Callable[[float], float] | Mapping[float, float], limit: float, *, tolerance: float = 1e-6
) -> float:
    """The largest share of domain data at which the general loss, which rises with it, is at most a limit:
    how D-CPT chooses a ratio.

    Args:
        general_loss: share of domain data, 0 to 1 → loss; as a function, such as `d_cpt_loss` with the
            constants of `fit_d_cpt`, or as a table, of whose shares the largest within the limit is chosen.
        limit: such as 1.03 times the loss without continued training.
        tolerance: of the share, for a function.

    Raises:
        ValueError: the loss is above the limit at 0 already, or at all shares of a table.
    """
    if isinstance(general_loss, Mapping):
        within = [share for share, loss in general_loss.items() if loss <= limit]
        if not within:
            raise ValueError(f"the general loss is above {limit} at all {len(general_loss)} shares")
        return max(within)
    low, high = 0.0, 1.0
    if general_loss(low) > limit:
        raise ValueError(f"the general loss is {general_loss(low)} without domain data, above {limit}")
    if general_loss(high) <= limit:
        return high
    while high - low > tolerance:
        middle = (low + high) / 2
        low, high = (middle, high) if general_loss(middle) <= limit else (low, middle)
    return low


def effective_tokens(unique: float, epochs: float, *, half_life: float = 15.0) -> float:
    """What repeated tokens are worth in fresh ones: U + U * R * (1 - exp(-r / R)), with r = epochs - 1
    repeats (Muennighoff et al. 2023, arXiv 2305.16264).

    Args:
        unique: U, tokens that differ.
        epochs: how often each is taken, at least 1 where there is enough for that.
        half_life: R, repeats by which most of their worth is spent.
    """
    if unique < 0 or epochs < 0 or half_life <= 0:
        raise ValueError("unique and epochs must not be negative, half_life must be above 0")
    if epochs <= 1:
        return unique * epochs
    return unique + unique * half_life * -math.expm1(-(epochs - 1) / half_life)


def replay_cost(share: float) -> float:
    """By how much more a run takes if a share of every batch is replayed: 1 / (1 - share)."""
    if not 0 <= share < 1:
        raise ValueError(f"share must be from 0 to below 1, got {share}")
    return 1 / (1 - share)


def run_lengths(values: Sequence[int] | NDArray[np.integer]) -> list[tuple[int, int]]:
    """Equal neighbours as (index of the first, value): how FineWeb2 prints repeats by cluster size."""
    numbers = np.asarray(values)
    if not len(numbers):
        return []
    firsts = np.flatnonzero(np.diff(numbers, prepend=numbers[:1] - 1)).tolist()
    return [(int(first), int(numbers[first])) for first in firsts]
