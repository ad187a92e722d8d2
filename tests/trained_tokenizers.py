"""Small tokenizers of every native kind, trained in the tests with the `tokenizers` library."""

from __future__ import annotations

from trained_byte_level import BYTE_LEVEL
from trained_sentencepiece import SENTENCEPIECE
from trained_word_tokenizers import WORD_NATIVE
from training_texts import training_texts

NATIVE = BYTE_LEVEL | SENTENCEPIECE
KINDS = NATIVE | WORD_NATIVE

__all__ = ["BYTE_LEVEL", "KINDS", "NATIVE", "SENTENCEPIECE", "WORD_NATIVE", "training_texts"]
