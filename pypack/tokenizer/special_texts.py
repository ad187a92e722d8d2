"""Where texts spell special tokens, for the engine that cannot tell itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from pypack.tokenizer.added_token import AddedToken


class SpecialTexts:
    """Finds what would be special tokens: added tokens from left to right, the longest at each place.

    Args:
        tokens: the added tokens.
        normalize: what is done to a text before those that are normalized are looked for.
    """

    def __init__(self, tokens: Sequence[AddedToken], normalize: Callable[[str], str] | None) -> None:
        self._normalize = normalize
        raw = [token for token in tokens if not token.normalized]
        normalized = [token for token in tokens if token.normalized]
        self._special = {token.content for token in raw if token.special}
        self._normal_special = {self._normal(token.content) for token in normalized if token.special}
        self._raw = _any_of(token.content for token in raw)
        self._normalized = _any_of(self._normal(token.content) for token in normalized)

    def _normal(self, text: str) -> str:
        return text if self._normalize is None else self._normalize(text)

    def _spans(self, text: str) -> Iterator[tuple[int, int]]:
        for match in self._raw.finditer(text):
            if match[0] in self._special:
                yield match.span()

    def _count(self, text: str) -> int:
        found = sum(1 for _ in self._spans(text))
        if self._normal_special:
            normal = self._normal(text)
            found += sum(match[0] in self._normal_special for match in self._normalized.finditer(normal))
        return found

    def documents(self, texts: Sequence[str]) -> NDArray[np.uint32]:
        """The numbers of the texts that spell one, each as often as it does."""
        counts = np.fromiter(map(self._count, texts), np.int64, len(texts))
        return np.repeat(np.arange(len(texts), dtype=np.uint32), counts)

    def lie_in(self, text: str, parts: Sequence[Sequence[int]]) -> bool:
        """Whether all of a text lie within parts of it, each (begin, end) in characters.

        Where some are looked for in the normalized text, no place can be told: False then, unless one part is
        the whole.
        """
        if any(begin == 0 and end >= len(text) for begin, end in parts):
            return True
        if self._normal_special:
            return False
        return all(any(a <= begin and end <= b for a, b in parts) for begin, end in self._spans(text))


def _any_of(texts: Iterable[str]) -> re.Pattern[str]:
    """Matches the longest of some texts."""
    longest_first = sorted((text for text in texts if text), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first)) or "(?!)")
