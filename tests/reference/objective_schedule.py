"""Which step has which objective, in plain Python: counted from the start of its phase."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction


def objective_at(
    names: Sequence[str],
    phases: Sequence[tuple[Mapping[str, float], int | None]],
    events: Sequence[tuple[int, Mapping[str, float]]],
    step: int,
) -> str:
    """The objective of a step, counted step by step from where its weights begin."""
    begin, weights = 0, phases[0][0]
    for number, (own, steps) in enumerate(phases):
        weights = own
        if number + 1 == len(phases) or steps is None or step < begin + steps:
            break
        begin += steps
    for at, changed in events:
        if begin <= at <= step:
            begin, weights = at, changed
    shares = [Fraction(str(float(weights.get(name, 0)))) for name in names]
    given = [0] * len(names)
    for count in range(1, step - begin + 2):
        behind = [count * share / sum(shares) - done for share, done in zip(shares, given, strict=True)]
        chosen = behind.index(max(behind))
        given[chosen] += 1
    return names[chosen]
