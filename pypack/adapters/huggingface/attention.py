"""What a transformers model must be given so that packed documents do not see each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pypack.adapters.huggingface.cache_argument import cache_argument

if TYPE_CHECKING:
    import torch
    from transformers import PretrainedConfig, PreTrainedModel


def attention_masks(
    config: PretrainedConfig,
    position_ids: torch.Tensor,
    dtype: torch.dtype,
) -> Any:
    """The masks of packed rows for the attention implementation that `config` names.

    They come from transformers' own factories, so they fit every kind of layer of the model: an additive
    bias for "eager", bool for "sdpa", a `BlockMask` for "flex_attention"; sliding windows and chunks within
    each document; a dict by layer type where the model has several. A model takes what is returned as
    `attention_mask`.

    Args:
        config: of the model.
        position_ids: [R, C], restarting at 0 in each document. (No border is lost: a restart after position
            p >= 0 is a step of -p, which is never the step of 1 that goes on.)
        dtype: of the model, for the additive bias.
    """
    import torch
    from transformers.masking_utils import create_masks_for_generate

    no_cache = {cache_argument(create_masks_for_generate): None}
    shape = torch.empty((*position_ids.shape, 0), dtype=dtype, device=position_ids.device)
    return create_masks_for_generate(
        config, inputs_embeds=shape, attention_mask=None, position_ids=position_ids, **no_cache
    )


def segment_masks(config: PretrainedConfig, lengths: Sequence[int]) -> Any:
    """`attention_masks` for segments end to end [1, T], to which "sdpa" then attends one by one.

    Args:
        config: of the model.
        lengths: tokens of each segment.

    Returns:
        A `SegmentMask`, or a dict of them by layer type where the model has several; None if a layer attends
        otherwise than to all tokens or to a sliding window of them.
    """
    from pypack.adapters.segment_mask import SegmentMask

    text = config.get_text_config()
    window = getattr(text, "sliding_window", None)
    if hasattr(text, "layer_types"):
        windows = {"full_attention": None, "sliding_attention": window}
        if not windows.keys() >= set(text.layer_types):
            return None
        return {kind: SegmentMask(lengths, windows[kind]) for kind in set(text.layer_types)}
    if window is None and getattr(text, "attention_chunk_size", None) is not None:
        return None
    return SegmentMask(lengths, window)


def attends_by_segment(model: PreTrainedModel) -> bool:
    """Whether `segment_masks` is for this model, where it lies: torch's own attention, on a CPU."""
    return (
        model.config._attn_implementation == "sdpa"
        and model.device.type == "cpu"
        and segment_masks(model.config, [1]) is not None
    )


def uses_cu_seqlens(model: PreTrainedModel) -> bool:
    """Whether the model's attention takes borders as `cu_seq_lens_q` (the flash-attention family)."""
    return "flash" in (model.config._attn_implementation or "")


def varlen_arguments(cu_seqlens: torch.Tensor, max_seqlen: int) -> dict[str, Any]:
    """The keyword arguments that carry borders to flash attention through a transformers model.

    Returns:
        `cu_seq_lens_q`, `cu_seq_lens_k` int32 [segments + 1] and `max_length_q`, `max_length_k` (int).
    """
    return {
        "cu_seq_lens_q": cu_seqlens,
        "cu_seq_lens_k": cu_seqlens,
        "max_length_q": max_seqlen,
        "max_length_k": max_seqlen,
    }
