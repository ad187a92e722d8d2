"""Which normalizer, pretokenizer and model a tokenizer.json has, taken together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pypack._core import Model, Normalizer, Pretokenizer
from pypack.native.bpe import recognize_bpe
from pypack.native.normalizers import recognize_normalizer
from pypack.native.pretokenizers import is_byte_level, recognize_byte_level
from pypack.native.unsupported import UnsupportedError

Pipeline = tuple[Normalizer | None, Pretokenizer | None, Model]


def vocabulary_of(model: Mapping[str, Any]) -> Mapping[str, int]:
    """Token → id of the `model` section.

    Raises:
        UnsupportedError: it does not have one of the known shapes.
    """
    vocabulary = model["vocab"]
    if not isinstance(vocabulary, dict):
        raise UnsupportedError(f"model {model.get('type')!r} has no native form")
    return vocabulary


def recognize_pipeline(definition: Mapping[str, Any]) -> Pipeline:
    """The three parts of a parsed tokenizer.json.

    Raises:
        UnsupportedError: a part, or the parts together, have no exact native form.
    """
    model = definition["model"]
    pre_tokenizer = definition["pre_tokenizer"]
    normalizer = recognize_normalizer(definition["normalizer"])
    # Old files do not name the kind of their model; the fields of BPE are its own.
    kind = model.get("type", "BPE" if "merges" in model else None)
    if kind == "BPE" and is_byte_level(pre_tokenizer):
        return normalizer, recognize_byte_level(pre_tokenizer), recognize_bpe(model, "bytes")
    splitter = "none" if pre_tokenizer is None else repr(pre_tokenizer.get("type"))
    raise UnsupportedError(f"model {kind!r} with pre_tokenizer {splitter} has no native form")
