"""A language model of some 100,000 parameters, for the examples: what counts is how it is fed."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import cross_entropy, scaled_dot_product_attention

from pypack import PackedBatch


class TinyModel(nn.Module):
    """One block of attention that stays within documents."""

    def __init__(self, vocabulary: int, width: int = 64, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.embedding = nn.Embedding(vocabulary, width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.head = nn.Linear(width, vocabulary)

    def forward(self, input_ids: torch.Tensor, segment_ids: torch.Tensor) -> torch.Tensor:
        """Logits [B, T, vocabulary] of ids [B, T] of documents [B, T]."""
        hidden = self.embedding(input_ids)
        qkv = self.qkv(hidden).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        same = (segment_ids[:, :, None] == segment_ids[:, None, :]).tril()
        mixed = scaled_dot_product_attention(*qkv, attn_mask=same[:, None])
        return self.head(hidden + self.out(mixed.transpose(1, 2).flatten(2)))


def learned_loss(model: nn.Module, batch: PackedBatch) -> torch.Tensor:
    """The mean loss of a batch's learned tokens."""
    tensors = batch.to_torch().shift_labels()  # labels[t] is the token after input_ids[t]
    logits = model(tensors.input_ids, tensors.segment_ids)
    return cross_entropy(logits.flatten(0, 1), tensors.labels.flatten())
