"""The order of a run in plain Python: shares of sources, curricula, permutations by their definition."""

from __future__ import annotations

from fractions import Fraction


def targets(segments: list[tuple[int, int, list[int], list[int]]], units: int) -> list[list[Fraction]]:
    """Of every visit's start, and of the end: the integral of each source's weight, in sequences."""
    n = len(segments[0][2])
    now = [Fraction(0)] * n
    out = [list(now)]
    for visits, rows, start, end in segments:
        for t in range(visits):
            for i in range(n):
                slope = Fraction(end[i] - start[i], visits)
                now[i] += rows * (start[i] + slope * (t + Fraction(1, 2))) / units
            out.append(list(now))
    return out


def steps_of_cycle(steps: list[int], cycle: int, cycles: int) -> list[int]:
    return [n * (cycle + 1) // cycles - n * cycle // cycles for n in steps]


def largest_remainder(n: int, weights: list[int]) -> list[int]:
    exact = [Fraction(n * weight, sum(weights)) for weight in weights]
    parts = [int(x) for x in exact]
    order = sorted(range(len(weights)), key=lambda i: (parts[i] - exact[i], i))
    for i in order[: n - sum(parts)]:
        parts[i] += 1
    return parts


def subcycle_odds(odds: list[int], bucket: int) -> list[int]:
    """Odds of a bucket in each sub-cycle: the highest in its own, then falling to the left, then to the
    right."""
    places = [*range(bucket, -1, -1), *range(bucket + 1, len(odds))]
    out = [0] * len(odds)
    for place, value in zip(places, odds, strict=True):
        out[place] = value
    return out
