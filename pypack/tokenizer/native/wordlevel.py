"""The `model` section of a WordLevel tokenizer, as a C++ Model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pypack._core import Model
from pypack.tokenizer.native.unsupported import UnsupportedError, check_keys


def recognize_wordlevel(part: Mapping[str, Any]) -> Model:
    """The model that `part`, the `model` of a definition, describes.

    Raises:
        UnsupportedError: it fails on unknown words, because its unk_token is not in its vocabulary.
    """
    check_keys(part, ("type", "vocab", "unk_token"), "model WordLevel")
    unknown_id = part["vocab"].get(part["unk_token"])
    if unknown_id is None:
        raise UnsupportedError(f"model WordLevel has no entry for its unk_token {part['unk_token']!r}")
    return Model.wordlevel(vocabulary=part["vocab"], unknown_id=unknown_id)
