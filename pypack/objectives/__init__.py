"""Objectives: what a model is to learn of a batch, other than the next token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pypack._common.lazy import lazy_exports

if TYPE_CHECKING:
    from pypack.objectives.denoisers import Denoiser as Denoiser
    from pypack.objectives.fill_in_middle import FillInMiddle as FillInMiddle
    from pypack.objectives.masked_lm import MaskedLM as MaskedLM
    from pypack.objectives.objective import Objective as Objective
    from pypack.objectives.objective import from_text as from_text
    from pypack.objectives.packed_pairs import pack_pairs as pack_pairs
    from pypack.objectives.pair_objective import PairObjective as PairObjective
    from pypack.objectives.positions import LOGO as LOGO
    from pypack.objectives.positions import PoSE as PoSE
    from pypack.objectives.positions import RandPos as RandPos
    from pypack.objectives.prefix_lm import PrefixLM as PrefixLM
    from pypack.objectives.replaced_tokens import ReplacedTokens as ReplacedTokens
    from pypack.objectives.schedule import ObjectivePhase as ObjectivePhase
    from pypack.objectives.schedule import ObjectiveSchedule as ObjectiveSchedule
    from pypack.objectives.span_corruption import SpanCorruption as SpanCorruption
    from pypack.objectives.ul2 import UL2 as UL2

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "denoisers": "Denoiser",
        "fill_in_middle": "FillInMiddle",
        "masked_lm": "MaskedLM",
        "objective": "Objective from_text",
        "packed_pairs": "pack_pairs",
        "pair_objective": "PairObjective",
        "positions": "LOGO PoSE RandPos",
        "prefix_lm": "PrefixLM",
        "replaced_tokens": "ReplacedTokens",
        "schedule": "ObjectivePhase ObjectiveSchedule",
        "span_corruption": "SpanCorruption",
        "ul2": "UL2",
    },
)
