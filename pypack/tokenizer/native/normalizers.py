"""The `normalizer` of a tokenizer.json, as a C++ Normalizer."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from typing import Any

from pypack._core import Normalizer
from pypack.tokenizer.native.unsupported import UnsupportedError, check_keys

# Regexes that are runs of one kind of character: ` {2,}`, ` +`, `\s+`, `\s{3,}`.
_RUN = re.compile(r"(?P<characters> |\\s)(?:\{(?P<least>[1-9][0-9]{0,8}),\}|\+)")


def recognize_normalizer(part: Mapping[str, Any] | None) -> Normalizer | None:
    """The normalizer that `part` describes; None where the tokenizer has none.

    Raises:
        UnsupportedError: there is no exact native form of it.
    """
    if part is None:
        return None
    kind = part.get("type")
    recognize = _KINDS.get(str(kind))
    if recognize is None:
        raise UnsupportedError(f"normalizer {kind!r} has no native form")
    return recognize(part)


def _bert(part: Mapping[str, Any]) -> Normalizer:
    check_keys(
        part, ("type", "clean_text", "handle_chinese_chars", "strip_accents", "lowercase"), "BertNormalizer"
    )
    strip_accents = part["strip_accents"]
    return Normalizer.bert(
        clean_text=part["clean_text"],
        handle_chinese_chars=part["handle_chinese_chars"],
        strip_accents=part["lowercase"] if strip_accents is None else strip_accents,
        lowercase=part["lowercase"],
    )


def _form(part: Mapping[str, Any]) -> Normalizer:
    check_keys(part, ("type",), part["type"])
    return Normalizer.form(part["type"])


def _plain(make: Callable[[], Normalizer]) -> Callable[[Mapping[str, Any]], Normalizer]:
    def recognize(part: Mapping[str, Any]) -> Normalizer:
        check_keys(part, ("type",), part["type"])
        return make()

    return recognize


def _precompiled(part: Mapping[str, Any]) -> Normalizer:
    check_keys(part, ("type", "precompiled_charsmap"), "Precompiled")
    return Normalizer.precompiled(base64.b64decode(part["precompiled_charsmap"]))


def _prepend(part: Mapping[str, Any]) -> Normalizer:
    check_keys(part, ("type", "prepend"), "Prepend")
    if not part["prepend"]:
        raise UnsupportedError(
            "normalizer Prepend has an empty string, for which offsets have no native form"
        )
    return Normalizer.prepend(part["prepend"])


def _replace(part: Mapping[str, Any]) -> Normalizer:
    check_keys(part, ("type", "pattern", "content"), "Replace")
    pattern, content = part["pattern"], part["content"]
    if pattern.get("String"):
        return Normalizer.replace(pattern["String"], content)
    run = _RUN.fullmatch(pattern.get("Regex", ""))
    if run is None:
        raise UnsupportedError(f"normalizer Replace has the pattern {pattern}, which has no native form")
    return Normalizer.replace_runs(run["characters"], int(run["least"] or 1), content)


def _sequence(part: Mapping[str, Any]) -> Normalizer:
    check_keys(part, ("type", "normalizers"), "Sequence")
    steps = [recognize_normalizer(step) for step in part["normalizers"]]
    return Normalizer.sequence([step for step in steps if step is not None])


def _strip(part: Mapping[str, Any]) -> Normalizer:
    check_keys(part, ("type", "strip_left", "strip_right"), "Strip")
    return Normalizer.strip(left=part["strip_left"], right=part["strip_right"])


_KINDS: dict[str, Callable[[Mapping[str, Any]], Normalizer]] = {
    "BertNormalizer": _bert,
    "Lowercase": _plain(Normalizer.lowercase),
    "NFC": _form,
    "NFD": _form,
    "NFKC": _form,
    "NFKD": _form,
    "Nmt": _plain(Normalizer.nmt),
    "Precompiled": _precompiled,
    "Prepend": _prepend,
    "Replace": _replace,
    "Sequence": _sequence,
    "Strip": _strip,
    "StripAccents": _plain(Normalizer.strip_accents),
}
