"""Numbers as Slurm's `--array` has them: `0-3,7,9`."""

from __future__ import annotations

from collections.abc import Iterable


def array_syntax(numbers: Iterable[int]) -> str:
    """The numbers, runs of them as first-last."""
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and runs[-1][1] == number - 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(f"{a}" if a == b else f"{a}-{b}" for a, b in runs)
