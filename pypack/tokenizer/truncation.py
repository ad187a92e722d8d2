"""Cutting a text, or the two of a pair, so that they come to a length together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pypack.tokenizer.encoded_text import EncodedText, Side

Strategy = Literal["longest_first", "only_first", "only_second"]


@dataclass(frozen=True)
class Truncation:
    """To how many ids, those of the template included; see `Tokenizer.__call__`."""

    max_length: int
    strategy: Strategy = "longest_first"
    stride: int = 0
    side: Side = "right"

    def cut(self, texts: list[EncodedText], num_added: int) -> list[EncodedText]:
        """One text or two, where a template adds so many ids.

        Raises:
            ValueError: the one to cut is not there, or too short; stride leaves no room.
        """
        room = max(0, self.max_length - num_added)
        lengths = [len(text.ids) for text in texts]
        if room == 0:
            return self._cut_to(texts, [0] * len(texts))
        too_many = sum(lengths) - room
        if too_many <= 0:
            return texts
        if self.strategy == "longest_first":
            wanted = [room] if len(texts) == 1 else list(_shares(lengths[0], lengths[1], room))
            return self._cut_to(texts, wanted)
        target = 0 if self.strategy == "only_first" else 1
        if target >= len(texts):
            raise ValueError("truncation='only_second' needs text_pair")
        if lengths[target] <= too_many:
            raise ValueError(
                f"truncation={self.strategy!r}: {too_many} ids are too many for max_length "
                f"{self.max_length}, and the text to cut has {lengths[target]}"
            )
        wanted = list(lengths)
        wanted[target] -= too_many
        return self._cut_to(texts, wanted)

    def _cut_to(self, texts: list[EncodedText], lengths: list[int]) -> list[EncodedText]:
        return [text.cut(length, self.stride, self.side) for text, length in zip(texts, lengths, strict=True)]


def _shares(first: int, second: int, room: int) -> tuple[int, int]:
    """Of two lengths that exceed `room` together, what is left: the longer one is cut first."""
    short, long = sorted((first, second))
    long = short if short > room else max(short, room - short)
    if short + long > room:
        short = room // 2
        long = short + room % 2
    return (long, short) if first > second else (short, long)
