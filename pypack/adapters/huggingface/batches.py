"""A PackedBatch as the keyword arguments of a transformers model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pypack.adapters._checks import need, refuse_weights
from pypack.adapters.huggingface.attention import attention_masks
from pypack.batch import PackedBatch

if TYPE_CHECKING:
    import torch
    from transformers import PretrainedConfig


def padding_free(batch: PackedBatch) -> dict[str, Any]:
    """The keys of transformers' `DataCollatorWithFlattening` for all attention implementations.

    "eager", "sdpa" and "flex_attention" find the borders from `position_ids`, flash attention from
    `cu_seq_lens_*`, state-space layers from `seq_idx`.

    Args:
        batch: of layout "varlen", with `labels` and `position_ids`.

    Returns:
        Tensors that share the batch's memory: `input_ids`, `labels`, `position_ids` [1, T]; `cu_seq_lens_q`,
        `cu_seq_lens_k` int32 [spans + 1]; `max_length_q`, `max_length_k` int; and `seq_idx` int32 [1, T], the
        span of each token, from 0. No `attention_mask`. And `use_cache`, False: a model that makes itself a
        cache does not look for borders in `position_ids`, and documents would see each other.

    Raises:
        ValueError: the batch has another layout, or lacks an array, or has loss_weights, which the loss of
            these models does not know.
    """
    need(batch, "varlen", "labels", "position_ids")
    return batch.for_transformers()


def masked(batch: PackedBatch, config: PretrainedConfig, dtype: torch.dtype | None = None) -> dict[str, Any]:
    """Padded rows with the mask that keeps documents apart, for models that cannot take borders.

    The mask is made where the batch lies: move the batch to the device first.

    Args:
        batch: of layout "padded", with `labels` and `position_ids`.
        config: of the model; its attention implementation decides the kind of mask (see `attention_masks`).
        dtype: of the model, for the additive mask of "eager"; None: float32.

    Returns:
        `input_ids`, `labels`, `position_ids` [B, T] and `attention_mask`.

    Raises:
        ValueError: the batch has another layout, or lacks an array.
    """
    import torch

    need(batch, "padded", "labels", "position_ids")
    refuse_weights(batch, "the loss of transformers models")
    tensors = batch.to_torch()
    return {
        "input_ids": tensors.input_ids,
        "labels": tensors.labels,
        "position_ids": tensors.position_ids,
        "attention_mask": attention_masks(config, tensors.position_ids, dtype or torch.float32),
    }
