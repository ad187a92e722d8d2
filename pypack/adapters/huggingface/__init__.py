"""Hugging Face transformers: packed prefill and generation."""

from pypack.adapters.huggingface.generation import Prefilled, generate, prefill

__all__ = ["Prefilled", "generate", "prefill"]
