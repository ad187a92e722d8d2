"""Conversations straight to batches: what a fine-tuning needs that keeps no store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pypack._common.lazy import lazy_exports

if TYPE_CHECKING:
    from pypack.chat.in_memory import dataset as dataset

__getattr__, __dir__ = lazy_exports(__name__, {"in_memory": "dataset"})
