"""A tokenizer called as transformers' are: pairs, words, pieces that overlap; as `tokenizers` gives them."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from fixtures.trained_byte_level import BYTE_LEVEL
from fixtures.trained_sentencepiece import SENTENCEPIECE
from fixtures.trained_tokenizers import training_texts
from fixtures.trained_word_tokenizers import WORD_NATIVE
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, processors

import pypack


def with_processor(make: Callable[[], Tokenizer], processor: Any) -> Tokenizer:
    made = make()
    made.post_processor = processor
    return made


def typed() -> Tokenizer:
    """A template whose types and order are its own, and which adds several ids at a place."""
    template = processors.TemplateProcessing(
        single="<s>:3 $A:1 </s>:2 </s>:2",
        pair="<s>:1 $B:4 </s>:2 $A:5 </s>:0",
        special_tokens=[("<s>", 1), ("</s>", 2)],
    )
    return with_processor(BYTE_LEVEL["gpt2"], processors.Sequence([processors.ByteLevel(), template]))


BERT = processors.BertProcessing(("</s>", 2), ("<s>", 1))
MADE: dict[str, Callable[[], Tokenizer]] = {
    "gpt2": BYTE_LEVEL["gpt2"],
    "roberta": BYTE_LEVEL["roberta"],
    "llama3": BYTE_LEVEL["llama3"],
    "bert processing": lambda: with_processor(BYTE_LEVEL["gpt2"], BERT),
    "typed": typed,
    "llama2": SENTENCEPIECE["llama2"],
    **{name: WORD_NATIVE[name] for name in list(WORD_NATIVE)[:2]},
}
WORDS = st.sampled_from(
    ["the", "packer's", " row", "don't", "12345", "naïve", "東京都", "", " ", "\n\n", "x" * 9, "<s>"]
)
TEXTS = st.lists(WORDS, max_size=12)


@pytest.fixture(scope="module", params=MADE)
def pair(request: pytest.FixtureRequest) -> tuple[Tokenizer, pypack.Tokenizer]:
    reference = MADE[request.param]()
    return reference, pypack.Tokenizer.from_huggingface(reference)


def theirs(reference: Tokenizer, arguments: tuple[Any, ...], **options: Any) -> Any:
    """The pieces that `tokenizers` gives, or its error."""
    try:
        first = reference.encode(*arguments, **options)
    except BaseException as error:  # a panic of the library is no Exception
        return error
    return [first, *first.overflowing]


@settings(deadline=None)
@given(
    TEXTS,
    st.none() | TEXTS,
    st.booleans(),
    st.booleans(),
    st.none() | st.tuples(st.integers(0, 14), st.integers(0, 5), st.sampled_from(["right", "left"])),
    st.sampled_from(["longest_first", "only_first", "only_second"]),
)
def test_as_the_library(
    pair: tuple[Tokenizer, pypack.Tokenizer],
    first: list[str],
    second: list[str] | None,
    in_words: bool,
    special: bool,
    cut: tuple[int, int, str] | None,
    strategy: str,
) -> None:
    reference, tokenizer = pair
    texts = [first] if second is None else [first, second]
    arguments = tuple(texts if in_words else map("".join, texts))
    options: dict[str, Any] = {}
    enabled = None
    if cut is not None:
        length, stride, side = cut
        added = reference.num_special_tokens_to_add(second is not None) if special else 0
        if length < added:
            return  # where the library counts below zero
        enabled = {"max_length": length, "stride": stride, "direction": side, "strategy": strategy}
        options = {"truncation": strategy, "max_length": length, "stride": stride, "truncation_side": side}
    if enabled is not None:
        reference = copy.deepcopy(reference)
        try:
            reference.enable_truncation(**enabled)
        except BaseException:  # refused beforehand, whatever the text
            return
    expected = theirs(reference, arguments, is_pretokenized=in_words, add_special_tokens=special)
    call = {
        "add_special_tokens": special,
        "is_split_into_words": in_words,
        "return_overflowing_tokens": True,
        "return_token_type_ids": True,
        "return_offsets_mapping": True,
        **options,
    }
    if isinstance(expected, BaseException):
        with pytest.raises(ValueError, match=r"stride|max_length|text_pair"):
            tokenizer(*arguments, **call)
        return
    found = tokenizer(*arguments, **call)
    assert found["input_ids"] == [one.ids for one in expected]
    assert found["token_type_ids"] == [one.type_ids for one in expected]
    assert found["attention_mask"] == [one.attention_mask for one in expected]
    assert found["offset_mapping"] == [one.offsets for one in expected]
    assert found["overflow_to_sample_mapping"] == [0] * len(expected)
    assert found.sequence_ids(0) == expected[0].sequence_ids or len(expected) > 1
    if in_words:
        assert [found.word_ids(row) for row in range(len(expected))] == [one.word_ids for one in expected]
    alone = tokenizer(*arguments, **{**call, "return_overflowing_tokens": False})
    assert alone["input_ids"] == expected[0].ids


def test_as_transformers() -> None:
    """A batch of questions and contexts, cut into overlapping pieces; words with labels."""
    transformers = pytest.importorskip("transformers")
    reference = BYTE_LEVEL["roberta"]()
    theirs = transformers.PreTrainedTokenizerFast(tokenizer_object=reference)
    ours = pypack.Tokenizer.from_huggingface(reference)
    contexts = [text for text in training_texts() if len(text) > 80][:20]
    questions = [text[:30] for text in contexts]
    for side in ("right", "left"):
        theirs.truncation_side = side
        options = {
            "truncation": "only_second",
            "max_length": 40,
            "stride": 8,
            "return_overflowing_tokens": True,
            "return_offsets_mapping": True,
        }
        expected = theirs(questions, contexts, **options)
        found = ours(questions, contexts, truncation_side=side, **options)
        for name in ("input_ids", "attention_mask", "offset_mapping", "overflow_to_sample_mapping"):
            assert found[name] == expected[name], name
        for row in range(len(found["input_ids"])):
            theirs_of_row = expected.sequence_ids(row)
            assert found.sequence_ids(row) == theirs_of_row
    words = [text.split() for text in contexts]
    expected = theirs(words, is_split_into_words=True)
    found = ours(words, is_split_into_words=True)
    assert found["input_ids"] == expected["input_ids"]
    assert [found.word_ids(i) for i in range(len(words))] == [expected.word_ids(i) for i in range(len(words))]
    assert ours(words[0], is_split_into_words=True)["input_ids"] == expected["input_ids"][0]


def test_what_is_wrong_is_told() -> None:
    ours = pypack.Tokenizer.from_huggingface(BYTE_LEVEL["roberta"]())
    with pytest.raises(ValueError, match="needs text_pair"):
        ours("one two three four", truncation="only_second", max_length=3)
    with pytest.raises(ValueError, match="stride must be less than the length of a piece, got 3 and 2"):
        ours("one two three four", truncation=True, max_length=4, stride=3)
    with pytest.raises(ValueError, match="as many texts as text: got 1 and 2"):
        ours(["a", "b"], ["c"])
    with pytest.raises(ValueError, match="got 'middle'"):
        ours("a", truncation="middle", max_length=3)
    with pytest.raises(TypeError, match="needs a list of words"):
        ours("a b", is_split_into_words=True)
    with pytest.raises(ValueError, match="is_split_into_words=True"):
        ours("a b").word_ids()
    with pytest.raises(ValueError, match="the text to cut has"):
        ours("a", "one two three four five", truncation="only_first", max_length=5)


def test_a_processor_that_adds_twice_is_refused() -> None:
    content = json.loads(BYTE_LEVEL["roberta"]().to_str())
    content["post_processor"] = {"type": "Sequence", "processors": [content["post_processor"]] * 2}
    ours = pypack.Tokenizer.from_huggingface(Tokenizer.from_str(json.dumps(content)))
    with pytest.raises(ValueError, match="adds ids in several steps"):
        ours("a", "b")


def test_counts_hold_few_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow as pa

    from pypack.tokenizer import counting

    ours = pypack.Tokenizer.from_huggingface(BYTE_LEVEL["roberta"]())
    texts = training_texts()
    expected = ours.encode_batch(texts, add_special_tokens=True).lengths
    held: list[int] = []
    encode_batch = ours._engine.encode_batch

    def watched(batch: Any, **options: Any) -> pypack.Ragged:
        rows = encode_batch(batch, **options)
        held.append(len(rows.values))
        return rows

    monkeypatch.setattr(ours._engine, "encode_batch", watched)
    monkeypatch.setattr(counting, "_DOCUMENTS_AT_ONCE", 7)
    for given_texts in (texts, tuple(texts), iter(texts), np.array(texts, object), pa.array(texts)):
        counts = ours.count_batch(given_texts, add_special_tokens=True, num_threads=1)
        assert counts.dtype == np.int64
        assert np.array_equal(counts, expected)
    assert max(held) < expected.sum() / 4
    assert ours.count_batch([]).tolist() == []
    with pytest.raises(ValueError, match=r"^document 9"):
        ours.count_batch([*texts[:9], "\ud800"], num_threads=1)
    with pytest.raises(TypeError, match="wrap it in a list"):
        ours.count_batch("text")
