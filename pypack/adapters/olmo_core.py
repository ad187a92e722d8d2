"""Packed batches for OLMo-core."""

from __future__ import annotations

from typing import Any

import numpy as np

from pypack.adapters._checks import need, refuse_weights
from pypack.adapters._rows import segment_lengths, stack
from pypack.batch import IGNORE_LABEL, PackedBatch


def batch_arguments(batch: PackedBatch) -> dict[str, Any]:
    """What OLMo-core's `DataCollator` makes of its instances.

    Args:
        batch: of layout "padded", with `labels` and `segment_ids`.

    Returns:
        `input_ids` int64 [B, T]; `label_mask` bool [B, T], True at tokens to be predicted (OLMo-core makes
        the labels itself); `doc_lens` int64 [B, most documents], padded with 0, each row adding up to T;
        `max_doc_lens`, a list of B ints.
    """
    import torch

    need(batch, "padded", "labels", "segment_ids")
    refuse_weights(batch, "OLMo-core, whose label_mask is of bools,")
    tensors = batch.to_torch()
    lengths = segment_lengths(tensors.segment_ids)
    return {
        "input_ids": tensors.input_ids,
        "label_mask": tensors.labels != IGNORE_LABEL,
        "doc_lens": torch.from_numpy(stack(lengths, 0, np.int64)),
        "max_doc_lens": [int(row.max()) for row in lengths],
    }
