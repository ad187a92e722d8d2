"""Token stores on disk: memory-mapped shards of documents, columns beside them, one description."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pypack._common.lazy import lazy_exports

if TYPE_CHECKING:
    from pypack.store.store import TokenStore as TokenStore
    from pypack.store.writer import StoreWriter as StoreWriter

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "store": "TokenStore",
        "writer": "StoreWriter",
    },
)
