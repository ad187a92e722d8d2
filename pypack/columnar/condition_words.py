"""The words of a condition: names, values and signs, each with its place in the text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

_LONGEST = 20_000  # characters
_SIGN_WORDS = frozenset({"and", "or", "not", "in", "is", "null", "true", "false"})
_WORD = re.compile(
    r"""\s*(?:
      (?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))
    | (?P<name>[^\W\d][\w.]*)
    | `(?P<quoted>[^`]+)`
    | (?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
    | (?P<sign>==|!=|<=|>=|[<>()\[\],+*/-])
    )""",
    re.VERBOSE | re.DOTALL,
)


class ExpressionError(ValueError):
    """A condition that cannot be read, or that cannot be asked of the columns there are."""


@dataclass(frozen=True)
class Word:
    """One word.

    Attributes:
        kind: "name", "number", "text", "sign" or "end".
        text: as it stands; of a name without its quotes.
        place: where it begins, in characters.
        value: of a number or a text.
        quoted: whether a name stood in backquotes.
    """

    kind: str
    text: str
    place: int
    value: Any = None
    quoted: bool = False


def words_of(text: str) -> list[Word]:
    """The words of a text, and one that is its end.

    Raises:
        ExpressionError: something in it is no word.
    """
    if len(text) > _LONGEST:
        raise ExpressionError(f"a condition of {len(text)} characters; it may have {_LONGEST}")
    words: list[Word] = []
    at = 0
    stop = len(text.rstrip())
    while at < stop:
        match = _WORD.match(text, at)
        if match is None:
            raise ExpressionError(_no_word(text, at + len(text[at:]) - len(text[at:].lstrip())))
        words.append(_word(match, text))
        at = match.end()
    words.append(Word("end", "", len(text)))
    return words


def _word(match: re.Match[str], text: str) -> Word:
    kind = str(match.lastgroup)
    found = match.group(kind)
    place = match.start(kind)
    if kind == "number":
        is_whole = found.isdecimal() and found.isascii()
        value = int(found) if is_whole and len(found) < 19 else float(found)
        return Word(kind, found, place, value)
    if kind == "text":
        return Word(kind, found, place, re.sub(r"\\(.)", r"\1", found[1:-1], flags=re.DOTALL))
    if kind == "quoted":
        return Word("name", found, place, quoted=True)
    if kind == "name" and found.lower() in _SIGN_WORDS:
        return Word("sign", found.lower(), place)
    return Word(kind, found, place)


def _no_word(text: str, place: int) -> str:
    found = text[place]
    advice = {
        "=": "equality is written ==",
        "&": "write 'and'",
        "|": "write 'or'",
        "!": "write 'not', or != for unequal",
        "'": "the text has no end",
        '"': "the text has no end",
        "`": "the name has no end",
    }.get(found, "names of columns with other characters stand in backquotes")
    return f"{text!r}: at character {place + 1}: {found!r} is no part of a condition: {advice}"
