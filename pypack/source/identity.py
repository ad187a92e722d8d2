"""What a source is known by in states: its fingerprint, and those that it had before its store grew."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pypack._common.fingerprint import integers_fingerprint, text_fingerprint
from pypack.plan.plan import Plan
from pypack.source.sequences import SequencesByLength


def fingerprint_of(
    plans: Sequence[Plan], documents: NDArray[np.int64] | None, sequences: SequencesByLength
) -> str:
    """Changes with the plans, the selection of documents, and the sequences that are left out.

    Args:
        plans: at least one.
        documents: int64 [n], those that the plans were made for; None: all of the store.
        sequences: which of the plans are given.
    """
    parts = [plan.fingerprint for plan in plans]
    parts += [integers_fingerprint(left_out) for left_out in sequences.left_out]
    if documents is not None:
        known = plans[0].documents is documents and plans[0].documents_fingerprint
        parts.append(known or integers_fingerprint(documents))
    if any(plan.repeats for plan in plans):
        parts.append(text_fingerprint(str([plan.repeats for plan in plans])))
    return "-".join(parts)


def before_growth(
    plans: Sequence[Plan], documents: NDArray[np.int64] | None, sequences: SequencesByLength
) -> list[tuple[str, dict[int, int]]]:
    """Of every plan that the plans were extended from, the oldest first: the fingerprint of a source with it,
    and its sequences of each row length, which are the first ones here. Arguments: as of `fingerprint_of`."""
    found = []
    for parts in zip(*(plan.extends for plan in plans), strict=False):
        prints = [part.fingerprint for part in parts]
        ends = [part.sequences for part in parts]
        left_out = [one[one < end] for one, end in zip(sequences.left_out, ends, strict=False)]
        if any(map(len, left_out)):
            prints += [integers_fingerprint(one) for one in left_out]
        if documents is not None:
            prints.append(integers_fingerprint(documents[: parts[0].documents]))
        sizes = {
            length: sum(max(0, min(count, ends[plan] - first)) for first, count in sequences.ranges(length))
            for length, plan in sequences.lengths.items()
        }
        found.append(("-".join(prints), sizes))
    return found
