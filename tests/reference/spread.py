"""Plain-Python definition of the order that best fit gives documents and sequences with a seed.

The kernel, csrc/core/pack/best_fit/write_plan.cpp, is compared with it under Hypothesis.
"""

from __future__ import annotations

import math

from reference.pack import Span, aligned
from reference.permutation import random_bits


def golden_stride(size, bits):
    """i -> (step * i + shift) mod size, as (step, shift); step is near the golden section."""
    step = int(0.6180339887498949 * size)
    while math.gcd(step, size) != 1:
        step += 1
    return step % size, bits % size


def spread(sequences, limit, align, seed):
    """The plan of best fit with a seed from the one without: pieces of equal length change places, and so do
    whole sequences."""
    by_units: dict[int, list[tuple[Span, int, int]]] = {}
    for s, sequence in enumerate(sequences):
        for i, span in enumerate(sequence):
            by_units.setdefault(aligned(span[2], align) // align, []).append((span, s, i))
    moved = [list(sequence) for sequence in sequences]
    for units, alike in by_units.items():
        alike.sort()
        step, shift = golden_stride(len(alike), random_bits(seed, int.from_bytes(b"equal", "big"), units))
        for rank, (span, _, _) in enumerate(alike):
            _, s, i = alike[(step * rank + shift) % len(alike)]
            moved[s][i] = span
    if not moved:
        return []
    step, shift = golden_stride(len(moved), random_bits(seed, int.from_bytes(b"order", "big"), 0))
    return [moved[(step * s + shift) % len(moved)] for s in range(len(moved))]
