"""The small parts of a tokenizer.json with all their fields, as `tokenizers` 0.23 prints them.

Fingerprints are of these, so that fields left at their defaults, and fields of old files, change nothing. No
library is needed for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_NEEDED = object()  # a field without a default

_BYTE_LEVEL = {"add_prefix_space": _NEEDED, "trim_offsets": _NEEDED, "use_regex": True}
_REPLACE = {"pattern": _NEEDED, "content": _NEEDED}
_KINDS: dict[str, dict[str, dict[str, Any]]] = {
    "normalizer": {
        "BertNormalizer": {
            "clean_text": _NEEDED,
            "handle_chinese_chars": _NEEDED,
            "strip_accents": _NEEDED,
            "lowercase": _NEEDED,
        },
        **{kind: {} for kind in ("NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Nmt")},
        "Strip": {"strip_left": _NEEDED, "strip_right": _NEEDED},
        "Replace": _REPLACE,
        "Prepend": {"prepend": _NEEDED},
        "Precompiled": {"precompiled_charsmap": _NEEDED},
    },
    "pre_tokenizer": {
        "ByteLevel": _BYTE_LEVEL,
        "Split": {"pattern": _NEEDED, "behavior": _NEEDED, "invert": _NEEDED},
        "Digits": {"individual_digits": _NEEDED},
        "Punctuation": {"behavior": "Isolated"},
        "CharDelimiterSplit": {"delimiter": _NEEDED},
        "FixedLength": {"length": 5},
        **{kind: {} for kind in ("BertPreTokenizer", "Whitespace", "WhitespaceSplit", "UnicodeScripts")},
    },
    "post_processor": {
        "ByteLevel": _BYTE_LEVEL,
        "BertProcessing": {"sep": _NEEDED, "cls": _NEEDED},
        "RobertaProcessing": {
            "sep": _NEEDED,
            "cls": _NEEDED,
            "trim_offsets": _NEEDED,
            "add_prefix_space": _NEEDED,
        },
        "TemplateProcessing": {"single": _NEEDED, "pair": _NEEDED, "special_tokens": _NEEDED},
    },
    "decoder": {
        "ByteLevel": _BYTE_LEVEL,
        "WordPiece": {"prefix": _NEEDED, "cleanup": _NEEDED},
        "Replace": _REPLACE,
        "Fuse": {},
        "ByteFallback": {},
        "Strip": {"content": _NEEDED, "start": _NEEDED, "stop": _NEEDED},
        "BPEDecoder": {"suffix": _NEEDED},
        "CTC": {"pad_token": _NEEDED, "word_delimiter_token": _NEEDED, "cleanup": _NEEDED},
    },
}
_ITEMS = {
    "normalizer": "normalizers",
    "pre_tokenizer": "pretokenizers",
    "post_processor": "processors",
    "decoder": "decoders",
}
_MODELS: dict[str, dict[str, Any]] = {
    "BPE": {
        "dropout": None,
        "unk_token": None,
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": False,
        "byte_fallback": False,
        "ignore_merges": False,
        "vocab": {},
        "merges": [],
    },
    "WordPiece": {
        "unk_token": _NEEDED,
        "continuing_subword_prefix": _NEEDED,
        "max_input_chars_per_word": _NEEDED,
        "vocab": {},
    },
    "WordLevel": {"unk_token": _NEEDED, "vocab": {}},
    "Unigram": {"unk_id": 0, "byte_fallback": False, "vocab": [["", 0.0]]},
}


class NotPrintedError(Exception):
    """A part is of a kind, or has fields, for which only the library can say how it is printed."""


def printed_parts(definition: Mapping[str, Any], kind_of_model: str) -> dict[str, Any]:
    """The sections beside the added tokens, the model without its vocabulary and merges.

    Raises:
        NotPrintedError: see there.
    """
    parts = {section: _printed(section, definition.get(section)) for section in _KINDS}
    if kind_of_model not in _MODELS:
        raise NotPrintedError(kind_of_model)
    given = {name: value for name, value in definition["model"].items() if name not in ("vocab", "merges")}
    if kind_of_model == "Unigram":
        given.pop("unk_id", None)
    given["type"] = kind_of_model
    return parts | {"model": _filled(given, _MODELS[kind_of_model])}


def _printed(section: str, part: Any) -> Any:
    if part is None:
        return None
    if not isinstance(part, Mapping):
        raise NotPrintedError(section)
    kind, items = part.get("type"), _ITEMS[section]
    if kind == "Sequence" and set(part) == {"type", items}:
        return {"type": "Sequence", items: [_printed(section, inner) for inner in part[items]]}
    if kind == "Metaspace" and section in ("pre_tokenizer", "decoder"):
        return _metaspace(part)
    fields = _KINDS[section].get(str(kind))
    if fields is None:
        raise NotPrintedError(str(kind))
    return _filled(part, fields)


def _filled(part: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    unknown = set(part) - set(fields) - {"type"}
    missing = [name for name, default in fields.items() if default is _NEEDED and name not in part]
    if unknown or missing:
        raise NotPrintedError(f"{part.get('type')}: {sorted(unknown) or missing}")
    return {"type": part["type"], **{name: part.get(name, default) for name, default in fields.items()}}


def _metaspace(part: Mapping[str, Any]) -> dict[str, Any]:
    known = {"type", "replacement", "prepend_scheme", "split", "add_prefix_space", "str_rep"}
    if set(part) - known or "replacement" not in part:
        raise NotPrintedError("Metaspace")
    scheme, split = part.get("prepend_scheme", "always"), part.get("split")
    if part.get("add_prefix_space") is False:
        scheme = "never"
    return {
        "type": "Metaspace",
        "replacement": part["replacement"],
        "prepend_scheme": scheme,
        "split": True if split is None else split,
    }
