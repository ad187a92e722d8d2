"""Encoder-decoder models: masks that keep the spans of a row apart on both sides.

For batches of a `pypack.objectives.PairObjective`, whose `segment_ids` and `decoder_segment_ids` number the
spans of a row alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

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
    if "decoder_segment_ids" not in batch or batch.segment_ids is None:
        raise ValueError(
            "masks of an encoder and a decoder need both sides' segment_ids: make the loader with a plan of "
            "pypack.objectives.pack_pairs, and name segment_ids in arrays"
        )
    tensors = batch.to_torch()
    inputs, targets = tensors.segment_ids, tensors.decoder_segment_ids
    decoder = _same(targets, targets)
    return PairMasks(_same(inputs, inputs), decoder.tril(), _same(targets, inputs))


def _same(queries: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
    """Padding attends to padding, so that no row of a softmax is empty where there is some."""
    return queries[:, None, :, None] == keys[:, None, None, :]


def additive(mask: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """The same as numbers that are added to scores: 0, or the lowest of the dtype. T5 of transformers takes
    such masks."""
    import torch

    lowest = torch.finfo(dtype).min
    return torch.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill_(~mask, lowest)
