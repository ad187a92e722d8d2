"""Hugging Face: batches for transformers models, `Trainer` and TRL; packed prefill and generation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pypack.adapters.huggingface.attention import attention_masks
from pypack.adapters.huggingface.batches import masked, padding_free
from pypack.adapters.huggingface.generation import Prefilled, generate, prefill

if TYPE_CHECKING:
    from pypack.adapters.huggingface.training import LoaderState, collate, dataset

__all__ = [
    "LoaderState",
    "Prefilled",
    "attention_masks",
    "collate",
    "dataset",
    "generate",
    "masked",
    "padding_free",
    "prefill",
]


def __getattr__(name: str) -> object:
    # A callback is a subclass, so that its module imports transformers.
    if name in ("LoaderState", "collate", "dataset"):
        from pypack.adapters.huggingface import training

        return getattr(training, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
