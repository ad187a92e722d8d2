"""Encoder-decoder models: masks, or borders, that keep the spans apart on both sides.

For batches of a `pypack.objectives.PairObjective`, whose `segment_ids` and `decoder_segment_ids` number the
spans of a row alike.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from pypack.batch import PackedBatch

if TYPE_CHECKING:
    import torch


class PairMasks(NamedTuple):
    """Bool, True where a query (third axis) attends to a key (fourth axis).

    Attributes:
        encoder: [rows, 1, inputs, inputs], both ways within each span.
        decoder: [rows, 1, targets, targets], causal within each span.
        cross: [rows, 1, targets, inputs], a span's targets to its inputs.
    """

    encoder: torch.Tensor
    decoder: torch.Tensor
    cross: torch.Tensor


def masks(batch: PackedBatch) -> PairMasks:
    """The masks of a batch, on its device.

    Raises:
        ValueError: the batch has one side, or no segment_ids.
    """
    if batch.layout == "varlen":
        raise ValueError(
            "a varlen batch has no rows to mask: flash_attention_arguments and varlen_arguments have the "
            "borders of its spans; or make the loader with layout='padded'"
        )
    if "decoder_segment_ids" not in batch or batch.segment_ids is None:
        raise ValueError(
            "masks of an encoder and a decoder need both sides' segment_ids: make the loader with a plan of "
            "pypack.objectives.pack_pairs, and name segment_ids in arrays"
        )
    tensors = batch.to_torch()
    inputs, targets = tensors.segment_ids, tensors.decoder_segment_ids
    decoder = _same(targets, targets)
    return PairMasks(_same(inputs, inputs), decoder.tril(), _same(targets, inputs))


class PairBorders(NamedTuple):
    """Keyword arguments of a varlen kernel, for each attention of an encoder with a decoder.

    Attributes:
        encoder: of the inputs among one another, both ways.
        decoder: of the targets among one another, causal.
        cross: queries of the targets, keys and values of the inputs.
    """

    encoder: dict[str, Any]
    decoder: dict[str, Any]
    cross: dict[str, Any]


def _three(batch: PackedBatch, of: Callable[[_Borders, _Borders, bool], dict[str, Any]]) -> PairBorders:
    """Of the three attentions; `of` says it of queries, of keys, and of whether later ones are hidden."""
    inputs, targets = _borders(batch)
    return PairBorders(of(inputs, inputs, False), of(targets, targets, True), of(targets, inputs, False))


def flash_attention_arguments(batch: PackedBatch) -> PairBorders:
    """The borders for `flash_attn.flash_attn_varlen_func(query, key, value, **...)`.

    Queries, keys and values are [inputs, heads, dim] or [targets, heads, dim] of a "varlen" batch: span i of
    one side answers span i of the other.

    Raises:
        ValueError: the batch has one side, or another layout.
    """

    def arguments(queries: _Borders, keys: _Borders, causal: bool) -> dict[str, Any]:
        return {
            "cu_seqlens_q": queries[0],
            "cu_seqlens_k": keys[0],
            "max_seqlen_q": queries[1],
            "max_seqlen_k": keys[1],
            "causal": causal,
        }

    return _three(batch, arguments)


def varlen_arguments(batch: PackedBatch) -> PairBorders:
    """The same for `torch.nn.attention.varlen.varlen_attn(query, key, value, **...)`.

    Raises:
        ValueError: the batch has one side, or another layout.
    """

    def arguments(queries: _Borders, keys: _Borders, causal: bool) -> dict[str, Any]:
        return {
            "cu_seq_q": queries[0],
            "cu_seq_k": keys[0],
            "max_q": queries[1],
            "max_k": keys[1],
            "window_size": (-1, 0) if causal else (-1, -1),
        }

    return _three(batch, arguments)


_Borders = tuple[Any, int]  # cu_seqlens as a tensor, and the longest


def _borders(batch: PackedBatch) -> tuple[_Borders, _Borders]:
    """Of inputs and targets."""
    if "decoder_cu_seqlens" not in (batch.extras or ()):
        raise ValueError(
            "borders of an encoder and a decoder are those of a varlen batch of inputs and targets: make the "
            "loader with layout='varlen' and a plan of pypack.objectives.pack_pairs"
        )
    tensors = batch.to_torch()
    return (
        (tensors.cu_seqlens, int(tensors.max_seqlen or 0)),
        (tensors.decoder_cu_seqlens, tensors.decoder_max_seqlen),
    )


def _same(queries: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
    """Padding attends to padding, so that no row of a softmax is empty where there is some."""
    return queries[:, None, :, None] == keys[:, None, None, :]


def additive(mask: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """The same as numbers that are added to scores: 0, or the lowest of the dtype. T5 of transformers takes
    such masks."""
    import torch

    lowest = torch.finfo(dtype).min
    return torch.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill_(~mask, lowest)
