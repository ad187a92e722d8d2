"""WordPiece gives the ids of `tokenizers` for words of every kind."""

from __future__ import annotations

import random

import pytest
from conftest import SCALE
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import models

from pypack._core import Model, Vocabulary
from pypack.tokenizer.native.unsupported import UnsupportedError
from pypack.tokenizer.native.wordpiece import recognize_wordpiece

ALPHABET = "abcé漢🙂#"


def random_vocabulary(rng: random.Random, prefix: str) -> dict[str, int]:
    tokens = {"[UNK]", prefix}
    while len(tokens) < 200:
        token = "".join(rng.choices(ALPHABET, k=rng.choice([1, 1, 2, 3, 5])))
        tokens.add(token if rng.random() < 0.5 else prefix + token)
    return {token: i for i, token in enumerate(sorted(tokens))}


def both(vocabulary: dict[str, int], prefix: str, longest: int) -> tuple[Model, models.WordPiece]:
    ours = recognize_wordpiece(
        {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": prefix,
            "max_input_chars_per_word": longest,
            "vocab": Vocabulary.from_dict(vocabulary),
        }
    )
    theirs = models.WordPiece(
        vocabulary, unk_token="[UNK]", max_input_chars_per_word=longest, continuing_subword_prefix=prefix
    )
    return ours, theirs


@pytest.mark.parametrize("prefix", ["##", "", "é"])
def test_random_words(prefix: str) -> None:
    rng = random.Random(4)
    for _ in range(int(5 * SCALE) or 1):
        ours, theirs = both(random_vocabulary(rng, prefix), prefix, longest=20)
        for _ in range(2000):
            word = "".join(rng.choices(ALPHABET, k=rng.choice([1, 2, 3, 8, 19, 20, 21, 40])))
            assert ours.tokenize(word).tolist() == [token.id for token in theirs.tokenize(word)], word


@given(word=st.text(ALPHABET, min_size=1, max_size=30))
def test_any_word(word: str) -> None:
    ours, theirs = both(random_vocabulary(random.Random(5), "##"), "##", longest=25)
    assert ours.tokenize(word).tolist() == [token.id for token in theirs.tokenize(word)]


def test_every_likely_word_is_a_beginning() -> None:
    ours, _ = both({"[UNK]": 0, "ab": 1, "##c": 2, "": 3}, "##", longest=100)
    assert sorted(ours.likely_words()) == [b"[UNK]", b"ab"]


def test_a_model_that_may_fail_is_refused() -> None:
    part = {"type": "WordPiece", "unk_token": "[UNK]", "vocab": Vocabulary.from_dict({"a": 0})}
    with pytest.raises(UnsupportedError, match=r"no entry for its unk_token '\[UNK\]'"):
        recognize_wordpiece(part)


def test_an_unknown_field_is_refused() -> None:
    part = {"type": "WordPiece", "unk_token": "a", "vocab": Vocabulary.from_dict({"a": 0}), "greedy": False}
    with pytest.raises(UnsupportedError, match="greedy"):
        recognize_wordpiece(part)
