"""The objective of a loader: checked, and the keys of its draws."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pypack import _core
from pypack._common.fingerprint import text_key
from pypack.loader.options import BatchOptions
from pypack.objectives.objective import Objective
from pypack.objectives.schedule import ObjectiveSchedule
from pypack.source.source import Source


def resolved_objective(
    objective: Any, sources: Mapping[str, Source], options: BatchOptions
) -> Objective | ObjectiveSchedule | None:
    """The objective, or the schedule of some, with all that it takes from the stores.

    Raises:
        TypeError: it is none.
        ValueError: it needs an array that is not made, or what no store tells.
    """
    if objective is None:
        return None
    if not isinstance(objective, (Objective, ObjectiveSchedule)):
        raise TypeError(f"objective is one of pypack.objectives, as MaskedLM(), got {objective!r}")
    for one in objectives_of(objective).values():
        if one is not None:
            _check(one, options)
    objective.check_plans([plan for source in sources.values() for plan in source.plans])
    return objective.resolved([source.store for source in sources.values()])


def objectives_of(objective: Objective | ObjectiveSchedule | None) -> Mapping[str | None, Objective | None]:
    """Those of a schedule by name; another one under no name."""
    if isinstance(objective, ObjectiveSchedule):
        found: dict[str | None, Objective | None] = {}
        found.update(objective.objectives)
        return found
    return {None: objective}


def _check(objective: Objective, options: BatchOptions) -> None:
    for name in objective.needs:
        if name not in options.arrays:
            raise ValueError(f"{type(objective).__name__} changes {name}: name it in arrays")
    if "position_ids" in objective.needs and options.positions == "row":
        raise ValueError(
            f"{type(objective).__name__} gives every document positions of its own, and positions='row' "
            "counts them by row: leave one of them out"
        )


def objective_keys(sources: Mapping[str, Source], seed: int) -> list[list[int]]:
    """The key of every plan of every source: by name, so that another source changes no draws."""
    return [
        [
            _core.random_bits(seed, text_key("\0".join(("objective", name, str(plan)))), 0)
            for plan in range(len(source.plans))
        ]
        for name, source in sources.items()
    ]
