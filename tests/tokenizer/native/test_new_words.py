"""Words that the caches lack wait for others of them, over batches of words and over documents."""

from __future__ import annotations

import random

import numpy as np
import pytest
from fixtures.parity import Pair
from fixtures.trained_byte_level import gpt2, llama3

import pypack

KNOWN = "the cat sat on a mat and it was so " * 40
# Of one, two and four bytes a character as Python holds them; none of them ASCII.
LETTERS = ("aàçéîõú", "aबक漢字กิ", "a𐐀𐐨🙂漢")


def new_word(random_source: random.Random, letters: str, size: int) -> str:
    return " " + "".join(random_source.choice(letters) for _ in range(size))


@pytest.fixture(scope="module", params=[gpt2, llama3], ids=["gpt2", "llama3"])
def pair(request: pytest.FixtureRequest) -> Pair:
    return Pair(request.param())


def test_a_new_word_before_many_known_ones(pair: Pair) -> None:
    pair.check([KNOWN])
    pair.check(["zyxwv " + KNOWN * 20 + " wvxzy", KNOWN, " qqzzq" + KNOWN])


def test_many_documents_behind_a_new_word(pair: Pair) -> None:
    texts = ["xzzyq", *["", "a", "the cat"] * 1000, "yqxzz", "", *["cat"] * 10]
    pair.check(texts)
    offsets = pair.native.encode_batch(texts).offsets
    assert offsets[1:].tolist() == np.cumsum([len(pair.native.encode(text)) for text in texts]).tolist()


def test_a_new_word_again_and_again(pair: Pair) -> None:
    pair.check([" wqzzyx" * 300, "wqzzyx wqzzyx", " kjhgqqz longer than any key is kjhgqqz" * 50])


@pytest.mark.parametrize("letters", LETTERS)
def test_documents_that_are_not_utf8(pair: Pair, letters: str) -> None:
    """Short ones, of which many are held at once, and some of which one needs more than is held."""
    source = random.Random(len(letters))
    sizes = [*[3, 1, 40] * 30, 3000, 50_000, 10, 130_000, 700, *[5000] * 30, 45_000, 1]
    texts = [
        "".join(new_word(source, letters, 1 + i % 30) + " the cat" for i in range(size // 20 + 1))
        for size in sizes
    ]
    pair.check(texts)
    pair.check(texts[::-1])


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_give_the_same(pair: Pair, threads: int) -> None:
    source = random.Random(7)
    texts = [
        "".join(new_word(source, letters, 1 + i % 20) for i in range(source.randrange(300)))
        for letters in LETTERS * 100
    ]
    expected = [pair.native.encode(text) for text in texts]
    fresh = pypack.Tokenizer.from_huggingface(pair.reference, engine="native")
    for _ in range(2):
        found = fresh.encode_batch(texts, num_threads=threads)
        assert [row.tolist() for row in found] == [list(ids) for ids in expected]


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_the_first_bad_document_is_named(pair: Pair, threads: int) -> None:
    texts = [KNOWN * 2] * 400
    for bad in (5, 30, 200, 399):
        texts[bad] = "ab\ud800"
    with pytest.raises(ValueError, match="document 5: lone surrogate at character 2"):
        pair.native.encode_batch(texts, num_threads=threads)
    pair.check(["the cat", texts[0]])  # and it goes on
