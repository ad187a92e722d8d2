"""Which ids are learned: those that stand for a character of a learned span, by offsets one by one."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from conftest import SCALE
from fixtures.adversarial import random_texts
from fixtures.trained_byte_level import gpt2
from fixtures.trained_tokenizers import KINDS
from hypothesis import example, given, settings
from hypothesis import strategies as st
from reference.masks import tokens_that_meet
from tokenizers import Tokenizer, models, pre_tokenizers

import pypack
from pypack.tokenizer import spans as of_arrays

PIECES = (
    "hello", " world", "  ", "\n", "\n\n ", "naïve", " 漢字", "😀", "don't", "12345", "<s>", "</s>", "x" * 40,
)  # fmt: skip
texts = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)


@cache
def tokenizers_of(kind: str) -> tuple[pypack.Tokenizer, Tokenizer]:
    library = KINDS[kind]()
    return pypack.Tokenizer.from_huggingface(library, engine="native"), library


@st.composite
def spans_of(draw: st.DrawFn, text: str) -> list[tuple[int, int]]:
    """Rising spans, of which some are empty, touch, or lie in the one before."""
    places = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
    spans = list(zip(places[::2], places[1::2], strict=False))
    if spans and draw(st.booleans()):
        begin, end = spans[-1]
        inner = draw(st.integers(begin, end))
        spans.append((inner, draw(st.integers(inner, end))))
    return spans


@st.composite
def documents(draw: st.DrawFn) -> list[tuple[str, list[tuple[int, int]], list[tuple[int, int]]]]:
    """Texts, their plain parts and their learned spans."""
    found = []
    for text in draw(st.lists(texts, min_size=1, max_size=4)):
        places = sorted(set(draw(st.lists(st.integers(0, len(text)), max_size=4))))
        plain = list(zip(places[::2], places[1::2], strict=False))
        found.append((text, plain, draw(spans_of(text))))
    return found


def check(kind: str, chosen: list[tuple[str, list[tuple[int, int]], list[tuple[int, int]]]]) -> None:
    ours, _ = tokenizers_of(kind)
    engine = ours._engine
    contents = [text for text, _, _ in chosen]
    plain = of_arrays.ragged_spans([one for _, one, _ in chosen])
    learned = of_arrays.ragged_spans([one for _, _, one in chosen])
    rows, ranges = engine.encode_batch_with_offsets(
        contents,
        unit="char",
        add_special_tokens=False,
        split_special_tokens=False,
        num_threads=1,
        plain=plain,
    )
    expected: list[bool] = []
    for i, (_, _, wanted) in enumerate(chosen):
        tokens = [tuple(pair) for pair in ranges[rows.offsets[i] : rows.offsets[i + 1]].tolist()]
        expected += tokens_that_meet(wanted, tokens)
        arrays = np.array(wanted, np.uint32).reshape(-1, 2), np.array(tokens, np.uint32).reshape(-1, 2)
        assert of_arrays.tokens_that_meet(*arrays).tolist() == tokens_that_meet(wanted, tokens)
    for threads in (1, 3):
        found, mask = engine.encode_batch_with_mask(
            contents, plain=plain, learned=learned, num_threads=threads
        )
        assert found == rows
        assert mask.dtype == np.bool_
        assert mask.tolist() == expected, (kind, chosen)


@pytest.mark.parametrize("kind", list(KINDS))
@settings(max_examples=max(30, int(30 * SCALE)), deadline=None)
@given(chosen=documents())
@example(chosen=[("", [], [])])
@example(chosen=[("hello world", [], [(3, 3)]), ("", [], [(0, 0)]), ("  ", [], [(0, 2)])])
@example(chosen=[("a\n\n ", [], [(0, 2)]), ("😀😀", [], [(1, 2)]), ("naïve", [], [(3, 5), (4, 4)])])
def test_like_offsets_one_by_one(kind, chosen):
    check(kind, chosen)


@pytest.mark.parametrize("kind", list(KINDS))
def test_long_texts(kind):
    rng = np.random.default_rng(3)
    added = tuple(
        sorted(token.content for token in tokenizers_of(kind)[1].get_added_tokens_decoder().values())
    )
    chosen = []
    for text in random_texts(5, max(8, int(8 * SCALE)), added):
        text = text * 7
        places = sorted(rng.integers(0, len(text) + 1, 40).tolist())
        chosen.append((text, [], list(zip(places[::2], places[1::2], strict=True))))
    check(kind, chosen)
    everywhere = [(text, [], [(i, i + 1) for i in range(0, len(text), 2)]) for text, _, _ in chosen]
    check(kind, everywhere)


def test_what_cannot_be_said_is_an_error():
    ours = pypack.Tokenizer.from_huggingface(gpt2(), engine="native")
    with pytest.raises(ValueError, match=r"document 1: .*surrogate"):
        ours._engine.encode_batch_with_mask(
            ["ok", "a\ud800"],
            plain=of_arrays.ragged_spans([[], []]),
            learned=of_arrays.ragged_spans([[], []]),
            num_threads=1,
        )
    drops = Tokenizer(models.BPE({"a": 0, "b": 1}, []))
    drops.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    native = pypack.Tokenizer.from_huggingface(drops, engine="native")
    none = of_arrays.ragged_spans([[], []])
    with pytest.raises(ValueError, match="document 1: the model drops a character"):
        native._engine.encode_batch_with_mask(
            ["ab", "axb"], plain=none, learned=of_arrays.ragged_spans([[], [(1, 2)]]), num_threads=1
        )


@pytest.mark.parametrize("kind", ["gpt2", "roberta", "llama2", "bert_cased"])
def test_both_engines_give_the_same(kind):
    ours, library = tokenizers_of(kind)
    theirs = pypack.Tokenizer.from_huggingface(library, engine="huggingface")
    chosen = ["".join(PIECES), "", " hello  world\n\nnaïve 😀", "x"]
    none = of_arrays.ragged_spans([[] for _ in chosen])
    learned = of_arrays.ragged_spans([[(3, 9), (9, 9), (15, 40)], [(0, 1)], [(0, 2), (8, 20)], []])
    for engine in (ours._engine, theirs._engine):
        found = engine.encode_batch_with_mask(chosen, plain=none, learned=learned, num_threads=1)
        if engine is ours._engine:
            expected = found
    assert found[0] == expected[0]
    assert found[1].tolist() == expected[1].tolist()
    assert 0 < int(found[1].sum()) < len(found[1])
