"""Plans: which spans of which documents each sequence holds, as data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pypack._common.lazy import lazy_exports

if TYPE_CHECKING:
    from pypack.plan.lengths import as_lengths as as_lengths
    from pypack.plan.literals import Literals as Literals
    from pypack.plan.plan import ARRAYS as ARRAYS
    from pypack.plan.plan import Plan as Plan
    from pypack.plan.stats import PlanCounts as PlanCounts
    from pypack.plan.stats import PlanPart as PlanPart
    from pypack.plan.stats import PlanStats as PlanStats

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "lengths": "as_lengths",
        "literals": "Literals",
        "plan": "ARRAYS Plan",
        "stats": "PlanCounts PlanPart PlanStats",
    },
)
