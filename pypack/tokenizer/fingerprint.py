"""What tells two tokenizers apart."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from typing import Any

import orjson

from pypack.tokenizer.added_token import AddedToken

# The parts of a tokenizer.json beside its vocabulary that decide ids; truncation and padding do not (pypack
# uses neither).
_SECTIONS = ("normalizer", "pre_tokenizer", "post_processor", "decoder", "model")
_ANY_UNIGRAM = {"unk_id": 0, "vocab": [["", 0.0]]}


def tokenizer_fingerprint(definition: Mapping[str, Any], added_tokens: Sequence[AddedToken]) -> str:
    """SHA-256, hexadecimal, over all that decides ids, however a file spells it.

    Merges as strings or pairs, fields left at their defaults and the order of fields change nothing: the
    small parts are taken as the `tokenizers` library prints them when it has loaded them without a
    vocabulary, which takes no time.

    Args:
        definition: see `TokenizerDefinition.sections`.
        added_tokens: with the ids that they really have.

    Raises:
        ValueError: the library cannot load the parts.
    """
    from tokenizers import Tokenizer as HuggingFaceTokenizer

    model = dict(definition["model"])
    vocabulary, merges, unknown_id = model.pop("vocab"), model.pop("merges", None), model.get("unk_id")
    empty: dict[str, Any] = {"vocab": {}} if merges is None else {"vocab": {}, "merges": []}
    bare: dict[str, Any] = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": []}
    bare |= {section: definition.get(section) for section in _SECTIONS}
    bare["model"] = model | (_ANY_UNIGRAM if "unk_id" in model else empty)
    try:
        printed = orjson.loads(HuggingFaceTokenizer.from_buffer(orjson.dumps(bare)).to_str())
    except Exception as error:  # the library raises bare Exception
        raise ValueError(f"`tokenizers` cannot load the tokenizer without its vocabulary: {error}") from error
    parts = {section: printed[section] for section in _SECTIONS}
    parts["added_tokens"] = [astuple(token) for token in added_tokens]
    parts["unk_id"] = unknown_id
    digest = hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS))
    digest.update(vocabulary.canonical_bytes(merges))
    return digest.hexdigest()
