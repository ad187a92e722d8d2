"""Inputs and targets of encoders and decoders, in plain Python: sizes, draws, tokens, and the packing."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
from reference.objective import draw
from reference.permutation import random_bits

NOISE, KEPT, DENOISER, PREFIX = 8, 9, 10, 11  # what a draw is for


@dataclasses.dataclass
class Denoiser:
    kind: str
    rate: float
    mean: float
    mode: Sequence[int]
    below: int  # chance * 2^32 of it and all before it


@dataclasses.dataclass
class Pairs:
    denoisers: Sequence[Denoiser]
    ends: bool
    seed: int
    sentinels: Sequence[int] = ()
    end: int = 1
    start: int = 0


def noise_counts(rate: float, mean: float, length: int) -> tuple[int, int]:
    """Tokens that are left out of a span, and in how many runs: float32, halves to even."""
    if length < 2:
        return 0, 0
    tokens = int(np.rint(np.float32(length) * np.float32(rate)))
    tokens = min(max(tokens, 1), length - 1)
    runs = int(np.rint(np.float32(tokens) / np.float32(mean)))
    return tokens, min(max(runs, 1), tokens, length - tokens)


def cut(key: int, purpose: int, tokens: int, parts: int) -> list[int]:
    """The lengths of so many parts, none empty, cut at drawn places."""
    places, wanted = tokens - 1, parts - 1
    few = 2 * wanted <= places
    drawn: set[int] = set()
    index = 0
    while len(drawn) < (wanted if few else places - wanted):
        drawn.add(draw(key, purpose, index) * places >> 64)
        index += 1
    cuts = sorted(drawn if few else set(range(places)) - drawn)
    borders = [0, *(place + 1 for place in cuts), tokens]
    return np.diff(borders).tolist()


def noise_mask(key: int, rate: float, mean: float, length: int) -> list[bool]:
    """Which tokens of a span are left out of the inputs."""
    tokens, runs = noise_counts(rate, mean, length)
    if not runs:
        return [False] * length
    noise, kept = cut(key, NOISE, tokens, runs), cut(key, KEPT, length - tokens, runs)
    mask: list[bool] = []
    for left, out in zip(kept, noise, strict=True):
        mask += [False] * left + [True] * out
    return mask


def with_sentinels(tokens: Sequence[int], out: Sequence[bool], sentinels: Sequence[int]) -> list[int]:
    """The tokens, every run of those that are out replaced by the next sentinel."""
    found: list[int] = []
    runs = 0
    for place, token in enumerate(tokens):
        if not out[place]:
            found.append(token)
        elif not place or not out[place - 1]:
            found.append(sentinels[runs])
            runs += 1
    return found


def denoiser_of(pairs: Pairs, document: int, start: int) -> Denoiser:
    """The one that a piece of a document gets."""
    kind = draw(random_bits(pairs.seed, document, start), DENOISER, 0) & 0xFFFFFFFF
    return next(one for one in pairs.denoisers if len(pairs.denoisers) == 1 or kind < one.below)


def least_prefix(rate: float, length: int) -> int:
    least = int(np.rint(np.float32(1 - 2 * rate) * np.float32(length - 1)))
    return min(length - 1, max(1, least))


def prefix_of(pairs: Pairs, one: Denoiser, document: int, start: int, length: int) -> int:
    """Tokens of the prefix of a piece."""
    least = least_prefix(one.rate, length)
    bits = draw(random_bits(pairs.seed, document, start), PREFIX, 0)
    return least + (bits * (length - least) >> 64)


def pair(
    pairs: Pairs, tokens: Sequence[int], document: int, start: int, key: int
) -> tuple[list[int], list[int]]:
    """Inputs and targets of a piece that begins at a token of a document."""
    one = denoiser_of(pairs, document, start)
    if one.kind == "prefix":
        prefix = prefix_of(pairs, one, document, start, len(tokens))
        inputs, targets = list(tokens[:prefix]), list(tokens[prefix:])
    else:
        mask = noise_mask(key, one.rate, one.mean, len(tokens))
        inputs = with_sentinels(tokens, mask, pairs.sentinels)
        targets = with_sentinels(tokens, [not out for out in mask], pairs.sentinels)
    end = [pairs.end] if pairs.ends else []
    return [*one.mode, *inputs, *end], [*targets, *end]


def pack_pairs(
    lengths: Sequence[int],
    longest: Callable[[int, int], int],
    sizes: Callable[[int, int, int], tuple[int, int]],
    rooms: tuple[int, int],
    max_documents: int,
    drop_shorter_than: int,
    open_sequences: int,
    overflow: str = "split",
) -> list[list[tuple[int, int, int]]]:
    """Sequences of spans. `longest(document, start)`: tokens that a piece there may have."""
    done: list[list[tuple[int, int, int]]] = []
    opened: list[tuple[list[int], list[tuple[int, int, int]]]] = []

    def left(one: tuple[list[int], list[tuple[int, int, int]]]) -> int:
        return one[0][0] * rooms[1] + one[0][1] * rooms[0]

    for document, length in enumerate(lengths):
        start = 0
        while start < length and not (overflow == "drop" and length > longest(document, 0)):
            piece = min(length - start, longest(document, start))
            span = (document, start, piece)
            start += piece
            if piece >= drop_shorter_than:
                needs = sizes(*span)
                fits = [one for one in opened if one[0][0] >= needs[0] and one[0][1] >= needs[1]]
                if not fits:
                    opened.append((list(rooms), []))
                    fits = [opened[-1]]
                best = min(fits, key=left)  # the first of equals
                best[0][0] -= needs[0]
                best[0][1] -= needs[1]
                best[1].append(span)
                closing = None
                if 0 in best[0] or len(best[1]) >= max_documents:
                    closing = best
                elif len(opened) > open_sequences:
                    closing = min(opened, key=left)
                if closing is not None:
                    opened = [one for one in opened if one is not closing]
                    done.append(closing[1])
            if overflow == "truncate":
                break
    return done + [spans for _, spans in opened]
