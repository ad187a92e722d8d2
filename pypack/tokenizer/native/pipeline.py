"""Which normalizer, pretokenizer and model a tokenizer.json has, taken together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pypack._core import Model, Normalizer, Pretokenizer
from pypack.tokenizer.added_token import AddedToken
from pypack.tokenizer.kind_of_model import kind_of_model
from pypack.tokenizer.native.bpe import recognize_bpe
from pypack.tokenizer.native.normalizers import recognize_normalizer
from pypack.tokenizer.native.pretokenizers import is_byte_level, recognize_byte_level, steps_of
from pypack.tokenizer.native.sentencepiece_bpe import (
    SPLITS_NOTHING,
    marks_every_space,
    recognize_sentencepiece_bpe,
)
from pypack.tokenizer.native.sentencepiece_file import is_sentencepiece_file, recognize_sentencepiece_file
from pypack.tokenizer.native.split_steps import recognize_steps
from pypack.tokenizer.native.unigram import recognize_unigram
from pypack.tokenizer.native.unsupported import UnsupportedError
from pypack.tokenizer.native.wordlevel import recognize_wordlevel
from pypack.tokenizer.native.wordpiece import recognize_wordpiece

Pipeline = tuple[Normalizer | None, Pretokenizer | None, Model]


def recognize_pipeline(definition: Mapping[str, Any], added_tokens: list[AddedToken]) -> Pipeline:
    """The three parts of a definition.

    Args:
        added_tokens: those of the definition.

    Raises:
        UnsupportedError: a part, or the parts together, have no exact native form.
    """
    model = definition["model"]
    kind = kind_of_model(model)
    if is_sentencepiece_file(model):
        made_normalizer, made = recognize_sentencepiece_file(definition)
        return made_normalizer, None, made
    if cuts_where_no_merge_goes(definition):
        return recognize_sentencepiece_bpe(definition, added_tokens)
    normalizer = recognize_normalizer(definition["normalizer"])
    if kind == "Unigram":
        return normalizer, *recognize_unigram(definition)
    pre_tokenizer = definition["pre_tokenizer"]
    if kind == "BPE" and is_byte_level(pre_tokenizer):
        return normalizer, recognize_byte_level(pre_tokenizer), recognize_bpe(model, "bytes")
    words = recognize_steps(steps_of(pre_tokenizer))
    if kind == "BPE":
        return normalizer, words, recognize_bpe(model, "characters")
    if kind == "WordPiece":
        return normalizer, words, recognize_wordpiece(model)
    if kind == "WordLevel":
        return normalizer, words, recognize_wordlevel(model)
    raise UnsupportedError(f"model {kind!r} has no native form")


def cuts_where_no_merge_goes(definition: Mapping[str, Any]) -> bool:
    """Whether the native pretokenizer cuts where that changes no id, and not where the tokenizer does."""
    is_bpe = kind_of_model(definition["model"]) == "BPE"
    return is_bpe and not is_byte_level(definition["pre_tokenizer"]) and not has_words(definition)


def has_words(definition: Mapping[str, Any]) -> bool:
    """Whether a BPE model without a byte alphabet sees text as it is, and not with markers for spaces."""
    part = definition["pre_tokenizer"]
    if part is not None and part.get("type") == "Metaspace":
        return False
    splits_nothing = part is None or part == SPLITS_NOTHING
    return not (splits_nothing and marks_every_space(definition["normalizer"]))


def spells_tokens_as_the_library(definition: Mapping[str, Any]) -> bool:
    """Whether the text of a token is the vocabulary's, and that of an added token the document's own."""
    kind = kind_of_model(definition["model"])
    return kind == "WordPiece" or (kind == "BPE" and is_byte_level(definition["pre_tokenizer"]))


def marks_spaces(definition: Mapping[str, Any]) -> bool:
    """Whether the normalizer puts U+2581 in the place of spaces, where the C++ objects keep the spaces."""
    part = definition["pre_tokenizer"]
    is_metaspace = part is not None and part.get("type") == "Metaspace"
    return cuts_where_no_merge_goes(definition) and not is_metaspace
