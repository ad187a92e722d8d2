"""The scanners of byte-level pretokenizers cut as `tokenizers` does, with every instruction set alike."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from adversarial import random_texts
from conftest import SCALE
from tokenizers import Regex, Tokenizer, models, pre_tokenizers
from trained_tokenizers import NATIVE

from pypack._core import Pretokenizer
from pypack.native.patterns import GPT2
from pypack.native.pretokenizers import is_byte_level, recognize_byte_level
from pypack.native.unsupported import UnsupportedError
from pypack.tiktoken_file import byte_characters

BYTES = {character: byte for byte, character in enumerate(byte_characters())}
PATTERNS = ["gpt2", "cl100k", "qwen2", "qwen3_5", "o200k", "tekken", "starcoder", "falcon", "deepseek_v3"]
# Mostly ASCII in long stretches, for the windows: what patterns tell apart, and what ends a window.
ASCII = "abZs 'tdLl\n\r\t/.!(019\x01\x7f" + "aeiou   "


def windowed_texts(count: int) -> list[str]:
    rng = random.Random(11)
    return [
        "".join(
            rng.choice("é中・²\u0301\u3000\u00a0🙂") if rng.random() < 0.02 else rng.choice(ASCII)
            for _ in range(n)
        )
        for n in (rng.choice([1, 3, 11, 12, 63, 64, 65, 130, 400]) for _ in range(count))
    ]


def texts(count: int) -> list[str]:
    return [*random_texts(12, count), *windowed_texts(count)]


def part_of(pre_tokenizer: pre_tokenizers.PreTokenizer) -> dict[str, Any]:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer
    part: dict[str, Any] = json.loads(tokenizer.to_str())["pre_tokenizer"]
    return part


@pytest.fixture(
    scope="module", params=[name for name in NATIVE if name not in ("every_flag", "prefixed_whole")]
)
def pre_tokenizer(request: pytest.FixtureRequest) -> pre_tokenizers.PreTokenizer:
    chosen = NATIVE[request.param]().pre_tokenizer
    if chosen is None or not is_byte_level(part_of(chosen)):
        pytest.skip("not a byte-level pretokenizer")
    return chosen


def test_words_are_those_of_the_library(pre_tokenizer: pre_tokenizers.PreTokenizer) -> None:
    ours = recognize_byte_level(part_of(pre_tokenizer))
    assert ours is not None
    for text in texts(int(300 * SCALE) + 1):
        expected = [bytes(map(BYTES.__getitem__, w)) for w, _ in pre_tokenizer.pre_tokenize_str(text)]
        for capacity in (1, 3, 256):
            assert ours.words(text, capacity=capacity) == expected, ascii(text)


@pytest.mark.parametrize("instructions", ["avx2", "avx512"])
@pytest.mark.parametrize("name", PATTERNS)
def test_every_instruction_set_finds_the_same_words(name: str, instructions: str) -> None:
    try:
        fast = Pretokenizer.pattern(name, instructions)
    except ValueError:
        pytest.skip(f"this machine has no {instructions}")
    portable = Pretokenizer.pattern(name, "portable")
    for text in texts(int(500 * SCALE) + 1):
        for capacity in (2, 256):
            assert fast.words(text, capacity=capacity) == portable.words(text, capacity=capacity), ascii(text)


def split(behavior: str, invert: bool = False) -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.Split(Regex(GPT2), behavior, invert)


BYTE_LEVEL = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([pre_tokenizers.Split(Regex("x+"), "isolated"), BYTE_LEVEL], r"pattern 'x\+' is not a known one"),
        ([pre_tokenizers.Split(" ", "isolated"), BYTE_LEVEL], "Split on a string"),
        ([split("merged_with_next"), BYTE_LEVEL], "behavior 'MergedWithNext' and invert False"),
        ([split("isolated"), split("isolated"), BYTE_LEVEL], "of 2 steps is not a known one"),
        ([split("isolated"), pre_tokenizers.ByteLevel(add_prefix_space=True)], "prefix space behind other"),
        ([BYTE_LEVEL, BYTE_LEVEL], "ByteLevel twice"),
        ([pre_tokenizers.UnicodeScripts(), BYTE_LEVEL], "'UnicodeScripts' beside ByteLevel"),
    ],
)
def test_what_is_not_known_is_refused_by_name(steps: list[pre_tokenizers.PreTokenizer], message: str) -> None:
    with pytest.raises(UnsupportedError, match=message):
        recognize_byte_level(part_of(pre_tokenizers.Sequence(steps)))
