"""Content that spells a special token: where it went in the rendered text.

A special token in a rendered conversation is a token where the template wrote it, and plain text where the
conversation brought it. Most conversations bring none. Where one does, it is rendered a second time with
private characters in the place of what it spells: as many, so that every place in the text stays the same.
If what comes out is the same text but for these characters, they tell what came from the conversation; if it
is not, the template has made something of that content, and nobody can tell.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pypack.records.errors import RecordError
from pypack.records.rendered import Spans

# A plane of Unicode that no text uses; each character stands for one of a special token.
_FIRST_PRIVATE = 0xF0000
_LAST_PRIVATE = 0xFFFFD
_PRIVATE = re.compile(f"[{chr(_FIRST_PRIVATE)}-{chr(_LAST_PRIVATE)}]+")
# Names whose values templates compare and build tokens from, where they are plain words.
_WORDS = re.compile(r"[\w ./:-]*")
_WORD_KEYS = frozenset({"role", "type", "name"})
_SHORT = 32  # characters of a word that is remembered
_MOST_KNOWN = 4096


class LookAlikes:
    """Finds text that spells a special token, whole or, at its ends, in part.

    Args:
        tokens: the special tokens' texts.
    """

    def __init__(self, tokens: Sequence[str]) -> None:
        self._tokens = [token for token in tokens if token.strip()]
        longest_first = sorted(self._tokens, key=len, reverse=True)
        # Whatever the case: a template may change it.
        self._whole = re.compile("|".join(map(re.escape, longest_first)) or "(?!)", re.IGNORECASE)
        self._exact = re.compile("|".join(map(re.escape, longest_first)) or "(?!)")
        # What to look for first, which is quick; texts hold none of it, mostly.
        pairs = {token[:2].lower() for token in self._tokens}
        self._signs = sorted(pairs if len(pairs) <= 16 else {token[:1].lower() for token in self._tokens})
        self._has_case = any(sign != sign.upper() for sign in self._signs)
        heads = {token[:n].lower() for token in self._tokens for n in range(1, len(token))}
        tails = {token[n:].lower() for token in self._tokens for n in range(1, len(token))}
        self._heads, self._tails = heads, tails
        self._heads_by_last = _grouped(heads, -1)
        self._tails_by_first = _grouped(tails, 0)
        self._words: dict[str, bool] = {}  # short texts that were looked at, as words
        self._longest = max((len(token) for token in self._tokens), default=0)
        self._joined = "\0".join(self._tokens).lower()

    def in_text(self, text: str, is_word: bool = False) -> Spans:
        """Spans of a string that spell a special token, or a part of one that could be made whole.

        Args:
            is_word: a role or the like: parts are none, if it is a plain word.
        """
        spans: Spans = []
        if self._may_hold(text):
            spans = [match.span() for match in self._whole.finditer(text)]
        if is_word and _WORDS.fullmatch(text):
            return spans
        if self._may_end(text):
            spans += self._ends(text, text.strip().lower())
        return _merged(spans) if len(spans) > 1 else spans

    def are_in(self, value: Any, is_word: bool = False) -> bool:
        """Whether `in_text` finds any in the strings of a value; quick where it does not."""
        if type(value) is str:
            if is_word and len(value) <= _SHORT:
                known = self._words.get(value)
                if known is None:
                    known = bool(self.in_text(value, True))
                    if len(self._words) < _MOST_KNOWN:
                        self._words[value] = known
                return known
            if not (self._may_hold(value) or self._may_end(value)):
                return False
            return bool(self.in_text(value, is_word))
        if isinstance(value, dict):
            return any(self.are_in(item, key in _WORD_KEYS) for key, item in value.items())
        if isinstance(value, list | tuple):
            return any(map(self.are_in, value))
        return False

    def _may_end(self, text: str) -> bool:
        """Whether a text begins with the end of a token, or ends with the beginning of one, space aside."""
        stripped = text.strip()
        if not stripped:
            return False
        heads = self._heads_by_last.get(stripped[-1].lower())
        if heads is not None and stripped[-self._longest :].lower().endswith(heads):
            return True
        tails = self._tails_by_first.get(stripped[0].lower())
        if tails is not None and stripped[: self._longest].lower().startswith(tails):
            return True
        return len(stripped) < self._longest and stripped.lower() in self._joined

    def _ends(self, text: str, stripped: str) -> Iterator[tuple[int, int]]:
        begin = len(text) - len(text.lstrip())
        end = begin + len(stripped)
        if len(stripped) < self._longest and stripped in self._joined:
            yield begin, end
            return
        for size in range(min(self._longest, len(stripped) + 1) - 1, 0, -1):
            if stripped[-size:] in self._heads:
                yield end - size, end
                break
        for size in range(min(self._longest, len(stripped) + 1) - 1, 0, -1):
            if stripped[:size] in self._tails:
                yield begin, begin + size
                break

    def _may_hold(self, text: str) -> bool:
        if self._has_case:
            text = text.lower()
        for sign in self._signs:  # noqa: SIM110  # a generator takes three times as long
            if sign in text:
                return True
        return False

    def is_met(self, text: str, span: tuple[int, int]) -> bool:
        """Whether a special token stands in a rendered text that takes in a character of a span."""
        for at in range(max(0, span[0] - self._longest + 1), span[1]):
            found = self._exact.match(text, at)
            if found is not None and found.end() > span[0]:
                return True
        return False

    def count(self, text: str, spans: Spans) -> int:
        """How many special tokens stand in spans of a rendered text."""
        return sum(len(self._exact.findall(text[begin:end])) for begin, end in spans)

    def spelled_in(self, text: str) -> bool:
        """Whether a rendered text spells any special token."""
        return self._may_hold(text) and self._whole.search(text) is not None


class Disguise:
    """Values in which what spells a special token is replaced by private characters."""

    def __init__(self, look_alikes: LookAlikes) -> None:
        self._look_alikes = look_alikes
        self._characters: dict[str, str] = {}  # private to real
        self._private: dict[str, str] = {}

    def of(self, value: Any, is_word: bool = False) -> Any:
        """A value of plain data, disguised; keys of objects stay."""
        if type(value) is str:
            return self._text(value, is_word)
        if isinstance(value, dict):
            return {key: self.of(item, key in _WORD_KEYS) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.of(item) for item in value]
        return value

    def _text(self, text: str, is_word: bool) -> str:
        spans = self._look_alikes.in_text(text, is_word)
        if not spans:
            return text
        parts, at = [], 0
        for begin, end in spans:
            parts += [text[at:begin], "".join(map(self._private_of, text[begin:end]))]
            at = end
        return "".join([*parts, text[at:]])

    def _private_of(self, character: str) -> str:
        found = self._private.get(character)
        if found is None:
            if len(self._private) > _LAST_PRIVATE - _FIRST_PRIVATE:
                raise RecordError("origin_unknown", "its content spells special tokens in too many ways")
            found = self._private[character] = chr(_FIRST_PRIVATE + len(self._private))
            self._characters[found] = character
        return found

    def undone(self, text: str) -> tuple[str, Spans]:
        """The text with the real characters, and the spans in which they were private."""
        spans = [match.span() for match in _PRIVATE.finditer(text)]
        return text.translate({ord(key): value for key, value in self._characters.items()}), spans


def content_spans(
    text: str, values: dict[str, Any], look_alikes: LookAlikes, render: Callable[[dict[str, Any]], str]
) -> Spans:
    """Which spans of a rendered text came from the values, as far as they spell special tokens.

    Args:
        values: what the conversation brings, by the template's name for it.
        render: what rendered `text`, of any such values.

    Raises:
        RecordError: it cannot be told.
    """
    if not look_alikes.spelled_in(text):
        return []
    if not look_alikes.are_in(values):
        return []
    disguise = Disguise(look_alikes)
    disguised = {name: disguise.of(value) for name, value in values.items()}
    if _PRIVATE.search(text):
        raise RecordError(
            "origin_unknown",
            "its content spells a special token and holds characters of the private plane U+F0000",
        )
    found, spans = disguise.undone(render(disguised))
    if found != text:
        raise RecordError(
            "origin_unknown",
            "its content spells a special token, and the template changes that content, so that nobody can "
            "tell "
            "which special tokens are the template's: take it out, or read special tokens in content as such "
            "with parse_special_tokens",
        )
    return [span for span in spans if look_alikes.is_met(text, span)]


def _grouped(texts: set[str], at: int) -> dict[str, tuple[str, ...]]:
    """Texts by their first or last character."""
    groups: dict[str, list[str]] = {}
    for text in texts:
        groups.setdefault(text[at], []).append(text)
    return {character: tuple(group) for character, group in groups.items()}


def _merged(spans: Spans) -> Spans:
    merged: Spans = []
    for begin, end in sorted(spans):
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return merged
