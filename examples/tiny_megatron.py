"""A stand-in for Megatron-Core's GPTModel, so that its example runs without Megatron."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import cross_entropy, scaled_dot_product_attention


class GPTModel(nn.Module):
    """One block; see `megatron.core.models.gpt.GPTModel`."""

    def __init__(self, vocabulary: int, width: int = 64, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.embedding = nn.Embedding(vocabulary, width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.head = nn.Linear(width, vocabulary)

    def forward(
        self,
        input_ids: torch.Tensor,
        position_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        labels: torch.Tensor,
    ) -> torch.Tensor:
        """Losses [B, T]. True in the mask [B, 1, T, T] is what is not looked at; labels are shifted."""
        hidden = self.embedding(input_ids)
        qkv = self.qkv(hidden).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = scaled_dot_product_attention(*qkv, attn_mask=~attention_mask)
        logits = self.head(hidden + self.out(mixed.transpose(1, 2).flatten(2)))
        return cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none").view_as(labels)
