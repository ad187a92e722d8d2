"""Sequences in groups of one rounded length, as kernels of fixed shapes take them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from pypack.plan.lengths import as_lengths


class CeilingGroup(NamedTuple):
    """Neighbouring sequences that round up to the same length.

    Attributes:
        first: the first sequence.
        first_token: its first token, among those of all sequences end to end.
        sequences: how many.
        tokens: their tokens.
        ceiling: what their lengths round up to.
    """

    first: int
    first_token: int
    sequences: int
    tokens: int
    ceiling: int


def group_by_ceiling(lengths: ArrayLike, ceilings: Sequence[int]) -> list[CeilingGroup]:
    """Cuts a batch into groups of neighbours whose lengths round up to the same of some lengths: one launch
    of an attention kernel a group, each of its own shape, as Unpadded BERT does (arXiv 2208.08124).

    Sort the sequences by length first, or deal them with `balance(..., strategy="deal")`, which does: then
    there is one group a ceiling at most.

    Args:
        lengths: tokens of each sequence, int [n], in the order of the batch.
        ceilings: lengths that the kernel is built for, such as (128, 256, 384, 512).

    Raises:
        ValueError: there is no ceiling, one is below 1, or a sequence is longer than all.
    """
    sizes, bounds = as_lengths(lengths), np.unique(np.asarray(ceilings))
    if not len(bounds) or bounds.dtype.kind not in "iu" or bounds[0] < 1:
        raise ValueError(f"ceilings must be whole numbers of at least 1, got {list(ceilings)}")
    if len(sizes) and sizes.max() > bounds[-1]:
        longest = int(np.argmax(sizes))
        raise ValueError(
            f"lengths[{longest}] is {sizes[longest]}, above the largest ceiling {bounds[-1]}: add one"
        )
    if not len(sizes):
        return []
    of = bounds[np.searchsorted(bounds, sizes)]
    firsts = np.flatnonzero(np.diff(of, prepend=0))
    ends = np.append(firsts[1:], len(sizes))
    tokens = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
    return [
        CeilingGroup(first, int(tokens[first]), end - first, int(tokens[end] - tokens[first]), int(of[first]))
        for first, end in zip(firsts.tolist(), ends.tolist(), strict=True)
    ]
