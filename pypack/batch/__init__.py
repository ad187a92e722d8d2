"""Batches: the arrays that one rank trains on in one step, and the forms that others want them in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pypack._common.lazy import lazy_exports

if TYPE_CHECKING:
    from pypack.batch.batch import IGNORE_LABEL as IGNORE_LABEL
    from pypack.batch.batch import PackedBatch as PackedBatch
    from pypack.batch.batch import from_kernels as from_kernels
    from pypack.batch.refusals import PAIRS_REFUSED as PAIRS_REFUSED
    from pypack.batch.refusals import weights_refused as weights_refused

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "batch": "IGNORE_LABEL PackedBatch from_kernels",
        "refusals": "PAIRS_REFUSED weights_refused",
    },
)
