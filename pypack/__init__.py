"""pypack: text to full training batches.

Three artifacts in one direction: text → `TokenStore` → `Plan` → `PackedBatch`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from pypack.balancing import Balance, balance
    from pypack.batch import PackedBatch
    from pypack.loader import Loader
    from pypack.packing import pack
    from pypack.plan import Plan
    from pypack.prepacked import Prepacked
    from pypack.prepacking import prepack
    from pypack.ragged import Ragged
    from pypack.schedule import Phase, Schedule, ShapeCycle
    from pypack.source import Source
    from pypack.store import TokenStore
    from pypack.store_writer import StoreWriter
    from pypack.stream_packer import StreamPacker
    from pypack.tokenizer import Tokenizer

# Public name → module that defines it, imported at first use so that `import pypack` stays fast.
_EXPORTS = {
    "Balance": "pypack.balancing",
    "Loader": "pypack.loader",
    "PackedBatch": "pypack.batch",
    "Phase": "pypack.schedule",
    "Plan": "pypack.plan",
    "Prepacked": "pypack.prepacked",
    "Ragged": "pypack.ragged",
    "Schedule": "pypack.schedule",
    "ShapeCycle": "pypack.schedule",
    "Source": "pypack.source",
    "StoreWriter": "pypack.store_writer",
    "StreamPacker": "pypack.stream_packer",
    "TokenStore": "pypack.store",
    "Tokenizer": "pypack.tokenizer",
    "balance": "pypack.balancing",
    "pack": "pypack.packing",
    "prepack": "pypack.prepacking",
}

__all__ = [
    "Balance",
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
    "pack",
    "prepack",
]


def __getattr__(name: str) -> object:
    module = _EXPORTS.get(name)
    if module is None:
        raise AttributeError(f"module 'pypack' has no attribute {name!r}")
    value = getattr(import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_EXPORTS})
