"""Regexes of tokenizers, as far as they need no way back: parsed into a tree.

The syntax is that of Oniguruma, which `tokenizers` uses; what is not known here is refused, never guessed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from pypack._core import character_tables
from pypack.tokenizer.native.scripts import SCRIPTS
from pypack.tokenizer.native.unsupported import UnsupportedError

Characters = NDArray[np.bool_]  # by code point, [0x110000]

_CATEGORIES = (
    "Cc", "Cf", "Cn", "Co", "Ll", "Lm", "Lo", "Lt", "Lu", "Mc", "Me", "Mn", "Nd", "Nl", "No", "Pc", "Pd",
    "Pe", "Pf", "Pi", "Po", "Ps", "Sc", "Sk", "Sm", "So", "Zl", "Zp", "Zs", "CcSpace",
)  # fmt: skip
_MOST_REPEATS = 64
_ESCAPES = {"r": "\r", "n": "\n", "t": "\t", "f": "\f", "v": "\v", "a": "\a", "e": "\x1b"}
# Of ASCII letters one after the other, without regard to case, one character may stand for both.
_LIGATURES = ("ss", "st", "ff", "fi", "fl")
_FOLDED = {"s": "\u017f", "k": "\u212a"}


@dataclass(frozen=True, eq=False)
class One:
    """One character of a set."""

    characters: Characters


@dataclass(frozen=True)
class Ahead:
    """The next character is one of a set; or the text ends, where that counts."""

    characters: Characters
    end_counts: bool


@dataclass(frozen=True)
class Row:
    """One after the other."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Choice:
    """The first that leads to a match."""

    ways: tuple[Node, ...]


@dataclass(frozen=True)
class Loop:
    """Any number of times, as many as possible."""

    part: Node


Node = One | Ahead | Row | Choice | Loop
EMPTY = Row(())


@cache
def category_named(name: str) -> Characters:
    """The characters of `\\p{name}`: a category, its first letter, or a script.

    Raises:
        UnsupportedError: there is no such name here.
    """
    table, _ = character_tables()
    if name in SCRIPTS:
        found = np.zeros(len(table), np.bool_)
        for first, last in SCRIPTS[name]:
            found[first : last + 1] = True
        found[0xD800:0xE000] = False
        return found
    if name == "Cc":
        wanted = [_CATEGORIES.index("Cc"), _CATEGORIES.index("CcSpace")]
    else:
        wanted = [
            i for i, one in enumerate(_CATEGORIES) if one == name or (len(name) == 1 and one[0] == name)
        ]
    if not wanted:
        raise UnsupportedError(f"regex with \\p{{{name}}}")
    return np.isin(table, wanted)


@cache
def _shorthand(letter: str) -> Characters:
    if letter == "s":
        table, _ = character_tables()
        return np.isin(table, [_CATEGORIES.index(name) for name in ("Zl", "Zp", "Zs", "CcSpace")])
    if letter == "d":
        return category_named("Nd")
    # \w: that of Rust's regexes, but for the superscripts and fractions of Latin-1, and the joiners.
    _, traits = character_tables()
    word: Characters = (traits >> 1 & 1) == 1
    return (word | just("\u00b2\u00b3\u00b9\u00bc\u00bd\u00be")) & ~just("\u200c\u200d")


def just(text: str) -> Characters:
    """The set of some characters."""
    found = np.zeros(0x110000, np.bool_)
    found[[ord(character) for character in text]] = True
    return found


def parse(pattern: str) -> Node:
    """The tree of a regex.

    Raises:
        UnsupportedError: it holds something that is not known here, or that would need a way back.
    """
    parser = _Parser(pattern)
    tree = parser.choice(False)
    if parser.at < len(pattern):
        raise UnsupportedError(f"regex {pattern!r}: unmatched )")
    return tree


