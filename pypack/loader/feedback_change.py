"""Telling a run what the model made of its batches."""

from __future__ import annotations

from typing import Any

from pypack._common.arguments import whole_number
from pypack.loader.loader import Loader


def give_feedback(loader: Loader, change: Any, *, from_step: int | None = None) -> None:
    """Adds to the counts that replacements are drawn by (`ReplacedTokens(method="clusters")`).

    It is kept as an event, as a change of weights is: the batch of a step depends on what was told for it and
    for steps before it. A state keeps the counts at its step, so that a resumed run gives the same batches.
    Batches that were made ahead are made again: with `prefetch=`, tell it every some steps. Every rank must
    tell the same, the sum of what all have found.

    Args:
        loader: whose objective takes feedback.
        change: int64 [clusters, clusters], see `ReplacedTokens.feedback`.
        from_step: the first step that it holds for; None: the step that comes next.

    Raises:
        ValueError: the objective takes none, the change is not of its clusters, or the step was given out
            already.
        IndexError: the run has no such step.
    """
    step = loader.step if from_step is None else whole_number("from_step", from_step)
    if step < loader._given:
        raise ValueError(f"step {step} was given out already; the next one is {loader._given}")
    if step >= loader._end:
        raise IndexError(loader._run.no_step(step))
    loader._run.give_feedback(change, step)
    loader._follow()
