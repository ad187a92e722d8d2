"""A Unigram tokenizer's `model` and `pre_tokenizer`, as a C++ Model and Pretokenizer.

They are recognized together: Metaspace's replacing of spaces is done by the model, word by word, when a word
is met for the first time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pypack._core import MetaspaceRule, Model, Pretokenizer
from pypack.tokenizer.native.pretokenizers import steps_of
from pypack.tokenizer.native.split_steps import recognize_steps
from pypack.tokenizer.native.unsupported import UnsupportedError, check_keys

_METASPACE_KEYS = ("type", "replacement", "prepend_scheme", "split", "add_prefix_space", "str_rep")
# Normalizers that leave the first character of a text where it is; see _metaspace.
_KEEP_THE_FIRST = (None, "Lowercase", "Prepend")


def recognize_unigram(definition: Mapping[str, Any]) -> tuple[Pretokenizer | None, Model]:
    """The words and the model of a definition.

    Raises:
        UnsupportedError: there is no exact native form of it.
    """
    part = definition["model"]
    check_keys(part, ("type", "unk_id", "vocab", "byte_fallback"), "model Unigram")
    unknown_id = part.get("unk_id")
    if unknown_id is None:
        raise UnsupportedError("model Unigram has no unk_id, so that it fails on unknown characters")
    pretokenizer, rule = _recognize_words(definition)
    return pretokenizer, Model.unigram(
        pieces=part["vocab"],
        unknown_id=unknown_id,
        byte_fallback=part.get("byte_fallback") or False,
        metaspace=rule,
    )


def _recognize_words(definition: Mapping[str, Any]) -> tuple[Pretokenizer | None, MetaspaceRule | None]:
    part = definition.get("pre_tokenizer")
    steps = steps_of(part)
    kinds = [step["type"] for step in steps]
    if kinds == []:
        return None, None
    if kinds == ["WhitespaceSplit"]:
        return Pretokenizer.whitespace_split(), None
    if kinds == ["Metaspace"]:
        return _metaspace(steps[0], definition.get("normalizer"))
    if kinds == ["WhitespaceSplit", "Metaspace"]:
        replacement, scheme, split = _metaspace_fields(steps[1])
        if scheme == "first":
            raise UnsupportedError("pre_tokenizer Metaspace 'first' after WhitespaceSplit has no native form")
        rule = MetaspaceRule(replacement=replacement, prepends=scheme == "always", cuts=split, leading="")
        return Pretokenizer.whitespace_split(), rule
    return recognize_steps(steps), None


def _metaspace(
    part: Mapping[str, Any], normalizer: Mapping[str, Any] | None
) -> tuple[Pretokenizer | None, MetaspaceRule]:
    replacement, scheme, split = _metaspace_fields(part)
    rule = MetaspaceRule(replacement=replacement, prepends=scheme == "always", cuts=split, leading=" ")
    if scheme == "first":
        # The library asks whether the first character that is left of a text was its first one.
        kind = None if normalizer is None else normalizer["type"]
        if kind not in _KEEP_THE_FIRST or not split:
            raise UnsupportedError(
                f"pre_tokenizer Metaspace 'first' with split {split} after normalizer {kind!r} "
                "has no native form"
            )
    return (Pretokenizer.metaspace(replacement, scheme == "first") if split else None), rule


def _metaspace_fields(part: Mapping[str, Any]) -> tuple[str, str, bool]:
    """(replacement, prepend_scheme, split), of files old and new."""
    check_keys(part, _METASPACE_KEYS, "Metaspace")
    scheme = part.get("prepend_scheme", "always")
    split = part.get("split")
    return part["replacement"], scheme, True if split is None else split
