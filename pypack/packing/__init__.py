"""From lengths to plans: every strategy, streaming, prepacking of prompts, balance over ranks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pypack._common.lazy import lazy_exports

if TYPE_CHECKING:
    from pypack.packing.balancing import Balance as Balance
    from pypack.packing.balancing import balance as balance
    from pypack.packing.ceilings import CeilingGroup as CeilingGroup
    from pypack.packing.ceilings import group_by_ceiling as group_by_ceiling
    from pypack.packing.extending import extend_plan as extend_plan
    from pypack.packing.knots import Knots as Knots
    from pypack.packing.knots import tie_knots as tie_knots
    from pypack.packing.packing import COMPARED as COMPARED
    from pypack.packing.packing import Comparison as Comparison
    from pypack.packing.packing import compare as compare
    from pypack.packing.packing import compare_one as compare_one
    from pypack.packing.packing import pack as pack
    from pypack.packing.packing import shared_options as shared_options
    from pypack.packing.prepacked import Prepacked as Prepacked
    from pypack.packing.prepacking import prepack as prepack
    from pypack.packing.quotas import bucket_quotas as bucket_quotas
    from pypack.packing.strategies import STRATEGIES as STRATEGIES
    from pypack.packing.stream_packer import StreamPacker as StreamPacker

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "balancing": "Balance balance",
        "ceilings": "CeilingGroup group_by_ceiling",
        "extending": "extend_plan",
        "knots": "Knots tie_knots",
        "packing": "COMPARED Comparison compare compare_one pack shared_options",
        "prepacked": "Prepacked",
        "prepacking": "prepack",
        "quotas": "bucket_quotas",
        "strategies": "STRATEGIES",
        "stream_packer": "StreamPacker",
    },
)
