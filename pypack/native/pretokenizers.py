"""The `pre_tokenizer` of a tokenizer.json, as a C++ Pretokenizer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pypack._core import Pretokenizer
from pypack.native.patterns import GPT2, SCANNERS
from pypack.native.unsupported import UnsupportedError, check_keys

_BYTE_LEVEL_KEYS = ("type", "add_prefix_space", "trim_offsets", "use_regex")


def is_byte_level(part: Mapping[str, Any] | None) -> bool:
    """Whether the pretokenizer ends with ByteLevel, so that words are bytes in GPT-2's alphabet."""
    if part is None:
        return False
    if part.get("type") == "Sequence":
        return bool(part["pretokenizers"]) and is_byte_level(part["pretokenizers"][-1])
    return part.get("type") == "ByteLevel"


def recognize_byte_level(part: Mapping[str, Any]) -> Pretokenizer | None:
    """The pretokenizer of a byte-level model; None where each piece is one word.

    Raises:
        UnsupportedError: it is not one of those with a scanner.
    """
    steps = part["pretokenizers"] if part["type"] == "Sequence" else [part]
    *splits, byte_level = steps
    check_keys(byte_level, _BYTE_LEVEL_KEYS, "ByteLevel")
    if byte_level["add_prefix_space"]:
        raise UnsupportedError("pre_tokenizer ByteLevel adds a prefix space, which has no native form yet")
    patterns = [_pattern_of(split) for split in splits]
    if byte_level.get("use_regex", True):
        patterns.append(GPT2)
    if not patterns:
        return None
    if len(patterns) > 1:
        raise UnsupportedError(f"pre_tokenizer splits {len(patterns)} times, which has no native form yet")
    scanner = SCANNERS.get(patterns[0])
    if scanner is None:
        raise UnsupportedError(f"pre_tokenizer pattern {patterns[0]!r} is not a known one")
    return Pretokenizer.pattern(scanner)


def _pattern_of(part: Mapping[str, Any]) -> str:
    if part.get("type") != "Split":
        raise UnsupportedError(f"pre_tokenizer {part.get('type')!r} before ByteLevel has no native form")
    check_keys(part, ("type", "pattern", "behavior", "invert"), "Split")
    pattern = part["pattern"].get("Regex")
    if pattern is None:
        raise UnsupportedError("pre_tokenizer Split on a string has no native form")
    # Matches are words either way: kept apart, or the "delimiters" between them removed, of which there are
    # none because the known patterns match every character.
    if (part["behavior"], part["invert"]) not in (("Isolated", False), ("Removed", True)):
        raise UnsupportedError(
            f"pre_tokenizer Split with behavior {part['behavior']!r} and invert {part['invert']}"
            " has no native form"
        )
    return str(pattern)
