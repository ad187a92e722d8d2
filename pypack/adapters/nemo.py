"""Packed batches for NeMo's supervised fine-tuning on packed sequences."""

from __future__ import annotations

from typing import Any

import numpy as np

from pypack.adapters._checks import need, weighted_mask
from pypack.adapters._rows import segment_lengths, stack
from pypack.batch import IGNORE_LABEL, PackedBatch


def packed_sft(batch: PackedBatch) -> dict[str, Any]:
    """The batch of NeMo's `GPTSFTPackedDataset`.

    Args:
        batch: of layout "padded", with `labels`, `position_ids` and `segment_ids`.

    Returns:
        Tensors: `tokens`, `labels` (shifted to the left, 0 where there is none), `position_ids` int64 [B, T];
        `loss_mask` float32 [B, T], 1 where there is a label, or the batch's `loss_weights`; `cu_seqlens`
        int32 [B, most documents + 2], each row padded with -1; `cu_seqlens_argmin` [B, 1], where the -1
        begin; `max_seqlen` [B, 1]. Padding counts as a document.
    """
    import torch

    need(batch, "padded", "labels", "position_ids", "segment_ids")
    shifted = batch.to_torch().shift_labels()
    lengths = segment_lengths(shifted.segment_ids)
    # One -1 at least in each row: NeMo finds the end of the borders by argmin.
    borders = [np.concatenate([[0], np.cumsum(row), [-1]]) for row in lengths]
    return {
        "tokens": shifted.input_ids,
        "labels": shifted.labels.masked_fill(shifted.labels == IGNORE_LABEL, 0),
        "loss_mask": weighted_mask(shifted),
        "position_ids": shifted.position_ids,
        "cu_seqlens": torch.from_numpy(stack(borders, -1, np.int32)),
        "cu_seqlens_argmin": torch.tensor([[len(row) + 1] for row in lengths]),
        "max_seqlen": torch.tensor([[int(row.max())] for row in lengths]),
    }
