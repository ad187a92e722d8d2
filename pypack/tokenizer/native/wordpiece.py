"""The `model` section of a WordPiece tokenizer, as a C++ Model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pypack._core import Model, Vocabulary
from pypack.tokenizer.native.unsupported import UnsupportedError, check_keys

_KEYS = ("type", "unk_token", "continuing_subword_prefix", "max_input_chars_per_word", "vocab")


def recognize_wordpiece(part: Mapping[str, Any]) -> Model:
    """The model that `part`, the `model` of a definition, describes.

    Raises:
        UnsupportedError: it fails on unknown words, because its unk_token is not in its vocabulary.
    """
    check_keys(part, _KEYS, "model WordPiece")
    vocabulary: Vocabulary = part["vocab"]
    unknown_id = vocabulary.get(part["unk_token"])
    if unknown_id is None:
        raise UnsupportedError(f"model WordPiece has no entry for its unk_token {part['unk_token']!r}")
    return Model.wordpiece(
        vocabulary=vocabulary,
        unknown_id=unknown_id,
        continuing_prefix=part["continuing_subword_prefix"],
        max_characters=part["max_input_chars_per_word"],
    )