class _Parser:
    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0

    def refuse(self, what: str) -> UnsupportedError:
        return UnsupportedError(f"regex {self.pattern!r}: {what} at {self.at} has no native form")

    def peek(self, text: str) -> bool:
        return self.pattern.startswith(text, self.at)

    def take(self, text: str) -> bool:
        if not self.peek(text):
            return False
        self.at += len(text)
        return True

    def next(self) -> str:
        if self.at >= len(self.pattern):
            raise self.refuse("the end")
        self.at += 1
        return self.pattern[self.at - 1]

    def choice(self, folds: bool) -> Node:
        ways = [self.row(folds)]
        while self.take("|"):
            ways.append(self.row(folds))
        return ways[0] if len(ways) == 1 else Choice(tuple(ways))

    def row(self, folds: bool) -> Node:
        parts: list[Node] = []
        letters = ""  # those just before, of a part without regard to case
        while self.at < len(self.pattern) and not self.peek("|") and not self.peek(")"):
            begin = self.at
            part = self.part(folds)
            written = self.pattern[begin : self.at]
            letters = letters + written.lower() if written.isalpha() else ""
            if folds and any(pair in letters for pair in _LIGATURES):
                raise self.refuse("letters that a ligature stands for")
            parts.append(part)
        return parts[0] if len(parts) == 1 else Row(tuple(parts))

    def part(self, folds: bool) -> Node:
        atom = self.atom(folds)
        while True:
            bounds = self.quantifier()
            if bounds is None:
                return atom
            least, most, can_be_possessive = bounds
            if self.take("?"):
                raise self.refuse("a lazy quantifier")
            possessive = can_be_possessive and self.take("+")
            if isinstance(atom, Ahead):
                raise self.refuse("a quantifier of what looks ahead")
            atom = self.repeated(atom, least, most, possessive)

    def repeated(self, atom: Node, least: int, most: int | None, possessive: bool) -> Node:
        if possessive and not isinstance(atom, One):
            raise self.refuse("a possessive quantifier of more than one character")
        if most is None:
            if _may_be_empty(atom):
                raise self.refuse("a loop over nothing")
            tail: Node = Loop(atom)
        else:
            tail = EMPTY
            for _ in range(most - least):
                tail = Choice((Row((atom, tail)), EMPTY))
        if possessive and isinstance(atom, One):
            # Nothing is given back: as many as possible means that no more of them follow.
            behind = Ahead(~atom.characters, True)
            tail = Row((tail, behind)) if most is None else Choice((atom, behind))
        return Row((*[atom] * least, tail))

    def quantifier(self) -> tuple[int, int | None, bool] | None:
        """(least, most, whether a + behind it makes it possessive)"""
        for sign, bounds in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self.take(sign):
                return (*bounds, True)
        if not self.peek("{"):
            return None
        end = self.pattern.find("}", self.at)
        first, comma, last = self.pattern[self.at + 1 : end].partition(",")
        if end < 0 or not first.isdecimal() or not (last.isdecimal() or last == ""):
            raise self.refuse("a brace")
        least = int(first)
        most = None if comma and not last else int(last or first)
        if max(least, most or 0) > _MOST_REPEATS or (most is not None and most < least):
            raise self.refuse("a count")
        self.at = end + 1
        if not comma and self.peek("?"):
            raise self.refuse("{n}?")
        return least, most, False

    def atom(self, folds: bool) -> Node:
        if self.take("("):
            return self.group(folds)
        if self.take("["):
            return One(self.brackets(folds))
        if self.take("\\"):
            return self.escape()
        if self.peek("^") or self.peek("$") or self.peek("*") or self.peek("+") or self.peek("?"):
            raise self.refuse(f"{self.pattern[self.at]!r}")
        character = self.next()
        if character == ".":
            return One(~just("\n"))
        return One(self.letter(character, folds))

    def letter(self, character: str, folds: bool) -> Characters:
        if not folds or not character.isalpha():
            return just(character)
        if not character.isascii():
            raise self.refuse("a letter without regard to case")
        lower = character.lower()
        return just(lower + lower.upper() + _FOLDED.get(lower, ""))

    def group(self, folds: bool) -> Node:
        if self.take("?:"):
            tree = self.choice(folds)
        elif self.take("?i:"):
            tree = self.choice(True)
        elif self.take("?-i:"):
            tree = self.choice(False)
        elif self.take("?=") or self.take("?!"):
            negated = self.pattern[self.at - 1] == "!"
            inner = self.choice(folds)
            if not isinstance(inner, One):
                raise self.refuse("looking ahead further than one character")
            tree = Ahead(~inner.characters if negated else inner.characters, negated)
        elif self.peek("?"):
            raise self.refuse("a group")
        else:
            tree = self.choice(folds)
        if not self.take(")"):
            raise self.refuse("an open group")
        return tree

    def escape(self) -> Node:
        if self.take("z"):
            return Ahead(np.zeros(0x110000, np.bool_), True)
        return One(self.escaped())

    def escaped(self) -> Characters:
        """What follows a backslash, where one character is meant."""
        letter = self.next()
        if letter in "sdw":
            return _shorthand(letter)
        if letter in "SDW":
            return ~_shorthand(letter.lower())
        if letter in "pP":
            return self.property(letter == "P")
        if letter in _ESCAPES:
            return just(_ESCAPES[letter])
        if letter == "x" and self.take("{"):
            return just(self.code_point("}"))
        if letter == "x" or letter == "u":
            digits = self.pattern[self.at : self.at + (2 if letter == "x" else 4)]
            self.at += len(digits)
            return just(self.hexadecimal(digits, 0x80 if letter == "x" else 0x10000))
        if letter.isalnum():
            raise self.refuse(f"\\{letter}")
        return just(letter)

    def code_point(self, closing: str) -> str:
        end = self.pattern.find(closing, self.at)
        digits = self.pattern[self.at : max(end, self.at)]
        self.at = end + 1
        return self.hexadecimal(digits, 0x110000)

    def hexadecimal(self, digits: str, bound: int) -> str:
        try:
            value = int(digits, 16)
        except ValueError:
            raise self.refuse("a code point") from None
        if not value < bound or 0xD800 <= value < 0xE000:
            raise self.refuse("a code point")
        return chr(value)

    def property(self, negated: bool) -> Characters:
        if not self.take("{"):
            name = self.next()
        else:
            end = self.pattern.find("}", self.at)
            name = self.pattern[self.at : max(end, self.at)]
            self.at = end + 1
        if name.startswith("^"):
            name, negated = name[1:], not negated
        found = category_named(name)
        return ~found if negated else found

    def brackets(self, folds: bool) -> Characters:
        """The set behind a [, with its ranges, sets within it and &&."""
        if folds:
            raise self.refuse("a set without regard to case")
        negated = self.take("^")
        whole: Characters | None = None
        found = np.zeros(0x110000, np.bool_)
        first = True
        while first or not self.peek("]"):
            first = False
            if self.take("&&"):
                whole = found if whole is None else whole & found
                found = np.zeros(0x110000, np.bool_)
                continue
            found = found | self.member()
        self.at += 1
        whole = found if whole is None else whole & found
        return ~whole if negated else whole

    def member(self) -> Characters:
        if self.peek("[:"):
            raise self.refuse("a POSIX class")
        if self.take("["):
            return self.brackets(False)
        begin = self.at
        one = self.escaped() if self.take("\\") else just(self.next())
        if not (self.peek("-") and not self.peek("-]")):
            return one
        if self.pattern[begin : begin + 1] == "\\" and self.pattern[begin + 1] in "sSdDwWpP":
            raise self.refuse("a range that begins with a set")
        self.at += 1
        if self.peek("["):
            raise self.refuse("a range that ends with a set")
        if self.take("\\"):
            if self.pattern[self.at : self.at + 1] in tuple("sSdDwWpP"):
                raise self.refuse("a range that ends with a set")
            last = self.escaped()
        else:
            last = just(self.next())
        low, high = int(np.flatnonzero(one)[0]), int(np.flatnonzero(last)[0])
        if high < low:
            raise self.refuse("a range from high to low")
        found = np.zeros(0x110000, np.bool_)
        found[low : high + 1] = True
        found[0xD800:0xE000] = False
        return found


def _may_be_empty(node: Node) -> bool:
    if isinstance(node, One):
        return False
    if isinstance(node, Row):
        return all(map(_may_be_empty, node.parts))
    if isinstance(node, Choice):
        return any(map(_may_be_empty, node.ways))
    return True
