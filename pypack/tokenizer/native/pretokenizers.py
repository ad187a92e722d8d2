"""The `pre_tokenizer` of a tokenizer.json, as a C++ Pretokenizer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pypack._core import Pretokenizer
from pypack.tokenizer.native.patterns import (
    COVERING,
    DIGIT_RUNS,
    GPT2,
    PUNCTUATION_RUNS,
    SCANNERS,
    SINGLE_DIGITS,
    TO_BYTES,
    canonical,
    removing_the_rest,
)
from pypack.tokenizer.native.split_steps import recognize_steps
from pypack.tokenizer.native.unsupported import UnsupportedError, check_keys

_BYTE_LEVEL_KEYS = ("type", "add_prefix_space", "trim_offsets", "use_regex")


def is_byte_level(part: Mapping[str, Any] | None) -> bool:
    """Whether the pretokenizer has a ByteLevel, so that words are bytes in GPT-2's alphabet."""
    return any(step.get("type") == "ByteLevel" for step in steps_of(part))


def recognize_byte_level(part: Mapping[str, Any]) -> Pretokenizer | None:
    """The pretokenizer of a byte-level model; None where each piece is one word.

    Raises:
        UnsupportedError: it is not one of those with a scanner.
    """
    try:
        return _recognize_known(part)
    except UnsupportedError:
        parts = steps_of(part)
        if parts[-1].get("type") != "ByteLevel":
            raise
        return recognize_steps(parts)


def _recognize_known(part: Mapping[str, Any]) -> Pretokenizer | None:
    """The same by a scanner of its own."""
    parts = steps_of(part)
    steps = [name for step in parts for name in _names_of(step)]
    if steps.count(TO_BYTES) > 1:
        raise UnsupportedError("pre_tokenizer has ByteLevel twice")
    adds_space = any(step.get("add_prefix_space") for step in parts)
    if adds_space and len(parts) > 1:
        # It would put a space before each of the words that the steps before it made.
        raise UnsupportedError("pre_tokenizer ByteLevel adds a prefix space behind other pretokenizers")
    if steps[-1] == TO_BYTES:
        steps.pop()
    inner = _scanner(steps) if steps else None
    return Pretokenizer.prefix_space(inner) if adds_space else inner


def _scanner(steps: list[str]) -> Pretokenizer:
    make = SCANNERS.get(tuple(steps))
    if make is not None:
        return make()
    if len(steps) == 1:
        raise UnsupportedError(f"pre_tokenizer pattern {steps[0]!r} is not a known one")
    raise UnsupportedError(f"pre_tokenizer of {len(steps)} steps is not a known one: {'; '.join(steps)}")


def steps_of(part: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    """The pretokenizers that `part` runs one after the other."""
    if part is None:
        return []
    if part.get("type") != "Sequence":
        return [part]
    return [step for inner in part["pretokenizers"] for step in steps_of(inner)]


def _names_of(step: Mapping[str, Any]) -> list[str]:
    """A pretokenizer as the steps that `SCANNERS` is keyed by."""
    kind = step.get("type")
    if kind == "Split":
        return [_split(step)]
    if kind == "ByteLevel":
        check_keys(step, _BYTE_LEVEL_KEYS, "ByteLevel")
        return [GPT2, TO_BYTES] if step.get("use_regex", True) else [TO_BYTES]
    if kind == "Digits":
        check_keys(step, ("type", "individual_digits"), "Digits")
        return [SINGLE_DIGITS if step["individual_digits"] else DIGIT_RUNS]
    if kind == "Punctuation" and step.get("behavior") == "Contiguous":
        check_keys(step, ("type", "behavior"), "Punctuation")
        return [PUNCTUATION_RUNS]
    raise UnsupportedError(f"pre_tokenizer {kind!r} beside ByteLevel has no native form")


def _split(part: Mapping[str, Any]) -> str:
    check_keys(part, ("type", "pattern", "behavior", "invert"), "Split")
    pattern = part["pattern"].get("Regex")
    if pattern is None:
        raise UnsupportedError("pre_tokenizer Split on a string has no native form")
    pattern = canonical(str(pattern))
    match part["behavior"], part["invert"]:
        case "Isolated", False:
            return pattern
        case "Removed", True:  # what lies between the "delimiters" is a match
            return pattern if pattern in COVERING else removing_the_rest(pattern)
        case behavior, invert:
            raise UnsupportedError(
                f"pre_tokenizer Split with behavior {behavior!r} and invert {invert} has no native form"
            )
