"""Any pretokenizers one after the other, as a C++ Pretokenizer that runs them so.

Slower than a scanner written for one pattern, and the way for all that have none. A step that has such a
scanner is run by it here, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from pypack._core import PatternAutomaton, Pretokenizer, character_tables
from pypack.tokenizer.native.character_sets import just
from pypack.tokenizer.native.patterns import COVERING, GPT2, SCANNERS, canonical
from pypack.tokenizer.native.regex_automaton import automaton, automaton_of
from pypack.tokenizer.native.regex_tree import One, Row
from pypack.tokenizer.native.unicode_scripts import script_runs
from pypack.tokenizer.native.unsupported import UnsupportedError, check_keys

Step = tuple[PatternAutomaton, str, bool] | Pretokenizer | int

_BEHAVIORS = ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous")
_NUMERIC, _PUNCTUATION = 2, 3  # bits of the traits of csrc/core/tokenize/unicode/classes.hpp
_WORDS = {
    "BertPreTokenizer": Pretokenizer.bert,
    "Whitespace": Pretokenizer.whitespace,
    "WhitespaceSplit": Pretokenizer.whitespace_split,
}


def recognize_steps(parts: Sequence[Mapping[str, Any]]) -> Pretokenizer | None:
    """The pretokenizers `parts`, none of them a Sequence; None where they split nothing.

    Raises:
        UnsupportedError: one of them has no exact native form.
    """
    steps: list[Step] = []
    for i, part in enumerate(parts):
        if part.get("type") == "ByteLevel" and i + 1 < len(parts):
            raise UnsupportedError("pre_tokenizer ByteLevel has others behind it")
        step = _step(part, alone=len(parts) == 1)
        if step is not None:
            steps.append(step)
    if not steps:
        return None
    if len(steps) == 1 and isinstance(steps[0], Pretokenizer):
        return steps[0]
    return Pretokenizer.steps(steps)


def _step(part: Mapping[str, Any], *, alone: bool) -> Step | None:
    kind = str(part.get("type"))
    if kind in _WORDS:
        check_keys(part, ("type",), kind)
        return _WORDS[kind]()
    if kind == "Split":
        return _split(part)
    if kind == "ByteLevel":
        check_keys(part, ("type", "add_prefix_space", "trim_offsets", "use_regex"), "ByteLevel")
        if part["add_prefix_space"]:
            raise UnsupportedError("pre_tokenizer ByteLevel adds a prefix space behind other pretokenizers")
        return SCANNERS[(GPT2,)]() if part.get("use_regex", True) else None
    if kind == "Digits":
        check_keys(part, ("type", "individual_digits"), "Digits")
        return _with_trait(_NUMERIC), "Isolated" if part["individual_digits"] else "Contiguous", False
    if kind == "Punctuation":
        check_keys(part, ("type", "behavior"), "Punctuation")
        return _with_trait(_PUNCTUATION), _behavior(part.get("behavior", "Isolated")), False
    if kind == "CharDelimiterSplit":
        check_keys(part, ("type", "delimiter"), "CharDelimiterSplit")
        return automaton_of(One(just(part["delimiter"])), part["delimiter"]), "Removed", False
    if kind == "FixedLength":
        check_keys(part, ("type", "length"), "FixedLength")
        length = int(part["length"])
        if length < 1:
            raise UnsupportedError(f"pre_tokenizer FixedLength of {length}")
        return length
    if kind == "UnicodeScripts":
        check_keys(part, ("type",), kind)
        return _unicode_scripts(), "Removed", True
    place = "alone" if alone else "among others"
    raise UnsupportedError(f"pre_tokenizer {kind!r} {place} has no native form")


def _split(part: Mapping[str, Any]) -> Step:
    check_keys(part, ("type", "pattern", "behavior", "invert"), "Split")
    behavior, invert = _behavior(part["behavior"]), bool(part["invert"])
    text = part["pattern"].get("String")
    if text is not None:
        if not text:
            raise UnsupportedError("pre_tokenizer Split has an empty pattern")
        tree = Row(tuple(One(just(character)) for character in text))
        return automaton_of(tree, text), behavior, invert
    pattern = str(part["pattern"]["Regex"])
    known = canonical(pattern)
    # Where every character belongs to a match these say the same.
    if known in COVERING and (behavior == "Isolated" or (behavior == "Removed" and invert)):
        return SCANNERS[(known,)]()
    return automaton(pattern), behavior, invert


def _behavior(name: str) -> str:
    if name not in _BEHAVIORS:
        raise UnsupportedError(f"pre_tokenizer with the behavior {name!r}")
    return name


@cache
def _unicode_scripts() -> PatternAutomaton:
    return automaton_of(script_runs(), "a run of one script")


@cache
def _with_trait(bit: int) -> PatternAutomaton:
    _, traits = character_tables()
    return automaton_of(One((traits >> bit & 1) == 1), "a character")
