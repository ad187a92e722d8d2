"""BertPreTokenizer, Whitespace and WhitespaceSplit cut as `tokenizers` does, with any room for words."""

from __future__ import annotations

import random

import pytest
from conftest import SCALE
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import pre_tokenizers

from pypack._core import Pretokenizer

KINDS = {
    "bert": (Pretokenizer.bert(), pre_tokenizers.BertPreTokenizer()),
    "whitespace": (Pretokenizer.whitespace(), pre_tokenizers.Whitespace()),
    "whitespace_split": (Pretokenizer.whitespace_split(), pre_tokenizers.WhitespaceSplit()),
}
CODE_POINTS = [cp for cp in range(0x110000) if not 0xD800 <= cp < 0xE000]
MIXED = "abc xyz.,!? \n\t\u3000\u2014。，漢字éß🙂\u00a0"


def assert_same_words(name: str, text: str, capacity: int = 256) -> None:
    ours, theirs = KINDS[name]
    words = [word.decode() for word in ours.words(text, capacity=capacity)]
    assert words == [word for word, _ in theirs.pre_tokenize_str(text)], ascii(text[:200])


@pytest.mark.parametrize("name", KINDS)
def test_every_code_point(name: str) -> None:
    assert_same_words(name, "".join(map(chr, CODE_POINTS)))
    assert_same_words(name, "".join(f"a{chr(cp)}b" for cp in CODE_POINTS))


@pytest.mark.parametrize("name", KINDS)
def test_random_texts(name: str) -> None:
    rng = random.Random(3)
    for _ in range(int(5000 * SCALE)):
        text = "".join(rng.choices(MIXED, k=rng.randint(0, 300)))
        assert_same_words(name, text, rng.choice([1, 2, 3, 64, 256]))


@given(text=st.text(), name=st.sampled_from(sorted(KINDS)), capacity=st.integers(1, 5))
def test_any_text(text: str, name: str, capacity: int) -> None:
    assert_same_words(name, text, capacity)


@pytest.mark.parametrize("length", [0, 1, 63, 64, 65, 127, 128, 1000])
def test_words_around_the_edges_of_blocks(length: int) -> None:
    for text in ("a" * length, "a" * length + " b", "é" * length + ".", " " * length + "a", "." * length):
        for name in KINDS:
            assert_same_words(name, text, 1)


def test_no_room_is_refused() -> None:
    with pytest.raises(ValueError, match="capacity must be at least 1"):
        Pretokenizer.bert().words("a", capacity=0)
