"""What each step of a run draws: mixtures, curricula, phases; the order is a function of the step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pypack._common.lazy import lazy_exports

if TYPE_CHECKING:
    from pypack.schedule.law_fitting import fit_d_cpt as fit_d_cpt
    from pypack.schedule.laws import CRITICAL_MIXTURES as CRITICAL_MIXTURES
    from pypack.schedule.laws import critical_mixture_ratio as critical_mixture_ratio
    from pypack.schedule.laws import d_cpt_loss as d_cpt_loss
    from pypack.schedule.laws import effective_tokens as effective_tokens
    from pypack.schedule.laws import largest_ratio_within as largest_ratio_within
    from pypack.schedule.laws import rehydration_repeats as rehydration_repeats
    from pypack.schedule.laws import replay_cost as replay_cost
    from pypack.schedule.laws import stepped_repeats as stepped_repeats
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
        "law_fitting": "fit_d_cpt",
        "laws": "CRITICAL_MIXTURES critical_mixture_ratio d_cpt_loss effective_tokens largest_ratio_within "
        "rehydration_repeats replay_cost stepped_repeats",
        "schedule": "CURRICULA Phase Schedule ShapeCycle check_curriculum check_weights",
        "skill_weights": "skill_it",
        "temperature": "temperature_weights",
    },
)
