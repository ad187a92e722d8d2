"""Which normalizer, pretokenizer and model a tokenizer.json has, taken together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pypack._core import Model, Normalizer, Pretokenizer
from pypack.tokenizer.added_token import AddedToken
from pypack.tokenizer.native.bpe import recognize_bpe
from pypack.tokenizer.native.normalizers import recognize_normalizer
from pypack.tokenizer.native.pretokenizers import is_byte_level, recognize_byte_level
from pypack.tokenizer.native.sentencepiece_bpe import recognize_sentencepiece_bpe
from pypack.tokenizer.native.sentencepiece_file import is_sentencepiece_file, recognize_sentencepiece_file
from pypack.tokenizer.native.unigram import recognize_unigram
from pypack.tokenizer.native.unsupported import UnsupportedError, check_keys
from pypack.tokenizer.native.wordpiece import recognize_wordpiece

Pipeline = tuple[Normalizer | None, Pretokenizer | None, Model]

_WORDS = {
    "BertPreTokenizer": Pretokenizer.bert,
    "Whitespace": Pretokenizer.whitespace,
    "WhitespaceSplit": Pretokenizer.whitespace_split,
}


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


def recognize_pipeline(definition: Mapping[str, Any], added_tokens: list[AddedToken]) -> Pipeline:
    """The three parts of a definition.

    Args:
        added_tokens: those of the definition.

    Raises:
        UnsupportedError: a part, or the parts together, have no exact native form.
    """
    model = definition["model"]
    pre_tokenizer = definition["pre_tokenizer"]
    kind = kind_of_model(model)
    if kind == "BPE" and is_byte_level(pre_tokenizer):
        normalizer = recognize_normalizer(definition["normalizer"])
        return normalizer, recognize_byte_level(pre_tokenizer), recognize_bpe(model, "bytes")
    if kind == "BPE" and pre_tokenizer is not None and pre_tokenizer.get("type") in _WORDS:
        normalizer = recognize_normalizer(definition["normalizer"])
        return normalizer, _recognize_words(pre_tokenizer), recognize_bpe(model, "characters")
    if kind == "BPE":
        return recognize_sentencepiece_bpe(definition, added_tokens)
    if is_sentencepiece_file(model):
        normalizer, made = recognize_sentencepiece_file(definition)
        return normalizer, None, made
    if kind == "WordPiece":
        normalizer = recognize_normalizer(definition["normalizer"])
        return normalizer, _recognize_words(pre_tokenizer), recognize_wordpiece(model)
    if kind == "Unigram":
        normalizer = recognize_normalizer(definition["normalizer"])
        return normalizer, *recognize_unigram(definition)
    raise UnsupportedError(f"model {kind!r} has no native form")


def _recognize_words(part: Mapping[str, Any] | None) -> Pretokenizer:
    kind = None if part is None else part.get("type")
    if part is None or kind not in _WORDS:
        raise UnsupportedError(f"pre_tokenizer {kind!r} of a WordPiece model has no native form")
    check_keys(part, ("type",), str(kind))
    return _WORDS[kind]()


def spells_tokens_as_the_library(definition: Mapping[str, Any]) -> bool:
    """Whether the text of a token is the vocabulary's, and that of an added token the document's own."""
    kind = kind_of_model(definition["model"])
    return kind == "WordPiece" or (kind == "BPE" and is_byte_level(definition["pre_tokenizer"]))


def marks_spaces(definition: Mapping[str, Any]) -> bool:
    """Whether the normalizer puts U+2581 in the place of spaces, where the C++ objects keep the spaces."""
    part = definition["pre_tokenizer"]
    is_bpe = kind_of_model(definition["model"]) == "BPE" and not is_byte_level(part)
    return is_bpe and (part is None or part.get("type") not in ("Metaspace", *_WORDS))
