"""Packed batches for llm-foundry's MPT models."""

from __future__ import annotations

from typing import Any

from pypack.adapters._checks import need, refuse_weights
from pypack.batch import PackedBatch


def batch_arguments(batch: PackedBatch) -> dict[str, Any]:
    """What llm-foundry's packing collator makes, for models with `attn_uses_sequence_id`.

    Args:
        batch: of layout "padded", with `labels` and `segment_ids`.

    Returns:
        `input_ids`, `labels` (unshifted: the model shifts them) int64 [B, T]; `attention_mask` bool [B, T],
        False at padding; `sequence_id` int64 [B, T], the document of each token, from 0, and -1 at padding.
    """
    need(batch, "padded", "labels", "segment_ids")
    refuse_weights(batch, "the loss of MPT models")
    tensors = batch.to_torch()
    return {
        "input_ids": tensors.input_ids,
        "labels": tensors.labels,
        "attention_mask": tensors.segment_ids > 0,
        "sequence_id": tensors.segment_ids.long() - 1,
    }
