"""Batches: the loader, its options, its state, and the views that frameworks take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pypack._common.lazy import lazy_exports

if TYPE_CHECKING:
    from pypack.loader.exposures import document_exposures as document_exposures
    from pypack.loader.exposures import replay as replay
    from pypack.loader.feedback_change import give_feedback as give_feedback
    from pypack.loader.loader import Loader as Loader
    from pypack.loader.objective_change import change_objectives as change_objectives
    from pypack.loader.selection_change import change_selection as change_selection

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "exposures": "document_exposures replay",
        "feedback_change": "give_feedback",
        "loader": "Loader",
        "objective_change": "change_objectives",
        "selection_change": "change_selection",
    },
)
