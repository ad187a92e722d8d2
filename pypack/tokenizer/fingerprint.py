"""What tells two tokenizers apart."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from typing import Any

import orjson

from pypack.tokenizer.added_token import AddedToken
from pypack.tokenizer.kind_of_model import kind_of_model
from pypack.tokenizer.native.sentencepiece_file import is_sentencepiece_file
from pypack.tokenizer.printed import NotPrintedError, printed_parts

# The parts of a tokenizer.json beside its vocabulary that decide ids; truncation and padding do not (pypack
# uses neither).
_SECTIONS = ("normalizer", "pre_tokenizer", "post_processor", "decoder", "model")
_ANY_UNIGRAM = {"unk_id": 0, "vocab": [["", 0.0]]}


def tokenizer_fingerprint(definition: Mapping[str, Any], added_tokens: Sequence[AddedToken]) -> str:
    """SHA-256, hexadecimal, over all that decides ids, however a file spells it.

    Merges as strings or pairs, fields left at their defaults and the order of fields change nothing: the
    small parts are taken as `tokenizers` 0.23 prints them.

    Args:
        definition: see `TokenizerDefinition.sections`.
        added_tokens: with the ids that they really have.

    Raises:
        ValueError: the library cannot load the parts.
    """
    parts, unknown_id = _printed(definition), definition["model"].get("unk_id")
    parts["added_tokens"] = [astuple(token) for token in added_tokens]
    parts["unk_id"] = unknown_id
    digest = hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS))
    digest.update(definition["model"]["vocab"].canonical_bytes(definition["model"].get("merges")))
    return digest.hexdigest()


def ids_fingerprint(definition: Mapping[str, Any], added_tokens: Sequence[AddedToken]) -> str:
    """SHA-256, hexadecimal, over what decides the ids of documents, and over nothing else.

    Unlike `tokenizer_fingerprint`, which stores keep, it leaves out how ids are decoded, how offsets are
    trimmed, and whatever can be said in two ways; see `pypack.tokenizer.canonical`. Arguments and errors are
    the same.
    """
    from pypack.tokenizer.canonical import (
        canonical_model,
        canonical_steps,
        canonical_template,
        canonical_vocabulary,
    )

    printed = _printed(definition)
    model = definition["model"]
    pretokenizer = canonical_steps(printed["pre_tokenizer"], "pretokenizers")
    parts = {
        "normalizer": canonical_steps(printed["normalizer"], "normalizers"),
        "pre_tokenizer": pretokenizer,
        "post_processor": canonical_template(printed["post_processor"]),
        "model": canonical_model(printed["model"], pretokenizer, model["vocab"]),
        "added_tokens": [astuple(token) for token in added_tokens],
        "unk_id": model.get("unk_id"),
    }
    vocabulary = model["vocab"].canonical_bytes(model.get("merges"))
    digest = hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS))
    digest.update(canonical_vocabulary(vocabulary) if "unk_id" in model else vocabulary)
    return digest.hexdigest()


def _printed(definition: Mapping[str, Any]) -> dict[str, Any]:
    """The parts beside the vocabulary as the library prints them."""
    if is_sentencepiece_file(definition["model"]):
        parts = {section: definition.get(section) for section in _SECTIONS}
        return parts | {"model": {k: v for k, v in definition["model"].items() if k != "vocab"}}
    try:
        return printed_parts(definition, kind_of_model(definition["model"]))
    except NotPrintedError:
        return _printed_by_library(definition)


def _printed_by_library(definition: Mapping[str, Any]) -> dict[str, Any]:
    """The same, of parts that only the library knows."""
    from tokenizers import Tokenizer as HuggingFaceTokenizer

    model = dict(definition["model"])
    merges, _ = model.pop("merges", None), model.pop("vocab")
    empty: dict[str, Any] = {"vocab": {}} if merges is None else {"vocab": {}, "merges": []}
    bare: dict[str, Any] = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": []}
    bare |= {section: definition.get(section) for section in _SECTIONS}
    bare["model"] = model | (_ANY_UNIGRAM if "unk_id" in model else empty)
    try:
        printed = orjson.loads(HuggingFaceTokenizer.from_buffer(orjson.dumps(bare)).to_str())
    except Exception as error:  # the library raises bare Exception
        raise ValueError(f"`tokenizers` cannot load the tokenizer without its vocabulary: {error}") from error
    return {section: printed[section] for section in _SECTIONS}
