"""A batch as what models of transformers take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pypack.batch.refusals import PAIRS_REFUSED, weights_refused

if TYPE_CHECKING:
    from pypack.batch.batch import PackedBatch


def transformers_inputs(batch: PackedBatch, *, has_pairs: bool) -> dict[str, Any]:
    """See `PackedBatch.for_transformers`.

    Args:
        has_pairs: whether the batch has inputs and targets, which are refused.
    """
    import torch

    if has_pairs:
        raise ValueError(PAIRS_REFUSED)
    if batch.layout != "varlen" or batch.labels is None or batch.position_ids is None:
        raise ValueError(
            "transformers models need borders, labels and position_ids: make the loader with "
            "layout='varlen' and its usual arrays"
        )
    if batch.loss_weights is not None:
        raise ValueError(weights_refused("the loss of transformers models"))
    tensors = batch.to_torch()
    borders, longest = tensors.cu_seqlens, int(batch.max_seqlen or 0)
    spans = torch.arange(len(borders) - 1, dtype=torch.int32, device=borders.device)
    return {
        "input_ids": tensors.input_ids[None],
        "labels": tensors.labels[None],
        "position_ids": tensors.position_ids[None],
        "seq_idx": spans.repeat_interleave(borders.diff())[None],
        "use_cache": False,
        "cu_seq_lens_q": borders,
        "cu_seq_lens_k": borders,
        "max_length_q": longest,
        "max_length_k": longest,
    }
