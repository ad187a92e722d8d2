"""Ids of one text or two, with what each of them is; cut to a length in overlapping pieces."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

Side = Literal["right", "left"]


@dataclass(frozen=True)
class EncodedText:
    """Ids and, for each, what it stands for.

    Attributes:
        type_ids: the number that a template gives the part that the id belongs to.
        offsets: of the text (or, of texts split into words, of its word); (0, 0) for ids of the template.
        words: the number of the word, where the text came in words; None for ids of the template.
        sequences: 0 for the text, 1 for the second of a pair; None for ids of the template.
        offsets_if_first: the same for where a piece begins with the id; empty where that is the same.
        overflowing: the other pieces of a text that was cut, as `tokenizers` orders them.
    """

    ids: list[int] = field(default_factory=list)
    type_ids: list[int] = field(default_factory=list)
    offsets: list[tuple[int, int]] = field(default_factory=list)
    words: list[int | None] = field(default_factory=list)
    sequences: list[int | None] = field(default_factory=list)
    offsets_if_first: list[tuple[int, int]] = field(default_factory=list)
    overflowing: tuple[EncodedText, ...] = ()

    @classmethod
    def special(cls, ids: list[int], type_id: int) -> EncodedText:
        """Ids of a template."""
        count = len(ids)
        return cls(list(ids), [type_id] * count, [(0, 0)] * count, [None] * count, [None] * count)

    def with_type(self, type_id: int, *, everywhere: bool = False) -> EncodedText:
        """The same of another type; everywhere: its other pieces, too."""
        overflowing = (
            tuple(one.with_type(type_id) for one in self.overflowing) if everywhere else self.overflowing
        )
        return replace(self, type_ids=[type_id] * len(self.ids), overflowing=overflowing)

    def followed_by(self, other: EncodedText) -> EncodedText:
        """Both; the pieces of each with those of the other, in the order of `tokenizers`."""
        overflowing = []
        for piece in self.overflowing:
            overflowing += [piece._joined(one) for one in (other, *other.overflowing)]
        overflowing += [self._joined(one) for one in other.overflowing]
        return replace(self._joined(other), overflowing=tuple(overflowing))

    def between(self, before: EncodedText, behind: EncodedText) -> EncodedText:
        """All pieces between two others."""
        overflowing = tuple(before._joined(one)._joined(behind) for one in self.overflowing)
        return replace(before._joined(self)._joined(behind), overflowing=overflowing)

    def cut(self, length: int, stride: int, side: Side) -> EncodedText:
        """The first piece of at most `length` ids (from `side`: the others are cut off there).

        stride: how many ids of a piece are those of the piece before it, too.

        Raises:
            ValueError: stride is not less than length.
        """
        count = len(self.ids)
        if length >= count:
            return self
        if length == 0:
            return EncodedText(overflowing=(replace(self, overflowing=()),))
        if stride >= length:
            raise ValueError(
                f"stride must be less than the length of a piece, got {stride} and {length} (what max_length "
                "leaves beside the template's ids)"
            )
        places = _places(count, length, length - stride, side)
        first, *others = [self._slice(begin, end) for begin, end in places]
        return replace(first, overflowing=tuple(others))

    def _joined(self, other: EncodedText) -> EncodedText:
        return EncodedText(
            self.ids + other.ids,
            self.type_ids + other.type_ids,
            self.offsets + other.offsets,
            self.words + other.words,
            self.sequences + other.sequences,
        )

    def _slice(self, begin: int, end: int) -> EncodedText:
        offsets = self.offsets[begin:end]
        if self.offsets_if_first:
            offsets[0] = self.offsets_if_first[begin]
        return EncodedText(
            self.ids[begin:end],
            self.type_ids[begin:end],
            offsets,
            self.words[begin:end],
            self.sequences[begin:end],
        )


def _places(count: int, length: int, step: int, side: Side) -> list[tuple[int, int]]:
    """Where the pieces begin and end."""
    places = []
    if side == "right":
        for begin in range(0, count, step):
            places.append((begin, min(begin + length, count)))
            if places[-1][1] == count:
                break
    else:
        for end in range(count, 0, -step):
            places.append((max(0, end - length), end))
            if places[-1][0] == 0:
                break
    return places
