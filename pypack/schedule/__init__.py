"""What each step of a run draws: mixtures, curricula, phases; the order is a function of the step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pypack._common.lazy import lazy_exports

if TYPE_CHECKING:
    from pypack.schedule.schedule import CURRICULA as CURRICULA
    from pypack.schedule.schedule import Phase as Phase
    from pypack.schedule.schedule import Schedule as Schedule
    from pypack.schedule.schedule import ShapeCycle as ShapeCycle
    from pypack.schedule.schedule import check_curriculum as check_curriculum
    from pypack.schedule.schedule import check_weights as check_weights
    from pypack.schedule.skill_weights import skill_it as skill_it
    from pypack.schedule.temperature import temperature_weights as temperature_weights

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "schedule": "CURRICULA Phase Schedule ShapeCycle check_curriculum check_weights",
        "skill_weights": "skill_it",
        "temperature": "temperature_weights",
    },
)
