"""SentencePiece-style BPE (Llama 2, Mistral, Gemma): no words, but U+2581 for every space.

The C++ side holds the marker as a space: "▁" in the text becomes " ", which spaces are already, so that most
text is used as it is. The forms are in one-to-one correspondence, because where every space becomes a marker
no other space is left.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pypack._core import Model, Normalizer, Pretokenizer
from pypack.tokenizer.added_token import AddedToken
from pypack.tokenizer.native.bpe import recognize_bpe
from pypack.tokenizer.native.normalizers import recognize_normalizer
from pypack.tokenizer.native.unsupported import UnsupportedError, check_keys

MARKER = "\u2581"
_METASPACE_KEYS = ("type", "replacement", "prepend_scheme", "split", "add_prefix_space", "str_rep")
_MARKS_SPACES = {"type": "Replace", "pattern": {"String": " "}, "content": MARKER}
_PREPENDS_MARKER = {"type": "Prepend", "prepend": MARKER}
# Gemma's: a split on what its normalizer has left none of.
SPLITS_NOTHING = {
    "type": "Split",
    "pattern": {"String": " "},
    "behavior": "MergedWithPrevious",
    "invert": False,
}


def recognize_sentencepiece_bpe(
    definition: Mapping[str, Any], added_tokens: list[AddedToken]
) -> tuple[Normalizer | None, Pretokenizer | None, Model]:
    """The three parts of such a tokenizer.

    Raises:
        UnsupportedError: it is not one of the known forms.
    """
    part = definition["pre_tokenizer"]
    if part is not None and part.get("type") == "Metaspace":
        normalizer = recognize_normalizer(definition["normalizer"])
        rewrites, prepend, splits = True, *_metaspace(part, definition["normalizer"])
    elif part is None or part == SPLITS_NOTHING:
        normalizer = _marking_normalizer(definition["normalizer"])
        rewrites, prepend, splits = False, "never", False
        if any(t.normalized and (t.lstrip or t.rstrip) for t in added_tokens):
            raise UnsupportedError("a normalized added token strips the spaces around it")
    else:
        raise UnsupportedError(f"pre_tokenizer {part.get('type')!r} of a BPE model has no native form")
    model = definition["model"]
    if model.get("byte_fallback") and model["vocab"].get(MARKER) is None:
        raise UnsupportedError(f"model BPE has byte_fallback, and no token {MARKER} for a space")
    falls_back = model.get("byte_fallback") or model.get("unk_token") is not None
    # Cuts that no merge crosses change nothing, unless a rule of the model looks at the whole word, or
    # characters that it lacks vanish, whose neighbours may merge then.
    whole = (
        not falls_back
        or model.get("ignore_merges")
        or model.get("continuing_subword_prefix")
        or model.get("end_of_word_suffix")
        or (model.get("fuse_unk") and not model.get("byte_fallback"))
    )
    pretokenizer = Pretokenizer.marker(
        model["vocab"], rewrites=rewrites, prepend=prepend, cuts_at_spaces=splits, cuts_safely=not whole
    )
    return normalizer, pretokenizer, recognize_bpe(model, "space_marker")


def _metaspace(part: Mapping[str, Any], normalizer: Mapping[str, Any] | None) -> tuple[str, bool]:
    """(prepend_scheme, split), of files old and new."""
    check_keys(part, _METASPACE_KEYS, "Metaspace")
    if part["replacement"] != MARKER:
        raise UnsupportedError(f"pre_tokenizer Metaspace has the replacement {part['replacement']!r}")
    scheme = part.get("prepend_scheme", "always")
    if part.get("add_prefix_space") is False:
        scheme = "never"
    if scheme not in ("always", "first", "never"):
        raise UnsupportedError(f"pre_tokenizer Metaspace has prepend_scheme {scheme!r}")
    if scheme == "first" and normalizer is not None:
        raise UnsupportedError("pre_tokenizer Metaspace 'first' behind a normalizer has no native form")
    split = part.get("split")
    return scheme, True if split is None else bool(split)


def marks_every_space(part: Mapping[str, Any] | None) -> bool:
    """Whether a normalizer ends with putting U+2581 in the place of every space."""
    while part is not None and part.get("type") == "Sequence" and part["normalizers"]:
        part = part["normalizers"][-1]
    return part == _MARKS_SPACES


def _marking_normalizer(part: Mapping[str, Any] | None) -> Normalizer:
    """What marks spaces in a tokenizer.json, as what spells markers as spaces."""
    steps = [] if part is None else part["normalizers"] if part["type"] == "Sequence" else [part]
    before = []
    if steps and steps[0] == _PREPENDS_MARKER:
        before.append(Normalizer.prepend(" "))
        steps = steps[1:]
    if steps != [_MARKS_SPACES]:
        raise UnsupportedError("the normalizer of a BPE model without words is not one that marks spaces")
    return Normalizer.sequence([*before, Normalizer.replace(MARKER, " ")])
