"""Families of models with their published pretokenizers (vocabularies trained here): native and exact."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from conftest import SCALE
from fixtures.adversarial import random_texts
from fixtures.parity import Pair
from fixtures.proofs import code_point_pieces
from fixtures.training_texts import training_texts
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

import pypack
from pypack.tokenizer.native import patterns
from pypack.tokenizer.telling_texts import telling_texts

_CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_SPACES = r"|\s*[\r\n]+|\s+(?!\S)|\s+"
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_CASED = (
    rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+{_CONTRACTIONS}?"
    rf"|[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*{_CONTRACTIONS}?"
)
_LEFT_WHOLE = r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*" + _SPACES

SEED_CODER = (
    _CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}" + "\r\n" + r"]+|\s*["
    "\r\n" + r"]+|\s+(?!\S)|\s+"
)
EXAONE_4 = (
    _CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+"
)
JAIS_2 = (
    _CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s{512}(?!\S)|\s{256}(?!\S)|\s{128}(?!\S)|\s{64}(?!\S)|\s{32}(?!\S)|\s{16}(?!\S)|\s{8}(?!\S)"
    r"|\s{4}(?!\S)|\s{1,2}(?!\S)|\s{1}"
)
AFMOE = (
    r"(?<=\p{N})(?=(?:\p{N}{3})+(?!\p{N}))",
    "[一-鿿㐀-䶿豈-﫿぀-ゟ゠-ヿ･-ﾟ⼀-⿟เ-๿຀-໿ក-៿က-႟ꩠ-ꩿꧠ-꧿가-힯ᄀ-ᇿ]+",
    patterns.DEEPSEEK_V3[2],
)
YOUTU = ("[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥぀-ゟ゠-ヿ]+", _CASED + "|" + _LEFT_WHOLE)
VIKING = (" ?[^(\\s|[.,!?…。，、।۔،])]+", r"\p{N}")
TINY_AYA = (r"\d{1,3}(?=(?:\d{3})*\b)", _CASED + "|" + _LEFT_WHOLE)
NOUGAT = r"[\(\)\[\]\{\}]|([!\"\#\$%\&'\*\+,\-\./:;<=>\?\\\^_`\|\~])\1*"
BAILING = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]"
    r"|\s+(?!\S)|\s+"
)


def split(pattern: str) -> Any:
    return pre_tokenizers.Split(Regex(pattern), "isolated")


def byte_level(*steps: Any, normalizer: Any = None, use_regex: bool = False, **model: Any) -> Tokenizer:
    """Trained with the pretokenizers given and ByteLevel behind them."""
    tokenizer = Tokenizer(models.BPE(**model))
    tokenizer.normalizer = normalizer
    end = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=use_regex)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*steps, end])
    trainer = trainers.BpeTrainer(
        vocab_size=900, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    tokenizer.train_from_iterator(training_texts(), trainer)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken("<|sep|>", normalized=False)])
    return tokenizer


def nougat() -> Tokenizer:
    return byte_level(
        pre_tokenizers.Split("SPL1T-TH1S-Pl3A5E", "removed"),
        pre_tokenizers.Digits(individual_digits=True),
        split(NOUGAT),
        pre_tokenizers.Split("\n", "isolated"),
        normalizer=normalizers.NFKC(),
        use_regex=True,
    )


def chameleon() -> Tokenizer:
    return byte_level(
        split("<sentinel:[0-9]+>"),
        split("(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z"),
        split("([\\t\\n]|    |  )"),
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.Punctuation("isolated"),
        use_regex=True,
    )


MADE: dict[str, Callable[[], Tokenizer]] = {
    "seed-coder, seed-oss": lambda: byte_level(split(SEED_CODER)),
    "exaone 3": lambda: byte_level(
        pre_tokenizers.Digits(individual_digits=True), normalizer=normalizers.NFC(), use_regex=True
    ),
    "exaone 4": lambda: byte_level(split(EXAONE_4), normalizer=normalizers.NFC()),
    "jais": lambda: byte_level(use_regex=True),
    "jais 2": lambda: byte_level(split(JAIS_2)),
    "afmoe": lambda: byte_level(*map(split, AFMOE)),
    "youtu": lambda: byte_level(*map(split, YOUTU)),
    "viking": lambda: byte_level(*map(split, VIKING)),
    "chameleon": chameleon,
    "nougat, galactica": nougat,
    "chatglm 4": lambda: byte_level(split(patterns.CL100K), ignore_merges=True),
    "tiny-aya": lambda: byte_level(*map(split, TINY_AYA), normalizer=normalizers.NFC()),
    "bailing": lambda: byte_level(split(BAILING)),
}
_TELLING = (
    "<sentinel:12>IMGIMGABCZ    \t1,234,567.89 !!!??--(([[]]))",
    "한국어 ㄱㄴ１２３ 「東京」…“x”—：；ㄅㄆ กขค 1234567 abc1234",
    "a" + " " * 1100 + "b" + "\t" * 600,
    "x SPL1T-TH1S-Pl3A5Ey\n\n 12345678901 ++== a b c d",
)


@pytest.fixture(scope="module", params=MADE)
def pair(request: pytest.FixtureRequest) -> Pair:
    reference = MADE[request.param]()
    tokenizer = pypack.Tokenizer.from_huggingface(reference)
    assert tokenizer.engine == "native", tokenizer.engine_reason
    return Pair(reference, tokenizer)


def texts() -> list[str]:
    parts = ("<|sep|>", "12345", "1234567", "'LL", "--", "  \n", "IMGIMGAZ", "SPL1T-TH1S-Pl3A5E")
    hostile = random_texts(47, max(1, int(500 * SCALE)), parts)
    return [*_TELLING, *telling_texts(), *training_texts(), *hostile]


def test_ids(pair: Pair) -> None:
    pair.check(texts())


def test_a_long_word_behind_any_number_of_others(pair: Pair) -> None:
    """Words are cut some hundred at a time: what is left of the room may be less than the text of a word."""
    long = "\uc5b4" * 600
    for count in range(0, 260, 20):
        pair.check(["x " * count, long, f"{long} 1 a"])


def test_code_points(pair: Pair) -> None:
    pieces = code_point_pieces()
    pair.check_pieces([f"a{piece}1 {piece}" for piece in pieces[:: 5 if SCALE < 10 else 29]])
    if SCALE >= 10:
        pair.check_pieces(pieces)


def test_pairs_of_classes(pair: Pair) -> None:
    """Two and three characters of every class that patterns tell apart, one after the other."""
    classes = " \n\t'sLl1-/.(é東ア한ก\u0301\u0660²\u2028“€"
    pair.check_pieces(["".join(two) for two in product(classes, repeat=2)])
    pair.check_pieces(["".join(three) for three in product(classes, repeat=3)][:: max(1, int(3 / SCALE))])


def test_offsets_and_text(pair: Pair) -> None:
    some = texts()[: int(80 * SCALE) or 1]
    rows, ranges = pair.native.encode_batch(some, return_offsets=True)
    for i, text in enumerate(some):
        expected = pair.reference.encode(text, add_special_tokens=False)
        found = ranges[rows.offsets[i] : rows.offsets[i + 1]]
        assert [tuple(one) for one in found.tolist()] == expected.offsets, ascii(text)
        assert pair.native.decode(rows[i]) == pair.reference.decode(expected.ids)
