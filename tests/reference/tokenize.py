"""Plain-Python definitions of the models of csrc/core/tokenize: a word in, ids out."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence


def bpe(symbols: Sequence[str], ranks: Mapping[tuple[str, str], int]) -> list[str]:
    """Byte-pair encoding: merges the pair of lowest rank, of equal ones the leftmost, until none is left.

    Sennrich, Haddow and Birch, "Neural Machine Translation of Rare Words with Subword Units", section 3.2.
    """
    parts = list(symbols)
    while True:
        candidates = [(ranks[pair], i) for i, pair in enumerate(itertools.pairwise(parts)) if pair in ranks]
        if not candidates:
            return parts
        _, i = min(candidates)
        parts[i : i + 2] = [parts[i] + parts[i + 1]]


def wordpiece(
    word: str, vocabulary: Mapping[str, int], unknown: str, prefix: str, max_characters: int
) -> list[str]:
    """Longest match first; the unknown token for a word that cannot be covered, or is too long."""
    if len(word) > max_characters:
        return [unknown]
    tokens = []
    begin = 0
    while begin < len(word):
        mark = prefix if begin else ""
        ends = [end for end in range(begin + 1, len(word) + 1) if mark + word[begin:end] in vocabulary]
        if not ends:
            return [unknown]
        tokens.append(mark + word[begin : ends[-1]])
        begin = ends[-1]
    return tokens


def unigram(word: str, scores: Mapping[str, float], unknown_score: float) -> list[str | None]:
    """The segmentation of highest score; None for each run of characters that no piece covers.

    A character that is no piece is unknown, at `unknown_score`. Sums are taken from left to right; of two
    equal ones that stands whose last piece is longer. Kudo, "Subword Regularization", section 3.2.
    """
    best = [0.0] + [-math.inf] * len(word)
    last: list[tuple[int, bool]] = [(0, True)] * (
        len(word) + 1
    )  # where the last piece begins, if it is known
    for begin in range(len(word)):
        for end in range(begin + 1, len(word) + 1):
            known = word[begin:end] in scores
            if not known and end > begin + 1:
                continue
            score = best[begin] + (scores[word[begin:end]] if known else unknown_score)
            if score > best[end]:
                best[end] = score
                last[end] = (begin, known)
    pieces: list[str | None] = []
    end = len(word)
    while end > 0:
        begin, known = last[end]
        if known:
            pieces.append(word[begin:end])
        elif not (pieces and pieces[-1] is None):
            pieces.append(None)
        end = begin
    return pieces[::-1]
