"""SentencePiece-style BPE whose vocabulary lacks what every trained one has."""

from __future__ import annotations

from typing import Any

import pytest
from fixtures.parity import Pair
from tokenizers import Tokenizer, models, normalizers

import pypack


def marked_spaces(tokens: list[str], merges: list[tuple[str, str]], **options: Any) -> Tokenizer:
    vocabulary = {token: i for i, token in enumerate([*tokens, *(left + right for left, right in merges)])}
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, **options))
    tokenizer.normalizer = normalizers.Replace(" ", "\u2581")
    return tokenizer


def test_characters_beside_one_that_vanishes_may_merge() -> None:
    """Without an unknown token the model drops what it lacks; no token holds "a?" and "?b"."""
    pair = Pair(marked_spaces(["a", "b", "\u2581"], [("a", "b"), ("ab", "\u2581")]))
    pair.check(["a?b", "a??b ", "?a?b?a", "??", "a b ?b"])
    assert pair.native.encode("a?b").tolist() == [pair.native.token_to_id("ab")]


@pytest.mark.parametrize("tokens", [["a"], ["a", "\u2581"]])
def test_byte_fallback_of_spaces(tokens: list[str]) -> None:
    """Where the marker is no token, its three bytes are asked for, not those of a space."""
    fallback = [f"<0x{byte:02X}>" for byte in range(256)]
    reference = marked_spaces([*fallback, *tokens], [], byte_fallback=True)
    ours = pypack.Tokenizer.from_huggingface(reference)
    assert ours.engine == ("native" if "\u2581" in tokens else "huggingface")
    assert ours.encode("a é").tolist() == reference.encode("a é").ids
    if ours.engine != "native":
        with pytest.raises(ValueError, match="model BPE has byte_fallback, and no token \u2581 for a space"):
            pypack.Tokenizer.from_huggingface(Tokenizer.from_str(reference.to_str()), engine="native")
