"""Packed batches for torchtune's recipes."""

from __future__ import annotations

from typing import Any

from pypack.adapters._checks import need, refuse_weights
from pypack.adapters._rows import segment_lengths
from pypack.batch import PackedBatch


def packed_batch(batch: PackedBatch) -> dict[str, Any]:
    """What torchtune's `padded_collate_packed` makes of its packed samples.

    Args:
        batch: of layout "padded", with `labels`, `position_ids` and `segment_ids`.

    Returns:
        `tokens`, `labels` (unshifted: the recipe shifts them), `input_pos` int64 [B, T], and `mask`, made by
        torchtune: a `BlockMask` where it uses flex attention, else bool [B, T, T].
    """
    import torch
    from torchtune.modules.attention_utils import packed_block_causal_mask

    need(batch, "padded", "labels", "position_ids", "segment_ids")
    refuse_weights(batch, "torchtune's recipes")
    tensors = batch.to_torch()
    lengths = [torch.from_numpy(row) for row in segment_lengths(tensors.segment_ids)]
    return {
        "tokens": tensors.input_ids,
        "labels": tensors.labels,
        "input_pos": tensors.position_ids,
        "mask": packed_block_causal_mask(lengths),
    }
