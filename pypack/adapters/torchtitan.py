"""Packed batches for torchtitan's trainer."""

from __future__ import annotations

from typing import Any

from pypack.adapters._checks import need, refuse_weights
from pypack.batch import PackedBatch


def inputs_and_labels(batch: PackedBatch) -> tuple[dict[str, Any], Any]:
    """What torchtitan's text dataset yields: ({"input", "positions"}, labels).

    torchtitan begins a document wherever `positions` is 0, so that each item of padding is one of its own.

    Args:
        batch: of layout "padded", with `labels` and `position_ids`.

    Returns:
        `input`, `positions` int64 [B, T]; labels int64 [B, T], shifted to the left, -100 where there is none.
    """
    need(batch, "padded", "labels", "position_ids")
    refuse_weights(batch, "torchtitan's loss")
    shifted = batch.to_torch().shift_labels()
    return {"input": shifted.input_ids, "positions": shifted.position_ids}, shifted.labels
