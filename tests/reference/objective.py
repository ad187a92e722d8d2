"""What objectives do to a span, in plain Python: lists of tokens and labels to lists of tokens and labels."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Sequence
from decimal import Context, Decimal, localcontext
from fractions import Fraction

import numpy as np
from reference.permutation import combine_keys, random_bits

IGNORE = -100
CHOOSE, TIE, REPLACE, PLACE, RANGE = range(5)  # what a draw is for
KIND, KIND_TIE = 12, 13
CLUSTER, MEMBER = 20, 21


def span_key(seed_key: int, epoch: int, sequence: int, span: int) -> int:
    """The key of a span's draws, from that of its source."""
    return combine_keys(combine_keys(combine_keys(seed_key, epoch), sequence), span)


def source_key(seed: int, purpose: int) -> int:
    """The key of a source's draws; the purpose is its name's."""
    return random_bits(seed, purpose, 0)


def draw(key: int, purpose: int, index: int) -> int:
    """64 random bits of a span."""
    return combine_keys(combine_keys(key, purpose), index)


def number(key: int, place: int, purposes: tuple[int, int]) -> int:
    """The number of a token, of 32 bits: sixteen of a draw that four tokens share, and sixteen of its own."""
    high = draw(key, purposes[0], place // 4) >> (16 * (place % 4)) & 0xFFFF
    return high << 16 | draw(key, purposes[1], place) & 0xFFFF


def is_below(key: int, place: int, limit: int, purposes: tuple[int, int]) -> bool:
    """Whether the number of a token lies below a limit."""
    return number(key, place, purposes) < limit


def is_chosen(key: int, place: int, chance: int) -> bool:
    """Whether a token is chosen, with a chance in units of 2^-32."""
    return is_below(key, place, chance, (CHOOSE, TIE))


@dataclasses.dataclass
class Replacement:
    mask_below: int
    word_below: int
    mask_id: int
    vocab_size: int

    def of(self, bits: int, token: int) -> int:
        """What stands in the place of a chosen token."""
        kind, word = bits & 0xFFFFFFFF, (bits >> 32) * self.vocab_size >> 32
        if kind < self.mask_below:
            return self.mask_id
        return word if kind < self.word_below else token

    def at(self, key: int, place: int, token: int, chance: int | None = None) -> int:
        """What stands in the place of a chosen token, by draws of its place.

        Args:
            chance: the number that said, with this chance, that it is chosen says this, too; None: another.
        """
        purposes = (KIND, KIND_TIE) if chance is None else (CHOOSE, TIE)
        scale = 1 << 32 if chance is None else chance
        if is_below(key, place, self.mask_below * scale >> 32, purposes):
            return self.mask_id
        if is_below(key, place, self.word_below * scale >> 32, purposes):
            return (draw(key, REPLACE, place) >> 32) * self.vocab_size >> 32
        return token


def chosen_words(
    tokens: Sequence[int],
    key: int,
    chance: int,
    never: Collection[int],
    word_starts: Collection[int] | None,
) -> list[bool]:
    """Which tokens are chosen: each by itself, or with the first token of its word."""
    chosen: list[bool] = []
    for place, token in enumerate(tokens):
        before = tokens[place - 1] if place else None
        alone = before is None or before in never or token in never
        if word_starts is None or alone or token in word_starts:
            chosen.append(is_chosen(key, place, chance))
        else:
            chosen.append(chosen[-1])
    return chosen


def masked_tokens(
    tokens: Sequence[int],
    labels: Sequence[int],
    key: int,
    chance: int,
    replacement: Replacement,
    never: Collection[int],
    word_starts: Collection[int] | None = None,
) -> tuple[list[int], list[int]]:
    """Tokens and labels of a span."""
    inputs, learned = list(tokens), [IGNORE] * len(tokens)
    for place, chosen in enumerate(chosen_words(tokens, key, chance, never, word_starts)):
        if chosen and tokens[place] not in never and labels[place] != IGNORE:
            learned[place] = tokens[place]
            one = chance if word_starts is None else None
            inputs[place] = replacement.at(key, place, tokens[place], one)
    return inputs, learned


def counted_draws(length: int, rate: float, most: int) -> int:
    """Draws of a place in a span."""
    if not length:
        return 0
    return max(1, min(most, int(np.rint(np.float32(length) * np.float32(rate)))))


def counted_places(key: int, length: int, count: int, candidates: Sequence[int]) -> list[int]:
    """Places drawn among the candidates, each from all of them: tries first, then from their list."""
    places: list[int] = []
    index = 0
    while len(places) < count and index < 4 * count + 64:
        place = draw(key, PLACE, index) * length >> 64
        places += [place] if place in candidates else []
        index += 1
    while len(places) < count and candidates:
        places.append(candidates[draw(key, PLACE, index) * len(candidates) >> 64])
        index += 1
    return places


def counted_tokens(
    tokens: Sequence[int],
    labels: Sequence[int],
    key: int,
    rate: float,
    most: int,
    replacement: Replacement,
    never: Collection[int],
) -> tuple[list[int], list[int]]:
    """Tokens and labels of a span whose number of draws is counted."""
    may = [p for p in range(len(tokens)) if tokens[p] not in never and labels[p] != IGNORE]
    inputs, learned = list(tokens), [IGNORE] * len(tokens)
    count = counted_draws(len(tokens), rate, most)
    for index, place in enumerate(counted_places(key, len(tokens), count, may)):
        learned[place] = tokens[place]
        token = replacement.of(draw(key, REPLACE, index), tokens[place])
        if token != tokens[place]:
            inputs[place] = token
    return inputs, learned


def masked_ranges(
    tokens: Sequence[int],
    labels: Sequence[int],
    key: int,
    chance: int,
    whole: bool,
    replacement: Replacement,
    never: Collection[int],
    ranges: Sequence[tuple[int, int]],
    start: int,
) -> tuple[list[int], list[int]]:
    """Tokens and labels of a span that begins at token `start` of a document with these ranges."""
    inputs, learned = list(tokens), [IGNORE] * len(tokens)
    for number, (first, stop) in enumerate(ranges):
        begin, end = first - start, stop - start
        bits = draw(key, RANGE, number)
        if begin < 0 or end > len(tokens) or begin >= end or bits & 0xFFFFFFFF >= chance:
            continue
        one = begin + ((bits >> 32) * (end - begin) >> 32)
        for place in range(begin, end) if whole else [one]:
            if tokens[place] not in never and labels[place] != IGNORE:
                learned[place] = tokens[place]
                inputs[place] = replacement.of(draw(key, REPLACE, place), tokens[place])
    return inputs, learned


def detected(
    tokens: Sequence[int], labels: Sequence[int], learned: Sequence[int], never: Collection[int]
) -> list[int]:
    """Labels that tell which tokens of a span were replaced, from those that `masked_tokens` gave."""
    return [
        1 if new != IGNORE else IGNORE if token in never or label == IGNORE else 0
        for token, label, new in zip(tokens, labels, learned, strict=True)
    ]


def cluster_weights(counts: Sequence[int], beta: float) -> list[int]:
    """How often each cluster stands for one, by the counts of that: softmax(beta * x) in whole numbers, of
    counts that are spread from 0 to 1, in 4096 levels."""
    least, width = min(counts), max(1, max(counts) - min(counts))
    weights = []
    for count in counts:
        level = Fraction(count - least, width) * 4096
        level = Fraction(math.floor(level + Fraction(1, 2)))
        with localcontext(Context(prec=50)):
            weight = (Decimal(beta) / 4096 * (int(level) - 4096)).exp() * 2**40
        weights.append(max(1, int(weight + Decimal("0.5"))))
    return weights


def clustered_tokens(
    tokens: Sequence[int],
    learned: Sequence[int],
    key: int,
    clusters: Sequence[int],
    weights: Sequence[Sequence[int]],
) -> list[int]:
    """Tokens of a span in which those with a label are replaced, by the weights of their clusters."""
    found = list(tokens)
    for place, token in enumerate(tokens):
        if learned[place] == IGNORE or clusters[token] < 0:
            continue
        row = weights[clusters[token]]
        left = draw(key, CLUSTER, place) * sum(row) >> 64
        target = 0
        while left >= row[target]:
            left -= row[target]
            target += 1
        members = [one for one, cluster in enumerate(clusters) if cluster == target]
        found[place] = members[draw(key, MEMBER, place) * len(members) >> 64]
    return found
