"""What objectives are measured beside: the same transforms in numpy, example by example."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]


def _parts(items: int, parts: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Lengths of parts that are cut at shuffled places."""
    begins = np.arange(items - 1) < parts - 1
    rng.shuffle(begins)
    numbers = np.cumsum(np.concatenate([[False], begins]))
    return np.unique(numbers, return_counts=True)[1]


def corrupted(tokens: Ids, rate: float, mean: float, first_sentinel: int, end: int, rng: Any) -> Any:
    """One example of T5's span corruption, by masks over its tokens, as collators for T5 do it."""
    noise = min(max(int(np.round(len(tokens) * rate)), 1), len(tokens) - 1)
    runs = max(int(np.round(noise / mean)), 1)
    lengths = np.stack([_parts(len(tokens) - noise, runs, rng), _parts(noise, runs, rng)], 1).reshape(-1)
    begins = np.zeros(len(tokens), np.int8)
    begins[np.cumsum(lengths)[:-1]] = 1
    mask = np.cumsum(begins) % 2 == 1

    def side(out: NDArray[np.bool_]) -> Ids:
        first = out & ~np.concatenate([[False], out[:-1]])
        marked = np.where(first, first_sentinel + 1 - np.cumsum(first), tokens)
        return np.concatenate([marked[~out | first], [end]])

    return side(mask), side(~mask)


def span_collator(examples: Sequence[Ids], rate: float, mean: float, first_sentinel: int, rng: Any) -> Any:
    """Inputs and labels of examples, padded to the longest of each."""
    pairs = [corrupted(one, rate, mean, first_sentinel, 1, rng) for one in examples]
    found = []
    for side, fill in ((0, 0), (1, -100)):
        longest = max(len(pair[side]) for pair in pairs)
        padded = np.full((len(pairs), longest), fill, np.int64)
        for row, pair in zip(padded, pairs, strict=True):
            row[: len(pair[side])] = pair[side]
        found.append(padded)
    return found


def detection_collator(rows: Ids, special: NDArray[np.bool_], rate: float, vocab_size: int, rng: Any) -> Any:
    """Random token substitution of rows, one by one: inputs and labels that tell."""
    inputs, labels = rows.copy(), np.zeros_like(rows)
    for row, told, none in zip(inputs, labels, special, strict=True):
        chances = np.where(none, 0.0, rate)
        told[none] = -100
        chosen = rng.binomial(1, chances).astype(bool)
        new = rng.choice(vocab_size, size=len(row))
        row[chosen] = new[chosen]
        told[chosen] = 1
    return inputs, labels
