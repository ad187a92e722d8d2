"""The cache of a packed prefill: keys and values taken apart into one prompt a row, layer by layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pypack.adapters.huggingface.passes import Pass
from pypack.packing.prepacked import put_kv

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


def unpacking_cache(model: PreTrainedModel, lengths: NDArray[np.int64]) -> Any:
    """A cache that takes each layer's packed keys and values apart as they come.

    Attention gets them back as they are; what is kept, in `unpacked`, is one prompt a row, so that the packed
    keys and values of no two layers, and of no two passes, are alive at once.
    """
    import torch
    from transformers.cache_utils import DynamicCache, DynamicLayer

    longest = int(lengths.max())

    class UnpackingCache(DynamicCache):
        unpacked = DynamicCache(config=model.config)

        def begin(self, part: Pass) -> None:
            self.part = part
            self.places: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

        def update(
            self, key_states: Any, value_states: Any, layer_idx: int, *args: Any, **kwargs: Any
        ) -> tuple[Any, Any]:
            layer = self.unpacked.layers[layer_idx]
            if not isinstance(layer, DynamicLayer):
                raise TypeError(
                    f"layer {layer_idx} of {type(model).__name__} keeps a {type(layer).__name__}: prefill "
                    "takes models with full or sliding-window attention"
                )
            if not layer.is_initialized:
                _make_room(layer, key_states, value_states, len(lengths), longest)
            kept = layer.keys.shape[2]
            if kept not in self.places:
                self.places[kept] = tuple(
                    torch.from_numpy(places).to(model.device)
                    for places in _last_tokens(self.part, lengths, kept)
                )
            for room, states in ((layer.keys, key_states), (layer.values, value_states)):
                put_kv(room.transpose(1, 2), states, *self.places[kept])
            return key_states, value_states

    return UnpackingCache()


def _make_room(layer: Any, keys: torch.Tensor, values: torch.Tensor, prompts: int, longest: int) -> None:
    """Zeros [P, heads, kept, dim] in a cache layer, which then counts the longest prompt as seen."""
    layer.lazy_initialization(keys, values)
    kept = longest
    if layer.is_sliding:
        layer.cumulative_length = longest
        kept = min(longest, layer.sliding_window - 1)
    layer.keys, layer.values = (
        states.new_zeros((prompts, kept, states.shape[1], states.shape[3])).transpose(1, 2)
        for states in (keys, values)
    )


def _last_tokens(
    part: Pass, lengths: NDArray[np.int64], kept: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of the last `kept` tokens of each prompt of a pass: their places in its items, and in P * kept."""
    counts = lengths[part.prompts]
    taken = np.minimum(counts, kept)
    within = np.arange(int(taken.sum())) - np.repeat(np.cumsum(taken) - taken, taken)
    source = np.repeat(part.first + counts - taken, taken) + within
    destination = np.repeat((part.prompts + 1) * kept - taken, taken) + within
    return source, destination
