"""Packed batches for the attention kernels of torch, and for flash-attention's signature."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pypack.adapters._checks import need
from pypack.batch import PackedBatch

if TYPE_CHECKING:
    import torch
    from torch.nn.attention.flex_attention import BlockMask

    from pypack.adapters.segment_mask import SegmentMask


def mask_mod(segment_ids: torch.Tensor, window: int | None = None) -> Callable[..., torch.Tensor]:
    """The `mask_mod` of flex attention that is causal within each document.

    Args:
        segment_ids: [B, T], on the device of the model. Padding (0) attends to the padding before it.
        window: tokens that a token sees, itself among them; None: all before it.
    """

    def causal_in_document(b: Any, h: Any, query: Any, key: Any) -> torch.Tensor:
        same = segment_ids[b, query] == segment_ids[b, key]
        causal = query >= key
        return same & causal if window is None else same & causal & (query - key < window)

    return causal_in_document


def block_mask(segment_ids: torch.Tensor, window: int | None = None) -> BlockMask:
    """`mask_mod` as the `BlockMask` of [B, 1, T, T], made on the device of `segment_ids`."""
    from torch.nn.attention.flex_attention import create_block_mask

    rows, length = segment_ids.shape
    return create_block_mask(
        mask_mod(segment_ids, window), rows, None, length, length, device=segment_ids.device
    )


def segment_mask(batch: PackedBatch, window: int | None = None) -> SegmentMask:
    """The `attn_mask` of `scaled_dot_product_attention` on [1, heads, T, dim] that is no mask in memory.

    For a CPU, where flash attention is not and compiling flex attention may not pay.

    Args:
        batch: of layout "varlen"; of a plan that aligns spans, the padding behind a span goes with it.
        window: tokens that a token sees, itself among them; None: all before it in its document.
    """
    from pypack.adapters.segment_mask import SegmentMask

    need(batch, "varlen")
    borders = batch.to_torch().cu_seqlens
    return SegmentMask(borders.diff().tolist(), window, borders.device)


def nested(projected: torch.Tensor, batch: PackedBatch) -> torch.Tensor:
    """Queries, keys or values as a nested tensor for `scaled_dot_product_attention`.

    Its causal mask (`is_causal=True`) over nested tensors is in torch's GPU kernels only.

    Args:
        projected: [T, heads, dim], of a "varlen" batch.
        batch: as tensors on the device of `projected`.

    Returns:
        Jagged [spans, heads, length, dim], a view. Back to [T, heads, dim]: `.transpose(1, 2).values()`.
    """
    import torch

    need(batch, "varlen")
    borders = batch.to_torch().cu_seqlens
    return torch.nested.nested_tensor_from_jagged(
        projected, borders.long(), min_seqlen=1, max_seqlen=batch.max_seqlen
    ).transpose(1, 2)


def varlen_arguments(batch: PackedBatch) -> dict[str, Any]:
    """The borders for `torch.nn.attention.varlen.varlen_attn(query, key, value, **...)`, causal.

    Queries, keys and values are [T, heads, dim] of a "varlen" batch.
    """
    need(batch, "varlen")
    borders = batch.to_torch().cu_seqlens
    return {
        "cu_seq_q": borders,
        "cu_seq_k": borders,
        "max_q": batch.max_seqlen,
        "max_k": batch.max_seqlen,
        "window_size": (-1, 0),
    }


def flash_attention_arguments(batch: PackedBatch) -> dict[str, Any]:
    """The borders for `flash_attn.flash_attn_varlen_func(query, key, value, **...)`, causal.

    Queries, keys and values are [T, heads, dim] of a "varlen" batch.
    """
    need(batch, "varlen")
    borders = batch.to_torch().cu_seqlens
    return {
        "cu_seqlens_q": borders,
        "cu_seqlens_k": borders,
        "max_seqlen_q": batch.max_seqlen,
        "max_seqlen_k": batch.max_seqlen,
        "causal": True,
    }
