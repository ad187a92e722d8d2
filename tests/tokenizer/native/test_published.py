"""The models BPE, WordPiece and Unigram give what their plain-Python definitions say."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import tokenize as reference

from pypack._core import Merges, Vocabulary
from pypack.tokenizer.native.bpe import recognize_bpe
from pypack.tokenizer.native.unigram import recognize_unigram
from pypack.tokenizer.native.wordpiece import recognize_wordpiece

LETTERS = "abcé漢🙂"
WORDS = st.text(LETTERS, min_size=1, max_size=40)
PIECES = st.lists(st.text(LETTERS, min_size=1, max_size=5), max_size=30, unique=True)


@st.composite
def merges(draw: st.DrawFn) -> list[tuple[str, str]]:
    """Each of tokens that are there; a text may come from several, or be a part before it is made."""
    tokens = list(LETTERS)
    pairs: list[tuple[str, str]] = []
    for _ in range(draw(st.integers(0, 40))):
        pair = (draw(st.sampled_from(tokens)), draw(st.sampled_from(tokens)))
        if pair not in pairs:
            pairs.append(pair)
            tokens.append(pair[0] + pair[1])
    return draw(st.permutations(pairs)) if draw(st.booleans()) else pairs


@given(pairs=merges(), word=WORDS, ignore_merges=st.booleans())
def test_bpe(pairs: list[tuple[str, str]], word: str, ignore_merges: bool) -> None:
    ranks = {pair: rank for rank, pair in enumerate(pairs)}
    tokens = dict.fromkeys([*LETTERS, *(left + right for left, right in pairs)])
    vocabulary = {token: i for i, token in enumerate(reversed(tokens))}
    part: dict[str, Any] = {
        "type": "BPE",
        "vocab": Vocabulary.from_dict(vocabulary),
        "merges": Merges([list(pair) for pair in pairs]),
        "ignore_merges": ignore_merges,
    }
    expected = reference.bpe(word, ranks)
    if ignore_merges and word in vocabulary:
        expected = [word]
    ids = recognize_bpe(part, "characters").tokenize(word).tolist()
    assert ids == [vocabulary[token] for token in expected]


@given(pairs=merges(), unit=st.text(LETTERS, min_size=1, max_size=3), count=st.integers(1, 200))
def test_bpe_of_long_runs(pairs: list[tuple[str, str]], unit: str, count: int) -> None:
    """Long words take another path than short ones."""
    ranks = {pair: rank for rank, pair in enumerate(pairs)}
    tokens = dict.fromkeys([*LETTERS, *(left + right for left, right in pairs)])
    vocabulary = {token: i for i, token in enumerate(tokens)}
    part = {
        "type": "BPE",
        "vocab": Vocabulary.from_dict(vocabulary),
        "merges": Merges([list(pair) for pair in pairs]),
    }
    word = unit * count
    ids = recognize_bpe(part, "characters").tokenize(word).tolist()
    assert ids == [vocabulary[token] for token in reference.bpe(word, ranks)]


@given(pairs=merges(), word=st.text(LETTERS, min_size=63, max_size=200))
def test_bpe_of_long_words(pairs: list[tuple[str, str]], word: str) -> None:
    """They are cut anywhere, and looked at again around the cuts."""
    ranks = {pair: rank for rank, pair in enumerate(pairs)}
    tokens = dict.fromkeys([*LETTERS, *(left + right for left, right in pairs)])
    vocabulary = {token: i for i, token in enumerate(tokens)}
    part = {
        "type": "BPE",
        "vocab": Vocabulary.from_dict(vocabulary),
        "merges": Merges([list(pair) for pair in pairs]),
    }
    ids = recognize_bpe(part, "characters").tokenize(word).tolist()
    assert ids == [vocabulary[token] for token in reference.bpe(word, ranks)]


@pytest.mark.parametrize("late", [0, 1, 4])
def test_runs_whose_merges_are_out_of_order_take_linear_time(late: int) -> None:
    """What each merge of the run makes has to be merged before the next one, and may make such a pair anew.

    "aa" is made by the last of the merges, and each time gives way to those of "aaa" and longer ones.
    """
    pairs = [("a" * k, "a") for k in range(2 + late, 1, -1)] + [("a", "a")]
    tokens = {"a" * k: k for k in range(1, 4 + late)}
    part = {"type": "BPE", "vocab": Vocabulary.from_dict(tokens), "merges": Merges([list(p) for p in pairs])}
    model = recognize_bpe(part, "characters")
    ranks = {pair: rank for rank, pair in enumerate(pairs)}
    period, longest = 3 + late, 3 * (3 + late) + 2
    word = "a" * longest
    assert model.tokenize(word).tolist() == [tokens[token] for token in reference.bpe(word, ranks)]
    assert model.tokenize("a" * (period * 100_000)).tolist() == [tokens["a" * period]] * 100_000


@given(pieces=PIECES, word=WORDS, prefix=st.sampled_from(["##", "", "é"]), longest=st.integers(1, 40))
def test_wordpiece(pieces: list[str], word: str, prefix: str, longest: int) -> None:
    tokens = dict.fromkeys(["[UNK]", *pieces, *(prefix + piece for piece in pieces[::2])])
    vocabulary = {token: i for i, token in enumerate(tokens)}
    part = {
        "type": "WordPiece",
        "unk_token": "[UNK]",
        "continuing_subword_prefix": prefix,
        "max_input_chars_per_word": longest,
        "vocab": Vocabulary.from_dict(vocabulary),
    }
    expected = reference.wordpiece(word, vocabulary, "[UNK]", prefix, longest)
    ids = recognize_wordpiece(part).tokenize(word).tolist()
    assert ids == [vocabulary[token] for token in expected]


@given(pieces=PIECES, word=WORDS, data=st.data())
def test_unigram(pieces: list[str], word: str, data: st.DataObject) -> None:
    # Few different scores, so that many segmentations are equally good.
    values = st.sampled_from([-3.0, -2.0, -1.5, -1.0, -0.1])
    vocabulary = [("<unk>", 0.0), *((piece, data.draw(values)) for piece in pieces)]
    definition = {
        "model": {"type": "Unigram", "unk_id": 0, "vocab": Vocabulary.from_scores(vocabulary)},
        "pre_tokenizer": None,
        "normalizer": None,
    }
    _, model = recognize_unigram(definition)
    scores = dict(vocabulary)
    # The library's penalty for what is unknown.
    expected = reference.unigram(word, scores, min(scores.values()) - 10.0)
    ids_of = {piece: i for i, (piece, _) in enumerate(vocabulary)}
    assert model.tokenize(word).tolist() == [0 if piece is None else ids_of[piece] for piece in expected]
