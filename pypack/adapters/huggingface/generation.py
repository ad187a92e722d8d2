"""Prefill on packed rows with a transformers causal language model, and generation that goes on from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pypack.adapters.huggingface.cache_argument import cache_argument
from pypack.adapters.huggingface.packed_run import layout_for, run
from pypack.packing.prepacked import Prepacked
from pypack.packing.prepacking import PromptStrategy, as_ragged, prepack
from pypack.ragged import Ragged

if TYPE_CHECKING:
    import torch
    from transformers import DynamicCache, PreTrainedModel


@dataclass(frozen=True, eq=False)
class Prefilled:
    """What decoding goes on from; P prompts, the longest of L tokens.

    Attributes:
        past_key_values: transformers' own cache, [P, heads, L, dim] a layer, shorter prompts padded at the
            left; `model.generate` takes it as `cache`, before transformers 5.24 as `past_key_values`. (Layers
            with a sliding window keep their last window - 1 tokens, as transformers does.)
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
    strategy: PromptStrategy = "best_fit",
    tokens_per_pass: int | None = None,
) -> Prefilled:
    """Runs prompts through a model in packed rows, without gradients.

    Logits and cache equal those of one prompt at a time. Attention that takes borders as `cu_seqlens` (the
    flash-attention family) gets the prompts end to end, and so does "sdpa" on a CPU, which then attends to
    one prompt after the other (`SegmentMask`): no padding is computed at all. "eager", "flex_attention", and
    "sdpa" elsewhere get rows with a mask.

    Args:
        model: a causal language model with full or sliding-window attention.
        prompts: token ids, as for `pypack.prepack`; each at least one token.
        capacity: items of a row; None: the longest prompt. (Of prompts end to end it only sets the order.)
        strategy: as for `pypack.prepack`.
        tokens_per_pass: items that the model runs at once, which bounds the memory of its activations; a row
            that has more is run by itself. None: all of them, but some thousands on a CPU, where larger
            activations leave its caches.

    Raises:
        ValueError: there is no prompt, one is empty, or `tokens_per_pass` is below 1.
        TypeError: the model's cache keeps something else than keys and values.
    """
    ragged = _checked(prompts)
    packed = prepack(ragged, capacity, strategy, layout=layout_for(model))
    cache, logits = run(model, packed, tokens_per_pass)
    input_ids, attention_mask = _left_padded(ragged, _pad_id(model), model.device)
    return Prefilled(cache, logits, input_ids, attention_mask, packed)


def generate(
    model: PreTrainedModel,
    prompts: Ragged | Sequence[Any],
    *,
    capacity: int | None = None,
    strategy: PromptStrategy = "best_fit",
    tokens_per_pass: int | None = None,
    **options: Any,
) -> Any:
    """`model.generate` with a packed prefill.

    All tokens but the last of each prompt are prefilled in packed rows; `model.generate` then takes the last
    ones and the cache, and does everything that follows (sampling, stopping criteria, logits processors).

    Args:
        model: as for `prefill`, like the next four.
        prompts: of token ids.
        capacity: tokens of a row.
        strategy: how prompts are packed.
        tokens_per_pass: what bounds the memory.
        **options: for `model.generate`, such as `max_new_tokens`.

    Returns:
        What `model.generate` returns for the prompts padded at the left: [P, L + new tokens] by default.

    Raises:
        ValueError, TypeError: as for `prefill`.
    """
    ragged = _checked(prompts)
    input_ids, attention_mask = _left_padded(ragged, _pad_id(model), model.device)
    heads = _without_last(ragged)
    if len(heads.values):
        packed = prepack(heads, capacity, strategy, layout=layout_for(model))
        options[cache_argument(model.generate)], _ = run(model, packed, tokens_per_pass)
    return model.generate(input_ids=input_ids, attention_mask=attention_mask, **options)


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
