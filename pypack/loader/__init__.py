"""Batches: the loader, its options, its state, and the views that frameworks take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pypack._common.lazy import lazy_exports

if TYPE_CHECKING:
    from pypack.loader.loader import Loader as Loader

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "loader": "Loader",
    },
)
