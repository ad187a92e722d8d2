"""Objectives: what a model is to learn of a batch, other than the next token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pypack._common.lazy import lazy_exports

if TYPE_CHECKING:
    from pypack.objectives.fill_in_middle import FillInMiddle as FillInMiddle
    from pypack.objectives.masked_lm import MaskedLM as MaskedLM
    from pypack.objectives.objective import Objective as Objective
    from pypack.objectives.objective import from_text as from_text
    from pypack.objectives.positions import LOGO as LOGO
    from pypack.objectives.positions import PoSE as PoSE
    from pypack.objectives.positions import RandPos as RandPos
    from pypack.objectives.schedule import ObjectivePhase as ObjectivePhase
    from pypack.objectives.schedule import ObjectiveSchedule as ObjectiveSchedule

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "fill_in_middle": "FillInMiddle",
        "masked_lm": "MaskedLM",
        "objective": "Objective from_text",
        "positions": "LOGO PoSE RandPos",
        "schedule": "ObjectivePhase ObjectiveSchedule",
    },
)
