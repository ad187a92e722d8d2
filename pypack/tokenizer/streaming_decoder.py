"""Ids to text while they come."""

from __future__ import annotations

from collections.abc import Callable, Iterable


class StreamingDecoder:
    """Text of ids that come one after the other: what is given out is never half a character.

    The parts together are the text of all ids. Made by `Tokenizer.decoder`.
    """

    def __init__(self, decode: Callable[[list[int]], str]) -> None:
        self._decode = decode
        self._ids: list[int] = []  # from the last ids given out on, which say what stands before the next
        self._given = 0  # of them, those whose text has been given out

    def feed(self, ids: int | Iterable[int]) -> str:
        """Takes ids; gives the text that is whole by now, which may be empty."""
        self._ids.extend([int(ids)] if isinstance(ids, int) else map(int, ids))
        before = self._decode(self._ids[: self._given])
        text = self._decode(self._ids)
        if text.endswith("\ufffd") or len(text) <= len(before):
            return ""
        self._ids, self._given = self._ids[self._given :], len(self._ids) - self._given
        return text[len(before) :]

    def finish(self) -> str:
        """The rest, where the ids end within a character; the decoder is as new then."""
        before, text = self._decode(self._ids[: self._given]), self._decode(self._ids)
        self._ids, self._given = [], 0
        return text[len(before) :]
