"""Which model a tokenizer.json has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def kind_of_model(model: Mapping[str, Any]) -> str:
    """BPE, WordPiece or Unigram, also of old files, which do not name it but have its fields."""
    kind = model.get("type")
    if kind is None:
        if "merges" in model:
            return "BPE"
        if "unk_id" in model:
            return "Unigram"
        return "WordPiece" if "max_input_chars_per_word" in model else "unknown"
    return str(kind)
