"""A mask of packed documents that takes no memory, for torch's `scaled_dot_product_attention`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention

# What asks for the form of the mask, not for its values; attributes such as shape come as "__get__".
_OF_ITS_FORM = frozenset(["__get__", "__len__", "dim", "numel", "size", "stride"])


class SegmentMask(torch.Tensor):
    """The mask [1, 1, T, T] of segments lying end to end: causal within each, nothing across.

    Given as `attn_mask` to `scaled_dot_product_attention` on [1, heads, T, dim], it runs torch's kernel on
    one segment at a time: work and memory grow with the sum of the squared lengths, where a mask in memory
    costs T * T. A subclass of Tensor as `torch.nn.attention.bias.CausalBias` is one, so that code which only
    hands masks on (a transformers model) takes it for a mask; any other operation on it sees the dense mask.

    The time goes into as many small kernels as there are segments: right on a CPU; on a GPU take flash
    attention, or `block_mask`.

    Args:
        lengths: tokens of each segment, each at least 1.
        window: tokens that a token sees, itself among them; None: all before it in its segment.
        device: of the dense mask.
    """

    lengths: list[int]
    window: int | None

    @staticmethod
    def __new__(
        cls, lengths: Sequence[int], window: int | None = None, device: torch.device | str = "cpu"
    ) -> SegmentMask:
        total = sum(lengths)
        one = torch.ones((), dtype=torch.bool, device=device)
        mask: SegmentMask = torch.Tensor._make_subclass(cls, one.expand(1, 1, total, total))
        mask.lengths, mask.window = list(lengths), window
        return mask

    def dense(self) -> torch.Tensor:
        """The mask in memory, bool [1, 1, T, T]; True where the query (third axis) attends to the key."""
        segment = torch.arange(len(self.lengths)).repeat_interleave(
            torch.tensor(self.lengths, dtype=torch.int64)
        )
        allowed = (segment[:, None] == segment).tril_()
        if self.window is not None:
            allowed.triu_(1 - self.window)
        return allowed[None, None].to(self.device)

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is scaled_dot_product_attention:
            return _attend(*args, **kwargs)
        if func.__name__ in _OF_ITS_FORM:
            return super().__torch_function__(func, types, args, kwargs)
        in_memory = torch.utils._pytree.tree_map(_dense, (args, kwargs))
        return func(*in_memory[0], **in_memory[1])

    def __repr__(self, **_options: Any) -> str:
        return f"SegmentMask({len(self.lengths)} segments, {sum(self.lengths)} tokens, window={self.window})"


def _dense(argument: Any) -> Any:
    return argument.dense() if isinstance(argument, SegmentMask) else argument


def _attend(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attn_mask: SegmentMask,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> torch.Tensor:
    """`scaled_dot_product_attention`, one segment at a time."""
    lengths, window = attn_mask.lengths, attn_mask.window
    total = sum(lengths)
    if total == 1:  # one key, seen by every query, as by broadcasting: transformers folds heads into them
        return scaled_dot_product_attention(
            query, key, value, None, dropout_p, scale=scale, enable_gqa=enable_gqa
        )
    if is_causal or query.ndim != 4 or (query.shape[0], query.shape[2], key.shape[2]) != (1, total, total):
        raise ValueError(
            f"a SegmentMask of {total} tokens takes [1, heads, {total}, dim] without is_causal, got query "
            f"{tuple(query.shape)}, key {tuple(key.shape)}, is_causal={is_causal}"
        )
    outputs = []
    for q, k, v in zip(*(tensor.split(lengths, dim=2) for tensor in (query, key, value)), strict=True):
        band = _band(q.shape[2], window, query.device)
        out = scaled_dot_product_attention(
            q, k, v, band, dropout_p, is_causal=band is None, scale=scale, enable_gqa=enable_gqa
        )
        outputs.append(out.transpose(1, 2))
    # Put together as [1, T, heads, dim]: torch's kernel writes so, and the next layer wants it so.
    return torch.cat(outputs, dim=1).transpose(1, 2)


def _band(length: int, window: int | None, device: torch.device) -> torch.Tensor | None:
    """The mask of one segment that is longer than the window."""
    return SegmentMask([length], window, device).dense() if window is not None and window < length else None
