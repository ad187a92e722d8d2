"""Weights of a mixture from losses, by the update of Skill-It (arXiv 2307.14430, Algorithm 1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike


def skill_it(
    graph: ArrayLike,
    losses: Sequence[Mapping[str, float]],
    skills: Sequence[str],
    *,
    targets: Sequence[str] | None = None,
    eta: float = 0.5,
    window: int = 3,
    prior: Mapping[str, float] | None = None,
    relative: bool = False,
) -> dict[str, float]:
    """The weights for the next stretch of a run, to be given to `Loader.set_weights`.

    w_i is proportional to prior_i * exp(eta * sum over the last `window` evaluations of sum_j A_ij L_j).
    Before the first evaluation every loss counts as 1. The prior is the same at every update, not the last
    weights.

    Args:
        graph: A, float [skills, targets]: how much training on skill i lowers the loss of j. 1 on the
            diagonal; the paper's edges are 0.5.
        losses: the evaluations so far, oldest first: loss of every target.
        skills: names of the sources, the rows of the graph.
        targets: names of what is evaluated, its columns; None: the skills.
        eta: learning rate.
        window: evaluations that count.
        prior: weights before any evidence; None: equal.
        relative: divide every loss by that of the first evaluation.

    Raises:
        ValueError: shapes do not fit, or a loss is missing or not finite.
    """
    columns = list(skills if targets is None else targets)
    matrix = np.asarray(graph, np.float64)
    if matrix.shape != (len(skills), len(columns)):
        raise ValueError(f"the graph must be [{len(skills)}, {len(columns)}], is {list(matrix.shape)}")
    if window < 1:
        raise ValueError(f"window must be at least 1, got {window}")
    for number, evaluation in enumerate(losses):
        for name in columns:
            if not np.isfinite(evaluation.get(name, np.nan)):
                raise ValueError(f"evaluation {number} has no finite loss of {name!r}")
    rows = np.array([[evaluation[name] for name in columns] for evaluation in losses]).reshape(
        -1, len(columns)
    )
    if relative and len(rows):
        rows = rows / rows[0]
    evidence = rows[-window:].sum(axis=0) if len(rows) else np.ones(len(columns))
    exponents = eta * (matrix @ evidence)
    weights = np.exp(exponents - exponents.max())
    if prior is not None:
        weights = weights * np.array([prior[name] for name in skills])
    return {name: float(w) for name, w in zip(skills, weights / weights.sum(), strict=True)}
