"""What a tokenizer is proved on: pieces of text that take it through every code point and its vocabulary."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
from conftest import SCALE
from tokenizers import Tokenizer

from pypack import _core

SURROGATES = range(0xD800, 0xE000)


def code_points() -> list[int]:
    """All 1,112,064 at a PYPACK_TEST_SCALE of 10; below it borders of classes, and samples."""
    if SCALE >= 10:
        return [cp for cp in range(0x110000) if cp not in SURROGATES]
    profile = _core.unicode_categories().astype(np.int32) << 8 | _core.unicode_traits()
    borders = np.flatnonzero(np.diff(profile))
    step = max(1, int(500 / SCALE))
    chosen = {*range(0x250), *range(0, 0x110000, step), *borders.tolist()[:: max(1, int(8 / SCALE))]}
    return sorted(cp for cp in chosen if cp not in SURROGATES)


def code_point_pieces() -> list[str]:
    """Every code point alone, doubled, after a letter and after a space; in front of a letter, in a word."""
    pieces = []
    for c in map(chr, code_points()):
        pieces += [c, c + c, "a" + c, " " + c, f"{c}a 1{c}'{c} {c}B\n{c}\n e{c}\u0301 .{c}."]
    return pieces


def vocabulary_pieces(tokenizer: Tokenizer, limit: int | None = None) -> list[str]:
    """Each token's entry and its text, and texts of two joined, with a blank between or without."""
    tokens = sorted(tokenizer.get_vocab())
    if limit is not None:
        tokens = random.Random(31).sample(tokens, min(limit, len(tokens)))
    ids = [[tokenizer.token_to_id(token)] for token in tokens]
    texts = tokenizer.decode_batch(ids, skip_special_tokens=False)
    pairs = joined(texts, 32)
    return [*tokens, *texts, *pairs]


def joined(words: Sequence[str], seed: int) -> list[str]:
    """As many concatenations of two words at random."""
    rng = random.Random(seed)
    return [rng.choice(words) + rng.choice(("", "", " ", "'", "\n")) + rng.choice(words) for _ in words]
