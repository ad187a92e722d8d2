"""The ways to run a batch of prompts through a model; each gives the logits of the first new tokens."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from transformers import DynamicCache

from pypack.adapters import huggingface
from pypack.adapters.huggingface.cache_argument import cache_argument


def padded(model: Any, prompts: list[Any]) -> torch.Tensor:
    """Logits of the first new tokens, by the ordinary left-padded batch."""
    longest = max(map(len, prompts))
    ids = torch.zeros(len(prompts), longest, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, prompt in enumerate(prompts):
        ids[row, longest - len(prompt) :] = torch.from_numpy(prompt)
        mask[row, longest - len(prompt) :] = 1
    ids, mask = ids.to(model.device), mask.to(model.device)
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    with torch.no_grad():
        output = model(
            ids,
            attention_mask=mask,
            position_ids=positions,
            **{cache_argument(model.forward): DynamicCache(config=model.config)},
            use_cache=True,
            logits_to_keep=1,
        )
    return output.logits[:, -1]


def by_length(model: Any, prompts: list[Any], groups: int) -> torch.Tensor:
    """The same in order of length, in so many batches, each padded to its own longest."""
    order = np.argsort([len(prompt) for prompt in prompts], kind="stable")
    parts = [padded(model, [prompts[i] for i in part]) for part in np.array_split(order, groups)]
    return torch.cat(parts)[torch.from_numpy(np.argsort(order))]


def packed(model: Any, prompts: list[Any]) -> torch.Tensor:
    """The same by `huggingface.prefill`."""
    return huggingface.prefill(model, prompts).logits
