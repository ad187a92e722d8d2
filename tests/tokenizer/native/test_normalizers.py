"""Normalizers: the same strings and the same offsets as `tokenizers`, over every code point and at random."""

from __future__ import annotations

import itertools
import random
import unicodedata

import pytest
from conftest import SCALE
from fixtures.library_version import LOWERCASED_SINCE_0_22
from fixtures.normalizer_offsets import offsets_of_library, offsets_of_pypack
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Regex, normalizers

from pypack._core import Normalizer

CODE_POINTS = [cp for cp in range(0x110000) if not 0xD800 <= cp < 0xE000]
MARKS = [cp for cp in CODE_POINTS if unicodedata.combining(chr(cp))]
DECOMPOSING = [cp for cp in CODE_POINTS if unicodedata.decomposition(chr(cp))]
# Letters, blanks of all kinds, controls, ideographs, Hangul, marks that stay and marks that go.
AWKWARD = (
    "aA éÉ\t\n\r\x00\x0b\x7f\x85\xa0\u2028\u3000\u0130\ufffd\ufeff\u200b\u200d\u4e00\uf900\U0002f800\uac01"
    "\u0301\u0323\U0001d165\U0001d16d\u302e\u1e9e\u2581\u1100\u1161\u11a8\u0f73\u0344\u0345 {}``''"
)

CASES: dict[str, tuple[Normalizer, normalizers.Normalizer]] = {
    "lowercase": (Normalizer.lowercase(), normalizers.Lowercase()),
    "nmt": (Normalizer.nmt(), normalizers.Nmt()),
    "strip_accents": (Normalizer.strip_accents(), normalizers.StripAccents()),
    "prepend": (Normalizer.prepend("▁x"), normalizers.Prepend("▁x")),
    "replace": (Normalizer.replace(" ", "▁"), normalizers.Replace(" ", "▁")),
    "replace_two": (Normalizer.replace("aa", "é"), normalizers.Replace("aa", "é")),
    "replace_by_nothing": (Normalizer.replace("a", ""), normalizers.Replace("a", "")),
    "replace_spaces": (
        Normalizer.replace_runs(" ", 2, "▁"),
        normalizers.Replace(Regex(" {2,}"), "▁"),
    ),
    "replace_whitespace": (Normalizer.replace_runs(r"\s", 1, " "), normalizers.Replace(Regex(r"\s+"), " ")),
    "albert": (
        Normalizer.sequence(
            [
                Normalizer.replace("``", '"'),
                Normalizer.replace("''", '"'),
                Normalizer.form("NFKD"),
                Normalizer.strip_accents(),
                Normalizer.lowercase(),
                Normalizer.replace_runs(" ", 2, " "),
            ]
        ),
        normalizers.Sequence(
            [
                normalizers.Replace("``", '"'),
                normalizers.Replace("''", '"'),
                normalizers.NFKD(),
                normalizers.StripAccents(),
                normalizers.Lowercase(),
                normalizers.Replace(Regex(" {2,}"), " "),
            ]
        ),
    ),
    "llama": (
        Normalizer.sequence([Normalizer.prepend("▁"), Normalizer.replace(" ", "▁")]),
        normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]),
    ),
    "strip_then_nmt": (
        Normalizer.sequence(
            [Normalizer.strip(left=True, right=True), Normalizer.nmt(), Normalizer.form("NFKC")]
        ),
        normalizers.Sequence([normalizers.Strip(), normalizers.Nmt(), normalizers.NFKC()]),
    ),
}
for form in ("NFC", "NFD", "NFKC", "NFKD"):
    CASES[form] = (Normalizer.form(form), getattr(normalizers, form)())
for left, right in ((True, True), (True, False), (False, True)):
    CASES[f"strip_{left}_{right}"] = (
        Normalizer.strip(left=left, right=right),
        normalizers.Strip(left, right),
    )
for clean, chinese, accents, lower in itertools.product((False, True), repeat=4):
    CASES[f"bert_{clean}_{chinese}_{accents}_{lower}"] = (
        Normalizer.bert(
            clean_text=clean, handle_chinese_chars=chinese, strip_accents=accents, lowercase=lower
        ),
        normalizers.BertNormalizer(clean, chinese, accents, lower),
    )


