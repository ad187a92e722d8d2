"""Characters and sets of characters in the regexes of `tokenizers`."""

from __future__ import annotations

import numpy as np

from pypack.tokenizer.native.character_sets import Characters, category_named, just, nothing, shorthand
from pypack.tokenizer.native.unsupported import UnsupportedError

_ESCAPES = {"r": "\r", "n": "\n", "t": "\t", "f": "\f", "v": "\v", "a": "\a", "e": "\x1b"}

_FOLDED = {"s": "\u017f", "k": "\u212a"}


def same_but_for_case(letter: str) -> str:
    """The characters that an ASCII letter stands for where its case does not matter."""
    lower = letter.lower()
    return lower + lower.upper() + _FOLDED.get(lower, "")


class SetParser:
    """Reads characters and sets of them, from place `at` of a pattern on.

    All of it raises UnsupportedError for what is not known here.
    """

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0

    def refuse(self, what: str) -> UnsupportedError:
        """What to raise for something that is not taken."""
        return UnsupportedError(f"regex {self.pattern!r}: {what} at {self.at} has no native form")

    def peek(self, text: str) -> bool:
        """Whether the pattern goes on with a text."""
        return self.pattern.startswith(text, self.at)

    def take(self, text: str) -> bool:
        """The same; then it is passed over."""
        if not self.peek(text):
            return False
        self.at += len(text)
        return True

    def next(self) -> str:
        """The next character, which is passed over."""
        if self.at >= len(self.pattern):
            raise self.refuse("the end")
        self.at += 1
        return self.pattern[self.at - 1]

    def escaped(self) -> Characters:
        """What follows a backslash, where one character is meant."""
        letter = self.next()
        if letter in "sdw":
            return shorthand(letter)
        if letter in "SDW":
            return ~shorthand(letter.lower())
        if letter in "pP":
            return self._property(letter == "P")
        if letter in _ESCAPES:
            return just(_ESCAPES[letter])
        if letter == "x" and self.take("{"):
            return just(self._code_point("}"))
        if letter == "x" or letter == "u":
            digits = self.pattern[self.at : self.at + (2 if letter == "x" else 4)]
            self.at += len(digits)
            return just(self._hexadecimal(digits, 0x80 if letter == "x" else 0x10000))
        if letter.isalnum():
            raise self.refuse(f"\\{letter}")
        return just(letter)

    def _code_point(self, closing: str) -> str:
        end = self.pattern.find(closing, self.at)
        digits = self.pattern[self.at : max(end, self.at)]
        self.at = end + 1
        return self._hexadecimal(digits, 0x110000)

    def _hexadecimal(self, digits: str, bound: int) -> str:
        try:
            value = int(digits, 16)
        except ValueError:
            raise self.refuse("a code point") from None
        if not value < bound or 0xD800 <= value < 0xE000:
            raise self.refuse("a code point")
        return chr(value)

    def _property(self, negated: bool) -> Characters:
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
        negated = self.take("^")
        begin = self.at
        whole: Characters | None = None
        found = nothing()
        first = True
        while first or not self.peek("]"):
            first = False
            if self.take("&&"):
                whole = found if whole is None else whole & found
                found = nothing()
                continue
            found = found | self._member()
        if folds:
            found = self._folded(found, self.pattern[begin : self.at])
        self.at += 1
        whole = found if whole is None else whole & found
        return ~whole if negated else whole

    def _folded(self, found: Characters, written: str) -> Characters:
        """A set without regard to case, of ASCII characters, blanks and digits. (Of others some stand for
        several; and a set of one letter is one with those beside it, for which a ligature may stand.)"""
        others = found & ~shorthand("s") & ~shorthand("d")
        letters = [chr(i) for i in np.flatnonzero(others[:0x80]) if chr(i).isalpha()]
        if others[0x80:].any() or "&&" in written or "[" in written or (len(letters) == 1 == found.sum()):
            raise self.refuse("a set without regard to case")
        return found | just("".join(same_but_for_case(letter) for letter in letters))

    def _member(self) -> Characters:
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
        found = nothing()
        found[low : high + 1] = True
        found[0xD800:0xE000] = False
        return found
