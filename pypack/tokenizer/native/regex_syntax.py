"""Regexes of tokenizers, as far as they need no way back: parsed into a tree.

The syntax is that of Oniguruma, which `tokenizers` uses; what is not known here is refused, never guessed.
"""

from __future__ import annotations

from pypack.tokenizer.native.character_sets import Characters, just, nothing, shorthand
from pypack.tokenizer.native.regex_sets import SetParser, same_but_for_case
from pypack.tokenizer.native.regex_tree import (
    EMPTY,
    Ahead,
    BackReference,
    Behind,
    Choice,
    Group,
    Look,
    Loop,
    Node,
    One,
    Row,
    holds,
    may_be_empty,
    takes_nothing,
    without_groups,
)
from pypack.tokenizer.native.unsupported import UnsupportedError

_MOST_REPEATS = 512
_MOST_WAYS = 64  # that a quantifier leaves open
# Of ASCII letters one after the other, without regard to case, one character may stand for both.
_LIGATURES = ("ss", "st", "ff", "fi", "fl")


def parse(pattern: str) -> Node:
    """The tree of a regex.

    Raises:
        UnsupportedError: it holds something that is not known here, or that would need a way back.
    """
    parser = _Parser(pattern)
    tree = parser.choice(False)
    if parser.at < len(pattern):
        raise UnsupportedError(f"regex {pattern!r}: unmatched )")
    tree = without_groups(tree)
    if holds(tree, BackReference):
        raise parser.refuse("a back reference to more than one character")
    return tree


class _Parser(SetParser):
    """The rest of the grammar. `folds`: without regard to case."""

    def __init__(self, pattern: str) -> None:
        super().__init__(pattern)
        self.groups = 0

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
            # {n}? is no lazy one: it makes what is repeated optional.
            lazy = least != most and self.take("?")
            possessive = can_be_possessive and not lazy and self.take("+")
            if takes_nothing(atom):
                raise self.refuse("a quantifier of what takes no character")
            atom = self.repeated(atom, least, most, possessive=possessive, lazy=lazy)

    def repeated(self, atom: Node, least: int, most: int | None, *, possessive: bool, lazy: bool) -> Node:
        if possessive and not isinstance(atom, One):
            raise self.refuse("a possessive quantifier of more than one character")
        if most is None:
            if may_be_empty(atom):
                raise self.refuse("a loop over nothing")
            tail: Node = Loop(atom, lazy)
        else:
            tail = EMPTY
            for _ in range(most - least):
                ways = (Row((atom, tail)), EMPTY)
                tail = Choice(ways[::-1] if lazy else ways)
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
        if least > _MOST_REPEATS or (most is not None and not least <= most <= least + _MOST_WAYS):
            raise self.refuse("a count")
        self.at = end + 1
        return least, most, False

    def atom(self, folds: bool) -> Node:
        if self.take("("):
            return self.group(folds)
        if self.take("["):
            return One(self.brackets(folds))
        if self.take("\\"):
            return self.escape()
        if self.take("^"):
            return _line_start()
        if self.take("$"):
            return _line_end()
        if self.peek("*") or self.peek("+") or self.peek("?"):
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
        return just(same_but_for_case(character))

    def group(self, folds: bool) -> Node:
        if self.take("?:"):
            tree = self.choice(folds)
        elif self.take("?i:"):
            tree = self.choice(True)
        elif self.take("?-i:"):
            tree = self.choice(False)
        elif self.take("?=") or self.take("?!"):
            negated = self.pattern[self.at - 1] == "!"
            tree = self.look_ahead(self.choice(folds), negated)
        elif self.take("?<=") or self.take("?<!"):
            negated = self.pattern[self.at - 1] == "!"
            inner = self.choice(folds)
            if not isinstance(inner, One):
                raise self.refuse("looking back further than one character")
            tree = Behind(~inner.characters if negated else inner.characters, negated)
        elif self.peek("?"):
            raise self.refuse(f"the group ({self.pattern[self.at : self.at + 2]}")
        else:
            self.groups += 1
            number = self.groups
            tree = Group(number, self.choice(folds))
        if not self.take(")"):
            raise self.refuse("an open group")
        return tree

    def look_ahead(self, inner: Node, negated: bool) -> Node:
        if isinstance(inner, One):
            return Ahead(~inner.characters if negated else inner.characters, negated)
        inner = without_groups(inner)
        if holds(inner, (Look, BackReference)):
            raise self.refuse("looking ahead while looking ahead")
        return Look(inner, negated)

    def escape(self) -> Node:
        if self.take("z"):
            return Ahead(nothing(), True)
        if self.take("A"):
            return Behind(nothing(), True)
        if self.take("b"):
            return _word_boundary(True)
        if self.take("B"):
            return _word_boundary(False)
        digit = self.pattern[self.at : self.at + 1]
        if digit in tuple("123456789") and not self.pattern[self.at + 1 : self.at + 2].isdecimal():
            self.at += 1
            return BackReference(int(digit))
        return One(self.escaped())


def _line_start() -> Node:
    """`^`: where the text begins, and behind a line break that does not end it."""
    return Choice((Behind(nothing(), True), Row((Behind(just("\n"), False), Ahead(~nothing(), False)))))


def _line_end() -> Node:
    """`$`: before a line break, and where the text ends."""
    return Ahead(just("\n"), True)


def _word_boundary(wanted: bool) -> Node:
    word = shorthand("w")
    before, after = Behind(word, False), Ahead(word, False)
    not_before, not_after = Behind(~word, True), Ahead(~word, True)
    if wanted:
        return Choice((Row((before, not_after)), Row((not_before, after))))
    return Choice((Row((before, after)), Row((not_before, not_after))))
