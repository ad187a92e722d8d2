"""Untie the Knots, in plain Python: the spans of a sequence to those of the sequence tied."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from itertools import pairwise

from reference.permutation import combine_keys, random_bits

PURPOSE = 0x6B6E6F7473  # "knots"
KIND, CHUNKS, CUTS, SHUFFLE, NAMES = range(5)  # what a draw is for

Span = tuple[int, int, int]  # document, start, length
Token = tuple[int, bool]  # a literal, and whether it is learned


@dataclasses.dataclass
class Knots:
    seed: int
    kinds: Sequence[int]  # sums of chances in units of 2^-32
    chunks: Sequence[Sequence[int]]
    equal_cuts: bool
    keep_order: bool
    knot_ids: Sequence[int]
    marks: Sequence[int]
    letters: Sequence[int]
    name_length: int
    interleave: bool = False
    chunk_size: int = 0  # above 0: what the last of the most chances means
    brackets: Sequence[int] = ()
    numbers: Sequence[Sequence[int]] = ()

    def literals_of(self, parts: int, sized: bool = False) -> int:
        if parts < 2:
            return 0
        knots = 2 * (parts - 1) if self.knot_ids and not sized else 0
        if sized:
            knots = sum(len(self.at_head(c, True)) + len(self.at_tail(c, parts, True)) for c in range(parts))
        names = parts * (2 + self.name_length) + 1 + parts * (self.name_length + 1) if self.marks else 0
        return knots + names

    def at_head(self, chunk: int, sized: bool) -> list[Token]:
        """Before a chunk, by its number."""
        if not chunk:
            return []
        if sized:
            return self.numbered(chunk, self.brackets[:2])
        return [(self.knot_ids[2 * chunk - 1], False)] if self.knot_ids else []

    def at_tail(self, chunk: int, parts: int, sized: bool) -> list[Token]:
        if chunk == parts - 1:
            return []
        if sized:
            return self.numbered(chunk, self.brackets[2:])
        return [(self.knot_ids[2 * chunk], False)] if self.knot_ids else []

    def numbered(self, chunk: int, brackets: Sequence[int]) -> list[Token]:
        """Only what goes on within a number can be known."""
        if not brackets:
            return []
        number = [(token, i > 0) for i, token in enumerate(self.numbers[chunk])]
        return [(brackets[0], False), *number, (brackets[1], False)]


def chosen(bits: int, borders: Sequence[int]) -> int:
    """The first border above 32 bits."""
    return next(i for i, border in enumerate(borders) if bits & 0xFFFFFFFF < border)


def tie(
    spans: Sequence[Span], sequence: int, capacity: int, how: Knots
) -> tuple[list[Span], list[list[Token]], int]:
    """The new spans, the literals in their gaps, and how many documents were left whole."""
    key = combine_keys(random_bits(how.seed, PURPOSE, 0), sequence)

    def draw(purpose: int, index: int) -> int:
        return combine_keys(combine_keys(key, purpose), index)

    def cuts_of(i: int, length: int, count: int, sized: bool) -> list[int]:
        if sized:
            return [how.chunk_size * c for c in range(1, count)]
        if how.equal_cuts:
            return [length // count * c for c in range(1, count)]
        places: list[int] = []
        for c in range(1, count):  # Floyd: a sample of the places 1 to length - 1
            last = length - count + c
            place = 1 + (combine_keys(combine_keys(combine_keys(key, CUTS), i), c) * last >> 64)
            places.append(last if place in places else place)
        return sorted(places)

    room = capacity - sum(length for _, _, length in spans)
    chances = how.chunks[chosen(draw(KIND, 0), how.kinds)]
    parts: list[list[Span]] = []  # of each span
    by_size: list[bool] = []
    left_whole = 0
    for i, (document, start, length) in enumerate(spans):
        count = chosen(draw(CHUNKS, i), chances) + 1
        sized = how.chunk_size > 0 and count == len(chances)
        if sized:
            count = max(-(-length // how.chunk_size), 1)
        count = count if length >= count else 1
        if how.literals_of(count, sized) > room:
            count, left_whole = 1, left_whole + 1
        room -= how.literals_of(count, sized)
        by_size.append(sized)
        borders = [0, *(cuts_of(i, length, count, sized) if count > 1 else []), length]
        parts.append([(document, start + a, b - a) for a, b in pairwise(borders)])

    total = sum(map(len, parts))
    slots = list(range(total))
    for i in range(total - 1, 1, -1):  # all but the last
        j = draw(SHUFFLE, i) * i >> 64
        slots[i - 1], slots[j] = slots[j], slots[i - 1]
    of_span: list[list[int]] = []
    for i, mine in enumerate(parts):
        first = sum(map(len, parts[:i]))
        own = slots[first : first + len(mine)]
        if how.keep_order:
            is_last = i == len(parts) - 1
            own = [*sorted(own[:-1]), own[-1]] if is_last else sorted(own)
        of_span.append(own)
    if how.interleave:
        order = sorted((c, i) for i, mine in enumerate(parts) for c in range(len(mine)))
        of_span = [[order.index((c, i)) for c in range(len(mine))] for i, mine in enumerate(parts)]
    at = {slot: (i, c) for i, own in enumerate(of_span) for c, slot in enumerate(own)}

    def name(slot: int) -> list[int]:
        size = how.name_length
        return [how.letters[draw(NAMES, slot * size + k) * len(how.letters) >> 64] for k in range(size)]

    found: list[Span] = []
    gaps: list[list[Token]] = []
    gap: list[Token] = []
    for slot in range(total):
        i, c = at[slot]
        count = len(parts[i])
        if how.marks and count > 1:
            gap += [(token, False) for token in (how.marks[0], *name(slot), how.marks[1])]
        gap += how.at_head(c, by_size[i])
        gaps.append(gap)
        gap = []
        found.append(parts[i][c])
        gap += how.at_tail(c, count, by_size[i])
        if how.marks and count > 1 and slot == max(of_span[i]):
            gap.append((how.marks[2], False))
            for k, other in enumerate(of_span[i]):
                gap += [(how.marks[3], True)] if k else []
                gap += [(token, True) for token in name(other)]
            gap.append((how.marks[4], True))
    return found, [*gaps, gap], left_whole
