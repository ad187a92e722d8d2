"""The objective of a loader: checked, and the keys of its draws."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from pypack import _core
from pypack._common.fingerprint import text_key
from pypack.loader.options import BatchOptions
from pypack.objectives.objective import Objective
from pypack.objectives.pair_objective import PairObjective
from pypack.objectives.schedule import ObjectiveSchedule
from pypack.objectives.unknown_ids import warn_of_ids, warn_of_plan_ids
from pypack.plan.plan import Sides
from pypack.source.source import Source


def resolved_objective(
    objective: Any, sources: Mapping[str, Source], options: BatchOptions
) -> Objective | ObjectiveSchedule | None:
    """The objective, or the schedule of some, with all that it takes from the stores.

    Raises:
        TypeError: it is none.
        ValueError: it needs an array that is not made, or what no store tells.
    """
    if isinstance(objective, ObjectiveSchedule):
        found = {name: one and _resolved(one, sources, options) for name, one in objective.objectives.items()}
        return dataclasses.replace(objective, objectives=found)
    return None if objective is None else _resolved(objective, sources, options)


def warn_of_unknown_ids(
    objective: Objective | ObjectiveSchedule | None, sources: Mapping[str, Source], *, stacklevel: int
) -> None:
    """Warns of ids that the loader would write into batches, and that the stores' vocabulary has not.

    Args:
        objective: resolved.
        sources: of the loader.
        stacklevel: as of `warnings.warn`.
    """
    stores = [source.store for source in sources.values()]
    for one in objectives_of(objective).values():
        warn_of_ids(one, stores, stacklevel=stacklevel + 1)
    for source in sources.values():
        for plan in source.plans:
            warn_of_plan_ids(plan, source.store, stacklevel=stacklevel + 1)


def objectives_of(objective: Objective | ObjectiveSchedule | None) -> Mapping[str | None, Objective | None]:
    """Those of a schedule by name; another one under no name."""
    if isinstance(objective, ObjectiveSchedule):
        found: dict[str | None, Objective | None] = {}
        found.update(objective.objectives)
        return found
    return {None: objective}


def _resolved(objective: Any, sources: Mapping[str, Source], options: BatchOptions) -> Objective:
    if not isinstance(objective, Objective):
        raise TypeError(f"objective is one of pypack.objectives, as MaskedLM(), got {objective!r}")
    for name in objective.needs:
        if name not in options.arrays:
            raise ValueError(f"{type(objective).__name__} changes {name}: name it in arrays")
    if "position_ids" in objective.needs and options.positions == "row":
        raise ValueError(
            f"{type(objective).__name__} gives every document positions of its own, and positions='row' "
            "counts them by row: leave one of them out"
        )
    objective.check_plans([plan for source in sources.values() for plan in source.plans])
    stores = [source.store for source in sources.values()]
    if not (sides := _sides(sources)):
        if objective.needs_pairs:
            raise ValueError(
                f"{type(objective).__name__} makes inputs and targets, and the plan has one side: pack with "
                "pypack.objectives.pack_pairs"
            )
        return objective.resolved(stores)
    if not isinstance(objective, PairObjective):
        raise ValueError(
            f"the plan is packed for inputs and targets, which {type(objective).__name__} does not make"
        )
    found = objective.resolved_for_pairs(stores)
    _check_sides(found, sides, options)
    return found


def _sides(sources: Mapping[str, Source]) -> list[Sides | None]:
    """Of every plan; [] where no plan has two sides."""
    found = [plan.sides for source in sources.values() for plan in source.plans]
    return found if any(one is not None for one in found) else []


def _check_sides(objective: PairObjective, sides: list[Sides | None], options: BatchOptions) -> None:
    """Raises ValueError unless all plans are packed alike, for this objective."""
    if any(one != sides[0] for one in sides):
        raise ValueError("plans with two sides must have the same two capacities, and one objective")
    assert sides[0] is not None
    if sides[0].size != objective.pair_size():
        raise ValueError(
            f"the plan was packed for another objective: {sides[0].size.to_dict()}, this one has "
            f"{objective.pair_size().to_dict()}; give that one, or pack again"
        )
    if options.positions != "span":
        raise ValueError(
            "positions='row' counts one side alone, and there are inputs and targets: leave it out"
        )
    if options.pad_to or options.max_documents:
        raise ValueError(
            "pad_to and max_documents are of one side, and there are inputs and targets: layout='padded' has "
            "fixed shapes on both sides"
        )


def sides_of(objective: Objective | None, sources: Mapping[str, Source]) -> Sides | None:
    """Both capacities of a loader's plans; None where they have one.

    Raises:
        ValueError: there is no objective to make inputs and targets.
    """
    found = _sides(sources)
    if not found:
        return None
    if objective is None:
        raise ValueError(
            "the plan is packed for inputs and targets: give objective=, as it was packed for "
            f"({found[0] and found[0].size.to_dict()})"
        )
    return found[0]


def objective_keys(sources: Mapping[str, Source], seed: int) -> list[list[int]]:
    """The key of every plan of every source: by name, so that another source changes no draws."""
    return [
        [
            _core.random_bits(seed, text_key("\0".join(("objective", name, str(plan)))), 0)
            for plan in range(len(source.plans))
        ]
        for name, source in sources.items()
    ]
