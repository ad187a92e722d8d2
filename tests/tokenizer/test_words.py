"""Where words begin: natively as `tokenizers` says, for every kind of tokenizer."""

from __future__ import annotations

from functools import cache

import numpy as np
import pyarrow as pa
import pytest
from conftest import SCALE
from fixtures.adversarial import random_texts
from fixtures.trained_tokenizers import KINDS
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

import pypack
from pypack.tokenizer.engine import WordsError

PIECES = (
    "hello", " world", "  ", "\n", "\n\n ", "naïve", " 漢字", "😀", "don't", "12345", "<s>", "</s>", "x" * 40,
    "a.b,c", "<|endoftext|>", "[MASK]", "\u2581",
)  # fmt: skip
texts = st.lists(st.lists(st.sampled_from(PIECES), max_size=12).map("".join), max_size=5)


@cache
def tokenizers_of(kind: str) -> tuple[pypack.Tokenizer, Tokenizer]:
    library = KINDS[kind]()
    return pypack.Tokenizer.from_huggingface(library), library


def definition(library: Tokenizer, documents: list[str]) -> list[bool]:
    """A word begins where the library's number of the word changes, and with every document."""
    begins = []
    for encoding in library.encode_batch(documents, add_special_tokens=False):
        words = encoding.word_ids
        begins += [i == 0 or word != words[i - 1] for i, word in enumerate(words)]
    return begins


def check(kind: str, documents: list[str]) -> None:
    ours, library = tokenizers_of(kind)
    wanted = definition(library, documents)
    for threads in (1, 3):
        rows, look_alikes, begins = ours.encode_batch_with_words(documents, num_threads=threads)
        assert begins.dtype == np.bool_
        assert begins.tolist() == wanted
        assert rows == ours.encode_batch(documents)
        assert look_alikes.tolist() == []
        plain, spelled, _ = ours.encode_batch_with_words(
            documents, split_special_tokens=True, num_threads=threads
        )
        expected, of_text = ours.encode_as_text(documents)
        assert plain == expected
        assert spelled.tolist() == of_text.tolist()


# A kind of words each; the others are seen at larger scales.
FEW = (
    "gpt2",
    "llama3",
    "o200k",
    "every_flag",
    "bert_uncased",
    "bpe_of_words",
    "t5",
    "xlm_roberta",
    "deberta",
)


@pytest.mark.parametrize("kind", FEW if SCALE <= 1 else KINDS)
@settings(max_examples=int(15 * SCALE))
@given(documents=texts)
def test_words_are_those_of_the_library(kind: str, documents: list[str]) -> None:
    check(kind, documents)


@pytest.mark.parametrize("kind", ["gpt2", "bert_uncased", "t5"])
def test_long_and_odd_documents(kind: str) -> None:
    check(kind, [*random_texts(5, 40), "word " * 20_000, "", "y" * 3000 + " z"])


def test_arrow_and_bytes_give_the_same() -> None:
    ours, _ = tokenizers_of("gpt2")
    documents = ["one two", "", "three, four"]
    wanted = ours.encode_batch_with_words(documents)[2].tolist()
    for given_as in (pa.array(documents), pa.chunked_array([documents[:1], documents[1:]]),
                     [one.encode() for one in documents], np.array(documents, object)):  # fmt: skip
        assert ours.encode_batch_with_words(given_as)[2].tolist() == wanted


def test_a_context_that_noted_words_notes_none_afterwards() -> None:
    ours, _ = tokenizers_of("llama3")
    documents = ["some words, and more", "of them"]
    before = ours.encode_batch(documents, num_threads=1)
    with pytest.raises(ValueError, match="document 1"):
        ours.encode_batch_with_words([documents[0], b"\xff"], num_threads=1)
    ours.encode_batch_with_words(documents, num_threads=1)
    assert ours.encode_batch(documents, num_threads=1) == before
    assert ours.encode(documents[0]).tolist() == before[0].tolist()


def test_what_sees_whole_texts_has_one_word() -> None:
    for kind in ("llama2", "gemma", "unigram_whole"):
        assert not tokenizers_of(kind)[0].cuts_words
    assert tokenizers_of("metaspace_always")[0].cuts_words


def test_native_words_that_there_are_not_are_refused_where_asked_for() -> None:
    native = pypack.Tokenizer.from_huggingface(KINDS["metaspace_always"](), engine="native")
    with pytest.raises(WordsError, match="huggingface"):
        native.encode_batch_with_words(["one two"])
