"""The curricula by name: odds of the row lengths at each draw."""

from __future__ import annotations

from collections.abc import Mapping


def odds_of(curriculum: str | Mapping[int, float], lengths: list[int]) -> list[int]:
    """Odds of the lengths, shortest first, as whole numbers below 2^40; all 0 for "natural".

    Raises:
        ValueError: odds are given for other lengths.
    """
    n = len(lengths)
    if isinstance(curriculum, Mapping):
        if sorted(curriculum) != lengths:
            raise ValueError(f"the odds are for lengths {sorted(curriculum)}, the sources have {lengths}")
        largest = max(curriculum.values())
        return [max(1, round(curriculum[length] / largest * 2**40)) for length in lengths]
    ratio = {"uniform": 1, "grow-p2": 2, "grow-p100": 100, "shrink-p100": 100, "natural": 0}.get(curriculum)
    if curriculum == "grow-linear":
        return list(range(n, 0, -1))
    assert ratio is not None
    if ratio < 2:
        return [ratio] * n
    powers = [float(ratio) ** i for i in range(n)]
    odds = [max(1, round(power / powers[-1] * 2**40)) for power in powers]
    return odds if curriculum == "shrink-p100" else odds[::-1]
