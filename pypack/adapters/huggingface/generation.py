"""Prefill on packed rows with a transformers causal language model, and generation that goes on from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pypack.adapters.huggingface.attention import attention_masks, uses_cu_seqlens, varlen_arguments
from pypack.prepacking import Prepacked, as_ragged, prepack, take_kv
from pypack.ragged import Ragged

if TYPE_CHECKING:
    import torch
    from transformers import DynamicCache, PreTrainedModel


@dataclass(frozen=True, eq=False)
class Prefilled:
    """What decoding goes on from; P prompts, the longest of L tokens.

    Attributes:
        past_key_values: transformers' own cache, [P, heads, L, dim] a layer, shorter prompts padded at the
            left. (Layers with a sliding window keep their last window - 1 tokens, as transformers does.)
        logits: [P, vocabulary], of the first new token of each prompt.
        input_ids: int64 [P, L], the prompts padded at the left.
        attention_mask: int64 [P, L], 0 at padding.
        packed: the rows that were run.
    """

    past_key_values: DynamicCache
    logits: torch.Tensor
    input_ids: torch.Tensor
    attention_mask: torch.Tensor
    packed: Prepacked


def prefill(
    model: PreTrainedModel,
    prompts: Ragged | Sequence[Any],
    *,
    capacity: int | None = None,
    strategy: str = "best_fit",
) -> Prefilled:
    """Runs prompts through a model in packed rows, without gradients.

    Logits and cache equal those of one prompt at a time. Attention implementations that take borders as
    `cu_seqlens` (the flash-attention family) get all prompts end to end; "eager", "sdpa" and "flex_attention"
    get rows with a mask.

    Args:
        model: a causal language model with full or sliding-window attention.
        prompts: token ids, as for `pypack.prepack`; each at least one token.
        capacity: items of a row; None: the longest prompt.
        strategy: as for `pypack.prepack`.

    Raises:
        ValueError: there is no prompt, or one is empty.
    """
    ragged = _checked(prompts)
    packed = prepack(ragged, capacity, strategy, layout="varlen" if uses_cu_seqlens(model) else "padded")
    cache, logits = _run(model, packed)
    input_ids, attention_mask = _left_padded(ragged, _pad_id(model), model.device)
    return Prefilled(cache, logits, input_ids, attention_mask, packed)


def generate(
    model: PreTrainedModel,
    prompts: Ragged | Sequence[Any],
    *,
    capacity: int | None = None,
    strategy: str = "best_fit",
    **options: Any,
) -> Any:
    """`model.generate` with a packed prefill.

    All tokens but the last of each prompt are prefilled in packed rows; `model.generate` then takes the last
    ones and the cache, and does everything that follows (sampling, stopping criteria, logits processors).

    Args:
        model, prompts, capacity, strategy: as for `prefill`.
        **options: for `model.generate`, such as `max_new_tokens`.

    Returns:
        What `model.generate` returns for the prompts padded at the left: [P, L + new tokens] by default.

    Raises:
        ValueError: there is no prompt, or one is empty.
    """
    ragged = _checked(prompts)
    input_ids, attention_mask = _left_padded(ragged, _pad_id(model), model.device)
    heads = _without_last(ragged)
    if len(heads.values):
        packed = prepack(heads, capacity, strategy, layout="varlen" if uses_cu_seqlens(model) else "padded")
        options["past_key_values"], _ = _run(model, packed)
    return model.generate(input_ids=input_ids, attention_mask=attention_mask, **options)


def _run(model: PreTrainedModel, packed: Prepacked) -> tuple[DynamicCache, torch.Tensor]:
    import torch

    device = model.device
    position_ids = torch.from_numpy(np.atleast_2d(packed.position_ids)).to(device)
    if uses_cu_seqlens(model):
        borders = varlen_arguments(torch.from_numpy(packed.cu_seqlens).to(device), packed.max_seqlen)
    else:
        borders = {"attention_mask": attention_masks(model.config, position_ids, model.dtype)}
    cache = _unpacking_cache(model, packed)
    # Prompts without tokens (of `generate`, where the last one is taken off) have no place; theirs is unused.
    last = torch.from_numpy(np.maximum(packed.last_index, 0)).to(device)
    with torch.no_grad(), _only_at(model, last):
        logits = model(
            input_ids=torch.from_numpy(np.atleast_2d(packed.input_ids)).to(device),
            position_ids=position_ids,
            past_key_values=cache,
            use_cache=True,
            **borders,
        ).logits
    return cache.unpacked, logits[0]


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


def _unpacking_cache(model: PreTrainedModel, packed: Prepacked) -> Any:
    """A cache that takes each layer's packed keys and values apart as they come.

    Attention gets them back as they are; what is kept is one prompt a row, so that the packed keys and values
    of no two layers are alive at once.
    """
    import torch
    from transformers.cache_utils import DynamicCache, DynamicLayer

    index = packed.gather_index()
    destination = np.flatnonzero(index >= 0)
    places = [
        torch.from_numpy(array).to(model.device) for array in (index.reshape(-1)[destination], destination)
    ]

    class UnpackingCache(DynamicCache):
        unpacked = DynamicCache(config=model.config)

        def update(
            self, key_states: Any, value_states: Any, layer_idx: int, *args: Any, **kwargs: Any
        ) -> tuple[Any, Any]:
            keys, values = (take_kv(states, index.shape, *places) for states in (key_states, value_states))
            layer = self.unpacked.layers[layer_idx]
            if type(layer) is DynamicLayer:  # its update would copy them behind nothing
                layer.lazy_initialization(keys, values)
                layer.keys, layer.values = keys, values
            else:
                self.unpacked.update(keys, values, layer_idx)
            return key_states, value_states

    return UnpackingCache()


def _checked(prompts: Ragged | Sequence[Any]) -> Ragged:
    ragged = as_ragged(prompts)
    if not len(ragged):
        raise ValueError("there is no prompt")
    if not ragged.lengths.all():
        raise ValueError(
            f"prompt {int(ragged.lengths.argmin())} is empty: a model predicts nothing from no token; begin "
            "it with the tokenizer's bos id, or leave it out"
        )
    return ragged


def _without_last(prompts: Ragged) -> Ragged:
    keep = np.ones(len(prompts.values), np.bool_)
    keep[prompts.offsets[1:] - 1] = False
    return Ragged(prompts.values[keep], prompts.offsets - np.arange(len(prompts.offsets)))


def _left_padded(prompts: Ragged, pad_id: int, device: Any) -> tuple[torch.Tensor, torch.Tensor]:
    import torch

    mask = np.arange(int(prompts.lengths.max()), 0, -1) <= prompts.lengths[:, None]
    ids = np.full(mask.shape, pad_id, np.int64)
    ids[mask] = prompts.values
    return torch.from_numpy(ids).to(device), torch.from_numpy(mask.astype(np.int64)).to(device)


def _pad_id(model: PreTrainedModel) -> int:
    pad_id = model.config.get_text_config().pad_token_id
    return 0 if pad_id is None or pad_id < 0 else int(pad_id)
