"""The name under which transformers takes a cache, which is not the same in all its versions."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any


def cache_argument(function: Callable[..., Any]) -> str:
    """What a function of transformers, or a model's `forward`, calls the cache it is given.

    "cache" since transformers 5.24, "past_key_values" before, and still so in models that come with their own
    code. A function that hands its keyword arguments on (`model.generate`) takes the name that transformers'
    own functions have.
    """
    from transformers.masking_utils import create_masks_for_generate

    for known in (function, create_masks_for_generate):
        for name in ("cache", "past_key_values"):
            if name in inspect.signature(known).parameters:
                return name
    raise TypeError(
        "this version of transformers takes a cache neither as `cache` nor as `past_key_values`, the names "
        "that pypack knows (transformers 5.0 to 5.24): use one of those versions"
    )