def random_texts(count: int, seed: int) -> list[str]:
    rng = random.Random(seed)
    rare = rng.sample(DECOMPOSING, 100) + rng.sample(MARKS, 100) + rng.sample(CODE_POINTS, 50)
    pool = list(AWKWARD) * 4 + [chr(cp) for cp in rare]
    short = ["".join(rng.choices(pool, k=rng.randint(0, 30))) for _ in range(count)]
    # Long stretches of ASCII with something else now and then: the block paths and their edges.
    plain = "abc XYZ."
    long = [
        "".join(rng.choice(pool if rng.random() < 0.03 else plain) for _ in range(rng.randint(30, 300)))
        for _ in range(count // 5)
    ]
    return short + long


@pytest.mark.parametrize("name", CASES)
def test_every_code_point(name: str) -> None:
    ours, theirs = CASES[name]
    # In small texts, so that one awkward character does not put all the others on a slower path.
    for start in range(0, len(CODE_POINTS), 32):
        text = "x".join(chr(cp) for cp in CODE_POINTS[start : start + 32] if cp not in LOWERCASED_SINCE_0_22)
        assert ours.normalize(text) == theirs.normalize_str(text), hex(CODE_POINTS[start])


@pytest.mark.parametrize("name", CASES)
def test_random_texts(name: str) -> None:
    ours, theirs = CASES[name]
    for text in random_texts(int(2000 * SCALE), seed=1):
        assert ours.normalize(text) == theirs.normalize_str(text), ascii(text)


@pytest.mark.parametrize("name", CASES)
def test_offsets(name: str) -> None:
    ours, theirs = CASES[name]
    for text in random_texts(int(200 * SCALE), seed=2):
        assert ours.normalize_aligned(text)[0] == theirs.normalize_str(text)
        assert offsets_of_pypack(ours, text) == offsets_of_library(theirs, text), ascii(text)


@given(text=st.text(), name=st.sampled_from(sorted(CASES)))
def test_any_text(text: str, name: str) -> None:
    ours, theirs = CASES[name]
    assert ours.normalize(text) == theirs.normalize_str(text)


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
def test_pairs(form: str) -> None:
    """Everything that may compose, and marks in both orders: the data that single characters do not show."""
    ours, theirs = CASES[form]
    canonical = [cp for cp in DECOMPOSING if not unicodedata.decomposition(chr(cp)).startswith("<")]
    pieces = [unicodedata.decomposition(chr(cp)).split() for cp in canonical]
    firsts = sorted({int(p[0], 16) for p in pieces})
    seconds = sorted({int(p[1], 16) for p in pieces if len(p) == 2})
    jamo = [*range(0x1100, 0x1200), *range(0xAC00, 0xAC00 + 60), 0xA97C, 0xD7B0, 0xD7CB]
    by_class = {unicodedata.combining(chr(cp)): cp for cp in MARKS}
    pairs = itertools.chain(
        itertools.product(firsts, seconds),
        itertools.product(jamo, jamo),
        itertools.product(MARKS[:: 1 if SCALE >= 10 else 3], by_class.values()),
    )
    different = []
    for first, second in pairs:
        text = chr(first) + chr(second)
        if ours.normalize(text) != theirs.normalize_str(text):
            different.append(ascii(text))
    assert different == []


def test_the_forms_are_those_of_unicode_9() -> None:
    # U+11938 came with Unicode 13, U+114BC with Unicode 7.
    new, old = "\U00011938", "\U000114bc"
    assert unicodedata.normalize("NFD", new) != new
    assert normalizers.NFD().normalize_str(new) == Normalizer.form("NFD").normalize(new) == new
    assert Normalizer.form("NFD").normalize(old) == unicodedata.normalize("NFD", old) != old


def test_long_runs_of_marks_take_linear_time() -> None:
    text = "a" + "\u0301\u0323" * 200_000
    assert Normalizer.form("NFC").normalize(text) == normalizers.NFC().normalize_str(text)


@pytest.mark.parametrize("name", ["nfc", "", "NFX"])
def test_an_unknown_form_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="form must be NFC, NFD, NFKC or NFKD"):
        Normalizer.form(name)


def test_an_empty_pattern_is_refused() -> None:
    with pytest.raises(ValueError, match="pattern is empty"):
        Normalizer.replace("", "x")
