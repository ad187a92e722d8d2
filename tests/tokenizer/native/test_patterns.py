"""The scanners of byte-level pretokenizers cut as `tokenizers` does, with every instruction set alike."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from conftest import SCALE
from fixtures.adversarial import random_texts
from fixtures.trained_byte_level import BYTE_LEVEL
from tokenizers import Regex, Tokenizer, models, pre_tokenizers

from pypack._core import Pretokenizer
from pypack.tokenizer.native import patterns
from pypack.tokenizer.native.pretokenizers import recognize_byte_level
from pypack.tokenizer.native.unsupported import UnsupportedError
from pypack.tokenizer.tiktoken_file import byte_characters

BYTES = {character: byte for byte, character in enumerate(byte_characters())}
PATTERNS = ["gpt2", "cl100k", "qwen2", "qwen3_5", "o200k", "tekken", "starcoder", "falcon", "deepseek_v3"]
# For the windows: what patterns tell apart in ASCII, what a window holds beside it, and what may end one.
ASCII = "abZs 'tdLl\n\r\t/.!(019\x01\x7f" + "aeiou   "
WIDE = "éÉжЖß中한あعक\u093e🙂𝒳“—・€"
STOPS = "²٣Ⅷ\u0301\u3000\u00a0\u2028ſǅʰª𝟘\u0378"


def windowed_texts(count: int) -> list[str]:
    rng = random.Random(11)
    made = []
    for _ in range(count):
        wide, stops = rng.choice([0.02, 0.3, 1]), rng.choice([0, 0.02, 0.2])
        length = rng.choice([1, 3, 11, 12, 30, 63, 64, 65, 130, 400])
        alphabets = rng.choices((STOPS, WIDE, ASCII), (stops, wide, 1), k=length)
        made.append("".join(rng.choice(alphabet) for alphabet in alphabets))
    return made


def texts(count: int) -> list[str]:
    return [*random_texts(12, count), *windowed_texts(count)]


def part_of(pre_tokenizer: pre_tokenizers.PreTokenizer) -> dict[str, Any]:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer
    part: dict[str, Any] = json.loads(tokenizer.to_str())["pre_tokenizer"]
    return part


@pytest.mark.parametrize("kind", [name for name in BYTE_LEVEL if name != "every_flag"])
def test_words_are_those_of_the_library(kind: str) -> None:
    pre_tokenizer = BYTE_LEVEL[kind]().pre_tokenizer
    assert pre_tokenizer is not None
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


_WORDS = r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+"
_REST = r" ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"
SPELLINGS = {
    r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s": patterns.GPT2,
    rf"{_WORDS}|\p{{N}}{{1,3}}|{_REST}": patterns.CL100K,
    rf"{_WORDS}|\p{{N}}|{_REST}": patterns.QWEN2,
    rf"{_WORDS}+|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s": (
        patterns.CL100K_TRAILING
    ),
    patterns.QWEN3_5.replace(r"\r\n", "\r\n"): patterns.QWEN3_5,
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_other_spellings_of_a_pattern_cut_alike(spelling: str) -> None:
    assert patterns.canonical(spelling) == SPELLINGS[spelling]
    steps = [pre_tokenizers.Split(Regex(text), "isolated") for text in (spelling, SPELLINGS[spelling])]
    for text in [*texts(int(500 * SCALE) + 1), "'\u017f 'ſt 'LL\u0301 \n  "]:
        assert steps[0].pre_tokenize_str(text) == steps[1].pre_tokenize_str(text), ascii(text)


def test_a_repeated_count_is_not_a_possessive_one() -> None:
    """As Oniguruma has it, where tiktoken's engine has it otherwise."""
    repeated = patterns.CL100K.replace("{1,3}", "{1,3}+")
    assert patterns.canonical(repeated) == repeated
    cut = pre_tokenizers.Split(Regex(repeated), "isolated")
    assert [word for word, _ in cut.pre_tokenize_str("12345")] == ["12345"]


def split(behavior: str, invert: bool = False) -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.Split(Regex(patterns.GPT2), behavior, invert)


TO_BYTES = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([pre_tokenizers.Split(Regex("(?>x+|xy)"), "isolated"), TO_BYTES], r"regex '\(\?>x\+\|xy\)'"),
        ([pre_tokenizers.Split(Regex("(xy+)\\1"), "isolated"), TO_BYTES], "regex"),
        ([split("isolated"), pre_tokenizers.ByteLevel(add_prefix_space=True)], "prefix space behind other"),
        ([TO_BYTES, TO_BYTES], "ByteLevel twice"),
    ],
)
def test_what_is_not_known_is_refused_by_name(steps: list[pre_tokenizers.PreTokenizer], message: str) -> None:
    with pytest.raises(UnsupportedError, match=message):
        recognize_byte_level(part_of(pre_tokenizers.Sequence(steps)))
