"""Packed batches for Megatron-Core's `GPTModel`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pypack.adapters._checks import need, weighted_mask
from pypack.batch import IGNORE_LABEL, PackedBatch

if TYPE_CHECKING:
    import torch
    from megatron.core.packed_seq_params import PackedSeqParams


def packed_sequence(batch: PackedBatch) -> tuple[dict[str, torch.Tensor], PackedSeqParams]:
    """One "thd" sequence for Transformer Engine's attention, with the borders of its documents.

    Where the plan aligns spans, the padding behind each is told apart by `cu_seqlens_*_padded`; items behind
    the last document (empty rows) count to the last document, whose loss mask leaves them out.

    Args:
        batch: of layout "varlen", with `labels` and `position_ids`.

    Returns:
        The arguments of `GPTModel` and of its loss (see `padded`), each [1, T]; and the
        `PackedSeqParams`.
    """
    import torch
    from megatron.core.packed_seq_params import PackedSeqParams

    need(batch, "varlen", "labels", "position_ids")
    arguments = {name: tensor[None] for name, tensor in _tokens_and_labels(batch).items()}
    rooms = np.array(batch.cu_seqlens, np.int32)
    rooms[-1] = len(batch.input_ids)
    lengths = np.asarray(batch.span_lengths)
    packed = PackedSeqParams(qkv_format="thd")
    packed.max_seqlen_q = packed.max_seqlen_kv = int(np.diff(rooms).max(initial=0))
    if np.array_equal(np.diff(rooms)[:-1], lengths[:-1]):
        packed.cu_seqlens_q = packed.cu_seqlens_kv = torch.from_numpy(rooms)
    else:
        packed.cu_seqlens_q = packed.cu_seqlens_kv = torch.from_numpy(
            np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
        )
        packed.cu_seqlens_q_padded = packed.cu_seqlens_kv_padded = torch.from_numpy(rooms)
    return arguments, packed


def padded(batch: PackedBatch) -> dict[str, torch.Tensor]:
    """Padded rows with a mask, for the attention that knows no packed sequences (`DotProductAttention`).

    Args:
        batch: of layout "padded", with `labels`, `position_ids` and `segment_ids`.

    Returns:
        `input_ids`, `position_ids`, `labels` int64 [B, T], labels shifted to the left (`labels[t]` is the
        token after `input_ids[t]`) and 0 where there is none; `loss_mask` float32 [B, T], 0 there, and
        elsewhere 1 or the batch's `loss_weights`;
        `attention_mask` bool [B, 1, T, T], True where attention is *forbidden*.
    """
    import torch

    from pypack.adapters.torch_attention import mask_mod

    need(batch, "padded", "labels", "position_ids", "segment_ids")
    segments = batch.to_torch().segment_ids
    length = segments.shape[1]
    place = torch.arange(length, device=segments.device)
    row = torch.arange(len(segments), device=segments.device)[:, None, None]
    allowed = mask_mod(segments)(row, None, place[:, None], place)
    return {**_tokens_and_labels(batch), "attention_mask": ~allowed[:, None]}


def _tokens_and_labels(batch: PackedBatch) -> dict[str, torch.Tensor]:
    shifted = batch.to_torch().shift_labels()
    return {
        "input_ids": shifted.input_ids,
        "position_ids": shifted.position_ids,
        # Megatron's cross entropy looks every label up; which of them count is told by the loss mask.
        "labels": shifted.labels.masked_fill(shifted.labels == IGNORE_LABEL, 0),
        "loss_mask": weighted_mask(shifted),
    }
