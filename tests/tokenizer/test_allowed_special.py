"""`encode_allowed` is tiktoken's `encode`, over special tokens, texts and choices made up by Hypothesis."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pypack

tiktoken = pytest.importorskip("tiktoken")

# None begins another one: which of two comes first is not said by tiktoken.
SPECIAL = ("<|endoftext|>", "<|fim|>", "<s>", "[INST]", "é→", "  ##")
PATTERN = r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""
_PIECES = st.sampled_from(
    [*SPECIAL, "<|endof", "text|>", "<", "|", " ", "a", "INST]", "é", "don't 12", "\n", "##"]
)
_TEXTS = st.lists(_PIECES | st.text(max_size=4), max_size=12).map("".join)
_CHOICES = st.just("all") | st.sets(st.sampled_from(SPECIAL))


@pytest.fixture(scope="module")
def encoding() -> Any:
    ranks = {bytes([byte]): byte for byte in range(256)}
    for merge in (b"<|", b"|>", b"en", b" a", b"do", b"don", "é".encode(), b"##"):
        ranks[merge] = len(ranks)
    ids = {token: len(ranks) + 3 * i for i, token in enumerate(SPECIAL)}
    return tiktoken.Encoding("made_up", pat_str=PATTERN, mergeable_ranks=ranks, special_tokens=ids)


@pytest.fixture(scope="module")
def tokenizer(encoding: Any) -> pypack.Tokenizer:
    return pypack.Tokenizer.from_tiktoken(encoding)


@settings(deadline=None, max_examples=300)
@given(text=_TEXTS, allowed=_CHOICES, disallowed=_CHOICES | st.just(()))
def test_ids_and_refusals(
    encoding: Any, tokenizer: pypack.Tokenizer, text: str, allowed: Any, disallowed: Any
) -> None:
    choice = {"allowed_special": allowed, "disallowed_special": disallowed}
    try:
        expected = encoding.encode(text, **choice)
    except ValueError:
        with pytest.raises(ValueError, match="special token"):
            tokenizer.encode_allowed(text, **choice)
        return
    assert tokenizer.encode_allowed(text, **choice).tolist() == expected


def test_the_choices_by_default(encoding: Any, tokenizer: pypack.Tokenizer) -> None:
    assert tokenizer.encode_allowed("plain <s").tolist() == encoding.encode("plain <s")
    for text in ("a<s>", "<|fim|>"):
        with pytest.raises(ValueError, match="special token"):
            tokenizer.encode_allowed(text)
        with pytest.raises(ValueError, match="disallowed"):
            encoding.encode(text)
