"""pypack: text to full training batches.

Three artifacts in one direction: text → `TokenStore` → `Plan` → `PackedBatch`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pypack import _moved
from pypack._common.lazy import lazy_exports
from pypack._common.version import VERSION

__version__ = VERSION

if TYPE_CHECKING:
    from pypack.batch import PackedBatch
    from pypack.evaluation import DocumentLosses, document_losses
    from pypack.loader import Loader
    from pypack.packing import Balance, Prepacked, StreamPacker, balance, extend_plan, pack, prepack
    from pypack.plan import Plan
    from pypack.ragged import Ragged
    from pypack.schedule import Phase, Schedule, ShapeCycle
    from pypack.source import Source
    from pypack.store import StoreWriter, TokenStore
    from pypack.tokenizer import Tokenizer

__all__ = [
    "Balance",
    "DocumentLosses",
    "Loader",
    "PackedBatch",
    "Phase",
    "Plan",
    "Prepacked",
    "Ragged",
    "Schedule",
    "ShapeCycle",
    "Source",
    "StoreWriter",
    "StreamPacker",
    "TokenStore",
    "Tokenizer",
    "__version__",
    "balance",
    "document_losses",
    "extend_plan",
    "pack",
    "prepack",
]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "batch": "PackedBatch",
        "evaluation": "DocumentLosses document_losses",
        "loader": "Loader",
        "packing": "Balance Prepacked StreamPacker balance extend_plan pack prepack",
        "plan": "Plan",
        "ragged": "Ragged",
        "schedule": "Phase Schedule ShapeCycle",
        "source": "Source",
        "store": "StoreWriter TokenStore",
        "tokenizer": "Tokenizer",
    },
)

_moved.install()
