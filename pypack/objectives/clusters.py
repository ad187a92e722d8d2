"""Clusters of tokens, and which of them stand for which, by what a model got wrong so far (C-RTS)."""

from __future__ import annotations

import functools
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Counts between the smallest and the largest of a cluster are told apart to one part of so many. Whole
# numbers from there on: every machine draws the same, whatever its exp().
LEVELS = 4096
_LARGEST = 2**40  # the weight of the largest count
_MOST_BETA = 20.0


def token_clusters(clusters: Any) -> NDArray[np.int32]:
    """int32 [V]: the cluster of every token id, from 0 to C - 1; -1: neither replaced nor a replacement.

    Args:
        clusters: such values, or the path of an `.npy` file of them.

    Raises:
        ValueError: they are none, or a cluster has no token.
        OSError: the file cannot be read.
    """
    if isinstance(clusters, (str, Path)):
        clusters = np.load(clusters, allow_pickle=False)
    values = np.asarray(clusters)
    if values.ndim != 1 or values.dtype.kind not in "iu" or not len(values) or values.min() < -1:
        raise ValueError("clusters is one whole number a token id, from 0 on, or -1 for none")
    largest = int(values.max())
    if largest < 0 or largest >= len(values):
        raise ValueError(
            f"clusters must be numbered from 0 on, as far as there are tokens; the largest is {largest}"
        )
    counts = np.bincount(values[values >= 0], minlength=largest + 1)
    empty = np.flatnonzero(counts == 0)
    if len(empty):
        raise ValueError(f"cluster {int(empty[0])} of {largest + 1} has no token: number them without gaps")
    return values.astype(np.int32)


@functools.lru_cache(maxsize=8)
def level_weights(beta: float) -> NDArray[np.uint64]:
    """uint64 [LEVELS + 1]: exp(beta * (level / LEVELS - 1)) in units of 2^-40, rounded, at least 1."""
    with localcontext() as context:
        context.prec = 30
        step = Decimal(beta) / LEVELS
        found = [
            int((step * (level - LEVELS)).exp() * _LARGEST + Decimal("0.5")) for level in range(LEVELS + 1)
        ]
    weights: NDArray[np.uint64] = np.maximum(np.array(found, np.uint64), np.uint64(1))
    return weights


def rising_weights(counts: NDArray[np.int64], beta: float) -> NDArray[np.uint64]:
    """uint64 [C, C]: for every cluster, the sums of the weights of the clusters that may stand for it.

    The weights are softmax(beta * x), of counts x that are spread from 0, the smallest of the row, to 1; all
    the same where the counts of a row are.
    """
    least, most = counts.min(axis=1, keepdims=True), counts.max(axis=1, keepdims=True)
    width = np.maximum(most - least, 1)
    levels = ((counts - least) * (2 * LEVELS) + width) // (2 * width)
    return np.cumsum(level_weights(beta)[levels], axis=1, dtype=np.uint64)


def check_beta(beta: float) -> float:
    """Raises ValueError unless it is from 0 to 20."""
    if not 0 <= beta <= _MOST_BETA:
        raise ValueError(f"beta must be from 0 (all clusters alike) to {_MOST_BETA:g}, got {beta}")
    return float(beta)


def changed_counts(
    clusters: NDArray[np.int32], originals: Any, inputs: Any, predictions: Any, labels: Any, *, replaced: bool
) -> NDArray[np.int64]:
    """int64 [C, C]: what a batch adds to the counts of (cluster of the original, cluster of the input): 1 for
    each wrong prediction, -1 for each right one, where there is a label.

    Args:
        replaced: count places alone where the token is another.

    Raises:
        ValueError: the arrays have not one shape.
    """
    originals, inputs, predictions, labels = (
        np.asarray(array).reshape(-1) for array in (originals, inputs, predictions, labels)
    )
    if len({len(originals), len(inputs), len(predictions), len(labels)}) > 1:
        raise ValueError("originals, inputs, predictions and labels must have one shape")
    counted = labels != -100
    if replaced:
        counted &= originals != inputs
    source, target = clusters[originals[counted]], clusters[inputs[counted]]
    wrong = predictions[counted].astype(np.int64) != labels[counted]
    known = (source >= 0) & (target >= 0)
    size = int(clusters.max()) + 1
    found = np.zeros((size, size), np.int64)
    np.add.at(found, (source[known], target[known]), np.where(wrong, 1, -1)[known])
    return found
