"""Packed prompts run through a transformers model: the cache of all, and the logits of their next tokens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from pypack.adapters.huggingface.attention import (
    attends_by_segment,
    attention_masks,
    segment_masks,
    uses_cu_seqlens,
    varlen_arguments,
)
from pypack.adapters.huggingface.cache_argument import cache_argument
from pypack.adapters.huggingface.passes import Pass, passes
from pypack.adapters.huggingface.unpacking_cache import unpacking_cache
from pypack.packing.prepacked import Layout, Prepacked

if TYPE_CHECKING:
    import torch
    from transformers import DynamicCache, PreTrainedModel

# Few enough on a CPU that what a layer computes is still in the caches when the next operation reads it.
_CPU_TOKENS = 4096


def layout_for(model: PreTrainedModel) -> Layout:
    """How prompts are packed for a model: end to end where its attention needs no mask in memory."""
    return "varlen" if uses_cu_seqlens(model) or attends_by_segment(model) else "padded"


def run(
    model: PreTrainedModel, packed: Prepacked, tokens_per_pass: int | None
) -> tuple[DynamicCache, torch.Tensor]:
    """Runs all prompts, without gradients.

    Args:
        model, packed: the model, and its prompts packed as `layout_for` says.
        tokens_per_pass: as for `passes`; None: all at once, but on a CPU some thousands.

    Returns:
        The cache, shorter prompts padded at the left, and the logits [P, vocabulary] of the first new tokens
        (undefined for a prompt without tokens).
    """
    import torch

    if tokens_per_pass is None:
        tokens_per_pass = _CPU_TOKENS if model.device.type == "cpu" else packed.input_ids.size
    elif tokens_per_pass < 1:
        raise ValueError(f"tokens_per_pass must be at least 1 or None, got {tokens_per_pass}")
    cache, argument = unpacking_cache(model, packed.length), cache_argument(model.forward)
    logits = None
    for part in passes(packed, tokens_per_pass):
        cache.begin(part)
        last = torch.from_numpy(part.first + packed.length[part.prompts] - 1).to(model.device)
        with torch.no_grad(), _only_at(model, last):
            found = model(
                input_ids=torch.from_numpy(part.input_ids).to(model.device),
                position_ids=torch.from_numpy(part.position_ids).to(model.device),
                **{argument: cache},
                use_cache=True,
                **_borders(model, part),
            ).logits[0]
        if logits is None:
            logits = found.new_empty((packed.num_prompts, found.shape[1]))
        logits[torch.from_numpy(part.prompts).to(model.device)] = found
    assert logits is not None, "the callers have seen to it that there are tokens"
    return cache.unpacked, logits


def _borders(model: PreTrainedModel, part: Pass) -> dict[str, Any]:
    """The keyword arguments that keep the segments of a pass apart."""
    import torch

    if uses_cu_seqlens(model):
        cu_seqlens = torch.from_numpy(np.append(0, np.cumsum(part.lengths)).astype(np.int32))
        return varlen_arguments(cu_seqlens.to(model.device), int(part.lengths.max()))
    if attends_by_segment(model):
        return {"attention_mask": segment_masks(model.config, part.lengths.tolist())}
    positions = torch.from_numpy(part.position_ids).to(model.device)
    return {"attention_mask": attention_masks(model.config, positions, model.dtype)}


@contextmanager
def _only_at(model: PreTrainedModel, index: torch.Tensor) -> Iterator[None]:
    """Makes the model compute logits only at these places of its flattened items, as [1, places, vocabulary].

    A hook on the output layer: `logits_to_keep` selects the same columns of every row, which would compute
    rows * prompts logits, and it stands before whatever a model does to its logits (scaling, capping).
    """
    head = model.get_output_embeddings()
    if head is None:
        raise TypeError(f"{type(model).__name__} has no output embeddings: it is no causal language model")

    def select(_module: Any, args: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor]:
        hidden = args[0]
        return (hidden.reshape(-1, hidden.shape[-1])[index][None],)

    handle = head.register_forward_pre_hook(select)
    try:
        yield
    finally:
        handle.remove()
