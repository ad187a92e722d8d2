"""Other shares of the objectives of a run from a step on."""

from __future__ import annotations

from collections.abc import Mapping

from pypack._common.arguments import whole_number
from pypack.loader.loader import Loader


def change_objectives(loader: Loader, weights: Mapping[str, float], *, from_step: int | None = None) -> None:
    """Shares the steps out otherwise among the objectives of an `ObjectiveSchedule`, from a step to the end
    of its phase.

    The change is kept in the state and in `loader.objective_events`, so that a resumed run gives the same
    batches. Every rank must make the same change.

    Args:
        loader: made with an `ObjectiveSchedule`.
        weights: the share of each objective, by name.
        from_step: the first step that they hold for; None: the step that comes next.

    Raises:
        ValueError: the loader has no such schedule, there is no such objective, or the step was given out
            already or is not of the run.
    """
    step = loader.step if from_step is None else whole_number("from_step", from_step)
    if step < loader._given:
        raise ValueError(f"step {step} was given out already; the next one is {loader._given}")
    if step >= loader._end:
        raise IndexError(loader._run.no_step(step))
    loader._run.change_objectives(weights, step)
    loader._follow()
