"""Packed batches for xformers' memory-efficient attention."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pypack.adapters._checks import need
from pypack.batch import PackedBatch

if TYPE_CHECKING:
    from xformers.ops.fmha.attn_bias import BlockDiagonalCausalMask


def attention_bias(batch: PackedBatch) -> BlockDiagonalCausalMask:
    """The `attn_bias` of `memory_efficient_attention` on [1, T, heads, dim], for a "varlen" batch."""
    from xformers.ops.fmha.attn_bias import BlockDiagonalCausalMask

    need(batch, "varlen")
    return BlockDiagonalCausalMask.from_seqlens(np.diff(np.asarray(batch.cu_seqlens)).tolist())
