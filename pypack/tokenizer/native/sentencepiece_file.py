"""The parts that a SentencePiece `.model` has in place of those of `tokenizers`."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from pypack._core import Model, Normalizer
from pypack.tokenizer.added_token import AddedToken
from pypack.tokenizer.native.unsupported import UnsupportedError, check_keys

_NORMALIZER_KEYS = (
    "type",
    "precompiled_charsmap",
    "add_dummy_prefix",
    "remove_extra_whitespaces",
    "escape_whitespaces",
    "treat_whitespace_as_suffix",
    "user_defined",
)
_MODEL_KEYS = ("type", "unk_id", "byte_fallback", "kinds", "roles", "vocab")
_CONTROL = "3"


def is_sentencepiece_file(model: Mapping[str, Any]) -> bool:
    """Whether a model is that of a SentencePiece file."""
    return model.get("type") in ("SentencePieceBPE", "SentencePieceUnigram")


def recognize_sentencepiece_file(definition: Mapping[str, Any]) -> tuple[Normalizer, Model]:
    """The normalizer and the model of such a definition.

    Raises:
        UnsupportedError: its parts do not fit together.
    """
    part, model = definition["normalizer"], definition["model"]
    check_keys(part, _NORMALIZER_KEYS, "normalizer SentencePiece")
    check_keys(model, _MODEL_KEYS, "model SentencePiece")
    if definition["pre_tokenizer"] is not None:
        raise UnsupportedError("a SentencePiece model has a pre_tokenizer")
    normalizer = Normalizer.sentencepiece(
        charsmap=base64.b64decode(part["precompiled_charsmap"]),
        add_dummy_prefix=part["add_dummy_prefix"],
        remove_extra_whitespaces=part["remove_extra_whitespaces"],
        escape_whitespaces=part["escape_whitespaces"],
        treat_whitespace_as_suffix=part["treat_whitespace_as_suffix"],
        user_defined=part["user_defined"],
    )
    make = Model.sentencepiece_bpe if model["type"] == "SentencePieceBPE" else Model.sentencepiece_unigram
    return normalizer, make(pieces=model["vocab"], kinds=model["kinds"], byte_fallback=model["byte_fallback"])


def control_symbols(model: Mapping[str, Any]) -> list[AddedToken]:
    """The symbols that stand for no text; they are not looked for in it."""
    vocabulary = model["vocab"]
    return [
        AddedToken(vocabulary.token(i) or "", i, False, False, False, False, True)
        for i, kind in enumerate(model["kinds"])
        if kind == _CONTROL
    ]


def names_of_roles(model: Mapping[str, Any]) -> dict[str, str]:
    """Role → the symbol that a SentencePiece file has for it."""
    if not is_sentencepiece_file(model):
        return {}
    found = {role: model["vocab"].token(token_id) for role, token_id in model["roles"].items()}
    return {role: token for role, token in found.items() if token is not None}
