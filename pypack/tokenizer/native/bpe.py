"""The `model` section of a BPE tokenizer, as a C++ Model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pypack._core import Model, Vocabulary
from pypack.tokenizer.byte_alphabet import byte_characters
from pypack.tokenizer.native.unsupported import UnsupportedError, check_keys

Alphabet = Literal["bytes", "characters", "space_marker"]

_KEYS = (
    "type",
    "dropout",
    "unk_token",
    "continuing_subword_prefix",
    "end_of_word_suffix",
    "fuse_unk",
    "byte_fallback",
    "ignore_merges",
    "vocab",
    "merges",
)


def recognize_bpe(part: Mapping[str, Any], alphabet: Alphabet) -> Model:
    """The model that `part`, the `model` of a definition, describes.

    Args:
        alphabet: what words are made of: "bytes" behind a ByteLevel pretokenizer, "space_marker" where
            every space has become U+2581 (words then hold it as a space), else "characters".

    Raises:
        UnsupportedError: it draws lots (dropout), or its parts do not fit together.
    """
    check_keys(part, _KEYS, "model BPE")
    if part.get("dropout"):
        raise UnsupportedError(f"model BPE has dropout {part['dropout']}: its ids are random")
    prefix = part.get("continuing_subword_prefix") or ""
    suffix = part.get("end_of_word_suffix") or ""
    byte_fallback = bool(part.get("byte_fallback"))
    if byte_fallback and alphabet == "bytes" and not prefix and not suffix:
        # Where every byte has its token there is nothing to fall back from.
        byte_fallback = not all(part["vocab"].get(character) is not None for character in byte_characters())
    if byte_fallback and (prefix or suffix):
        raise UnsupportedError("model BPE has byte_fallback beside marks of subwords")
    vocabulary: Vocabulary = part["vocab"]
    if vocabulary.repeats_ids:
        raise UnsupportedError("model BPE gives one id to several tokens")
    try:
        return Model.bpe(
            vocabulary,
            part["merges"],
            alphabet=alphabet,
            unk_token=part.get("unk_token"),
            continuing_subword_prefix=prefix,
            end_of_word_suffix=suffix,
            fuse_unk=bool(part.get("fuse_unk")),
            byte_fallback=byte_fallback,
            ignore_merges=bool(part.get("ignore_merges")),
        )
    except ValueError as error:
        raise UnsupportedError(f"model BPE: {error}") from error
