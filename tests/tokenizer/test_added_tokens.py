"""Added tokens that take in whitespace around them, where they lie side by side."""

from __future__ import annotations

import random

import pytest
from conftest import SCALE
from fixtures.parity import Pair
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

CONTENTS = ["\n", " ", "\n\n", "  ", "\t", "<x>", "<x> ", " <x>", "a", "\u3000", "a ", " a", "\n<x>"]


def byte_level(*tokens: AddedToken) -> Tokenizer:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({character: i for i, character in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    for token in tokens:
        (tokenizer.add_special_tokens if token.special else tokenizer.add_tokens)([token])
    return tokenizer


def test_a_token_is_gone_that_the_one_before_it_has_taken_in() -> None:
    pair = Pair(byte_level(AddedToken("<x>", rstrip=True), AddedToken("\t", lstrip=True, rstrip=True)))
    pair.check(["<x>\t\tb", "<x> \t \t", "\t\t<x>\t"])
    assert pair.native.encode("<x>\t\tb").tolist() == [256, pair.native.token_to_id("b")]


def test_a_token_stays_that_strips_nothing_itself() -> None:
    """What the one before it took in is then cut again, as the library does."""
    pair = Pair(byte_level(AddedToken("<x>", rstrip=True), AddedToken("\t")))
    pair.check(["<x>\t\tb", "<x> \t \tb", "\t\t<x>\t "])


@pytest.mark.parametrize("seed", range(20))
def test_any_flags(seed: int) -> None:
    source = random.Random(seed)
    for _ in range(max(1, int(10 * SCALE))):
        tokens = []
        for content in source.sample(CONTENTS, source.randint(1, 5)):
            flags = {
                flag: source.random() < share
                for flag, share in (("lstrip", 0.5), ("rstrip", 0.5), ("single_word", 0.3), ("special", 0.4))
            }
            tokens.append(AddedToken(content, normalized=source.random() < 0.5, **flags))
        pair = Pair(byte_level(*tokens))
        texts = ["".join(source.choices("\n \t\u3000ab", k=source.randint(0, 25))) for _ in range(100)]
        texts = [text.replace("b", source.choice(["b", "<x>"])) for text in texts]
        pair.check([text for text in texts if is_encoded(pair.reference, text)])
        pair.native.encode_batch(texts)


def is_encoded(tokenizer: Tokenizer, text: str) -> bool:
    """The library panics where a token would begin behind its end."""
    try:
        tokenizer.encode(text)
    except BaseException as error:  # PanicException is no Exception
        assert type(error).__name__ == "PanicException", error
        return False
    return True


@pytest.mark.parametrize("flags", [{"lstrip": True}, {"rstrip": True}, {"lstrip": True, "rstrip": True}])
def test_whitespace_that_strips_whitespace_takes_linear_time(flags: dict[str, bool]) -> None:
    pair = Pair(byte_level(AddedToken("\n", **flags)))
    few = "b" + "\n" * 20
    if is_encoded(pair.reference, few):
        pair.check([few])
    assert len(pair.native.encode("b" + "\n" * 1_000_000)) in (2, 1_000_001)
