"""Any pretokenizers one after the other, and regexes compiled to automata: the words of `tokenizers`."""

from __future__ import annotations

import re
from typing import Any

import pytest
from conftest import SCALE
from fixtures.adversarial import random_texts
from fixtures.proofs import code_point_pieces
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Regex, pre_tokenizers
from tokenizers import Tokenizer as HuggingFaceTokenizer

from pypack._core import Pretokenizer
from pypack.tokenizer.native import patterns
from pypack.tokenizer.native.regex_automaton import automaton
from pypack.tokenizer.native.split_steps import recognize_steps
from pypack.tokenizer.native.unsupported import UnsupportedError

BEHAVIORS = ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous")
LATIN = r"[\p{Latin}]+|\p{Han}+|[^\p{Latin}\p{Han}]"
KIMI = (
    r"[\p{Han}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*"
    r"[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
PATTERNS = [
    patterns.GPT2,
    patterns.CL100K,
    patterns.NANOCHAT,
    patterns.QWEN3_5,
    patterns.O200K,
    patterns.TEKKEN,
    patterns.CLIP,
    *patterns.DEEPSEEK_V3,
    r"<\|startoftext\|>|<\|endoftext\|>|" + patterns.CLIP,
    r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s+(?!\S)|\s",
    KIMI,
    LATIN,
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}+|\s+",
    r"(?i:[k-s0-9_]+)|(?i:[^a-f\s]{2})",
    r"(?i:[^S\dx]+)",
    r"[0-9]",
    r"\d",
    r"\n+",
    r"[\r\n]",
    r"\s?\p{L}+|\s?\p{N}+",
    r"\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-Ⴥ]+",
    r"\s?[!-/:-~！-／：-～‘-‟　-。]+",
    r"\s+(?=\d)|a|(?:ab|abc)(?!d)|x*y",
    r"(\w|\.)+|[^\w.]",
    r"[a-f\-\]\\^]+|[^a-f]{2,3}",
    r"a{2}b?+|[\u4e00-\u9fa5]+|\x{1F600}|\S\z",
    r".",
    # What matches nothing, lazy ones, anchors, what looks around, back references.
    "",
    "a*",
    "a|",
    r"\s*",
    "(?!a)",
    r"$",
    r"^",
    r"\b",
    r"\B",
    r"\A.",
    r"\s+$",
    r"^\s+|\S+?$",
    r"\b\w+\b|\W",
    r"\ba|b\B|\Bb\b",
    r"a+?b|.+? |b{1,3}?|\d??1",
    r"a{2}?b|[ab]{2}?",
    r"(?<=a)b|(?<!\s)\s|(?<=\d)\d",
    r"(?=ab)a|(?!a1)a|(?=(?:\d{3})+(?!\d))\d",
    r"(?=(\d{3})+(?!\d))",
    r"\d{1,3}(?=(?:\d{3})*\b)",
    r"(?=a+b$)|(?!\bab)\S",
    r"([!\"\#\$%\&'\*\+,\-\./:;<=>\?\\\^_`\|\~])\1*|(a)b\2",
    r"([ab])([12])\1\2?|.",
]
TEXTS = random_texts(
    5,
    max(1, int(400 * SCALE)),
    ("<|startoftext|>", "'ll", "'S", "ab", "abc", "aab", "123", "--", "12345", "a1a1"),
)


def words_of(ours: Pretokenizer, text: str, capacity: int = 256) -> list[str]:
    return [word.decode() for word in ours.words(text, True, capacity)] if text else []


def snake(name: str) -> str:
    return re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()


def theirs_of(parts: list[dict[str, Any]]) -> Any:
    sequence = {"type": "Sequence", "pretokenizers": parts}
    content = {
        "version": "1.0",
        "added_tokens": [],
        "model": {"type": "WordLevel", "vocab": {}, "unk_token": ""},
    }
    import json

    return HuggingFaceTokenizer.from_str(json.dumps(content | {"pre_tokenizer": sequence})).pre_tokenizer


@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns(pattern: str) -> None:
    compiled = automaton(pattern)
    for behavior in BEHAVIORS:
        for invert in (False, True):
            theirs = pre_tokenizers.Split(Regex(pattern), snake(behavior), invert)
            ours = Pretokenizer.steps([(compiled, behavior, invert)])
            for i, text in enumerate(TEXTS):
                expected = [word for word, _ in theirs.pre_tokenize_str(text)]
                assert words_of(ours, text, 1 + i % 40) == expected, (behavior, invert, ascii(text))


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_code_point(pattern: str) -> None:
    """Some alone; at a PYPACK_TEST_SCALE of 10 all, a few hundred in a text: a call for each takes hours."""
    theirs = pre_tokenizers.Split(Regex(pattern), "isolated")
    ours = Pretokenizer.steps([(automaton(pattern), "Isolated", False)])
    pieces = code_point_pieces()
    texts = list(pieces[:: 7 if SCALE < 10 else 499])
    if SCALE >= 10:
        texts += ["\n".join(pieces[i : i + 300]) for i in range(0, len(pieces), 300)]
        texts += [" ".join(pieces[i : i + 300]) for i in range(150, len(pieces), 3000)]
    for piece in texts:
        assert words_of(ours, piece) == [word for word, _ in theirs.pre_tokenize_str(piece)], ascii(piece)


@pytest.mark.parametrize(
    "pattern",
    [r"(ab)\1", r"(a)+\1", r"(\w)\1", r"\1(a)", r"(a)\12", "(?<=ab)b", "(?=a(?=bc))a", "(?:(?=ab))*", "^*",
     r"\b+", "(ab)++", "(?>ab)", "(?i:ss)", "(?i:[a-é])", "(?i:[s])", r"(?i:[\p{L}])",
     "(?i:[a[b]])", "(?i:[a-z&&[^b]])", r"\p{Nothing}", r"[[:alpha:]]", "a{1000}", "a{,3}",
     "(a", "a)", "[a", r"\X", r"\Ka", "(?m:.)", "(?<n>a)", r"\h", r"\R", "(a|)+", r"a\Z", r"\Ga", "a{1,500}",
     "(?=ab)(?=ac)(?=ad)(?=ae)a"],
)  # fmt: skip
def test_what_is_not_known_is_refused(pattern: str) -> None:
    with pytest.raises(UnsupportedError):
        automaton(pattern)


ATOMS = st.sampled_from(
    [
        "a",
        "b",
        " ",
        r"\s",
        r"\S",
        r"\p{L}",
        r"\p{N}",
        r"[^\s\p{L}\p{N}]",
        "[ab]",
        "[^a]",
        r"\n",
        ".",
        r"\p{Lu}",
        "'",
    ]
)


def wrapped(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda pair: f"(?:{pair[0]}|{pair[1]})"),
        st.tuples(
            inner, st.sampled_from(["?", "*", "+", "{2}", "{1,3}", "{2,}", "??", "*?", "+?", "{1,3}?"])
        ).map(lambda pair: f"(?:{pair[0]}){pair[1]}"),
        st.tuples(ATOMS, st.sampled_from(["++", "*+", "?+"])).map("".join),
        st.tuples(inner, ATOMS).map(lambda pair: f"{pair[0]}(?!{pair[1]})"),
        st.tuples(inner, ATOMS).map(lambda pair: f"{pair[0]}(?={pair[1]})"),
        st.tuples(inner, st.sampled_from(["^", "$", r"\b", r"\B", r"\A", r"\z"])).map("".join),
        st.tuples(st.sampled_from(["^", r"\b", r"\B", "(?<=a)", r"(?<!\s)"]), inner).map("".join),
        st.tuples(inner, inner, st.sampled_from("=!")).map(lambda two: f"{two[0]}(?{two[2]}{two[1]})"),
        st.tuples(inner, inner).map(lambda pair: f"(?:{pair[0]}|)(?={pair[1]})"),
    )


@given(
    st.recursive(ATOMS, wrapped, max_leaves=8),
    st.lists(st.text("ab \n'A1!é日", max_size=14), min_size=1, max_size=8),
    st.sampled_from(BEHAVIORS),
    st.booleans(),
)
def test_any_regex(pattern: str, texts: list[str], behavior: str, invert: bool) -> None:
    try:
        compiled = automaton(pattern)
    except UnsupportedError:
        return
    theirs = pre_tokenizers.Split(Regex(pattern), snake(behavior), invert)
    ours = Pretokenizer.steps([(compiled, behavior, invert)])
    for text in texts:
        assert words_of(ours, text, 2) == [word for word, _ in theirs.pre_tokenize_str(text)], (pattern, text)


def instructed(compiled: Any, instructions: str) -> Pretokenizer:
    try:
        return Pretokenizer.steps([(compiled, "Isolated", False)], instructions)
    except ValueError:
        pytest.skip(f"this machine has no {instructions}")


# What automata cut in strips is long; runs through strips begin in the midst of words, of whitespace, of
# characters, and some never come to a place where a word begins.
LONG = [
    "a" * 3000,
    "word " * 700,
    "a\n    b\n\n\t\tc = 'd''s'  \r\n" * 90,
    "\u4e2d\u6587" * 600 + " " * 500 + "1" * 700 + "\n" * 400 + "!" * 300,
    "".join("xyz "[i % 4] * (i % 37) for i in range(400)),
    "e\u0301\U0001f600 \u3000\u00a0\u017f'\u017f 12345" * 60,
]


def joined_texts() -> list[str]:
    """Random texts after one another, until they are long enough for strips."""
    texts, joined = TEXTS * 12, []
    for i, size in enumerate([30, 60, 120, 200, 400] * max(1, int(4 * SCALE))):
        begin = 41 * i % (len(texts) - size if len(texts) > size else 1)
        joined.append("".join(texts[begin : begin + size]))
    return joined


EXAONE = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+"
)


VIKING = " ?[^(\\s|[.,!?\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c])]+"


@pytest.mark.parametrize("instructions", ["portable", "avx2", "avx512"])
@pytest.mark.parametrize(
    "pattern", [patterns.GPT2, patterns.O200K, patterns.CL100K, EXAONE, KIMI, LATIN, VIKING, r"\p{N}", "ab+ "]
)
def test_long_texts(pattern: str, instructions: str) -> None:
    theirs = pre_tokenizers.Split(Regex(pattern), "isolated")
    ours = instructed(automaton(pattern), instructions)
    for text in LONG + joined_texts():
        expected = [word for word, _ in theirs.pre_tokenize_str(text)]
        for capacity in (256, 60, 1000):
            assert words_of(ours, text, capacity) == expected, (capacity, ascii(text[:50]))


@given(
    st.recursive(ATOMS, wrapped, max_leaves=8),
    st.lists(st.text("ab \n'A1!\u00e9\u65e5", min_size=1, max_size=9), min_size=1, max_size=9),
    st.integers(40, 2000),
)
def test_any_regex_on_long_texts(pattern: str, parts: list[str], capacity: int) -> None:
    """Of regexes that match every character alone, so that strips are tried."""
    pattern = f"{pattern}|a+b|\\s+(?!\\S)|[\\s\\S]"
    try:
        compiled = automaton(pattern)
    except UnsupportedError:
        return
    theirs = pre_tokenizers.Split(Regex(pattern), "isolated")
    ours = Pretokenizer.steps([(compiled, "Isolated", False)])
    text = "".join(parts[i * i % len(parts)] for i in range(130))
    text = text * (1 + 250 // len(text))
    assert words_of(ours, text, capacity) == [word for word, _ in theirs.pre_tokenize_str(text)], pattern


@given(
    st.recursive(ATOMS, wrapped, max_leaves=8),
    st.lists(st.text("ab \n'A1!\u00e9\u65e5", min_size=1, max_size=9), min_size=1, max_size=9),
    st.integers(40, 2000),
    st.sampled_from(["best", "portable"]),
)
def test_any_gaps_on_long_texts(pattern: str, parts: list[str], capacity: int, instructions: str) -> None:
    """Of regexes that leave text between their matches, which is cut as if it were a match."""
    try:
        compiled = automaton(pattern)
    except UnsupportedError:
        return
    theirs = pre_tokenizers.Split(Regex(pattern), "isolated")
    ours = Pretokenizer.steps([(compiled, "Isolated", False)], instructions)
    text = "".join(parts[i * i % len(parts)] for i in range(130))
    text = text * (1 + 250 // len(text))
    assert words_of(ours, text, capacity) == [word for word, _ in theirs.pre_tokenize_str(text)], pattern


@pytest.mark.parametrize("instructions", ["portable", "avx2", "avx512"])
@pytest.mark.parametrize("behavior", BEHAVIORS)
@pytest.mark.parametrize("pattern", [r"\p{N}", r"\d{1,3}(?=(?:\d{3})*\b)", "(?=a+b$)a", r"\bx|\u4e2d", "a?"])
def test_a_pattern_behind_another(pattern: str, behavior: str, instructions: str) -> None:
    """It looks only where one of its matches may begin, and ahead only from there."""
    splits: list[dict[str, Any]] = [
        {"type": "Split", "pattern": {"Regex": VIKING}, "behavior": "Isolated", "invert": False},
        {
            "type": "Split",
            "pattern": {"Regex": pattern},
            "behavior": behavior,
            "invert": len(pattern) % 2 == 0,
        },
    ]
    for steps in (splits, splits[1:]):
        theirs = theirs_of(steps)
        try:
            ours = Pretokenizer.steps(
                [(automaton(s["pattern"]["Regex"]), s["behavior"], s["invert"]) for s in steps], instructions
            )
        except ValueError:
            pytest.skip(f"this machine has no {instructions}")
        for text in LONG + joined_texts()[:5]:
            expected = [word for word, _ in theirs.pre_tokenize_str(text)]
            assert words_of(ours, text) == expected, ascii(text[:50])


PARTS: list[dict[str, Any]] = [
    {"type": "Digits", "individual_digits": True},
    {"type": "Digits", "individual_digits": False},
    *({"type": "Punctuation", "behavior": behavior} for behavior in BEHAVIORS),
    {"type": "Whitespace"},
    {"type": "WhitespaceSplit"},
    {"type": "BertPreTokenizer"},
    {"type": "CharDelimiterSplit", "delimiter": "a"},
    {"type": "FixedLength", "length": 3},
    {"type": "UnicodeScripts"},
    {"type": "Split", "pattern": {"String": "ab"}, "behavior": "Isolated", "invert": False},
    {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithNext", "invert": True},
    {"type": "Split", "pattern": {"Regex": patterns.CL100K}, "behavior": "Removed", "invert": True},
    {"type": "Split", "pattern": {"Regex": r"\n+"}, "behavior": "Isolated", "invert": False},
    {"type": "Split", "pattern": {"Regex": r"\s?\p{L}+"}, "behavior": "MergedWithPrevious", "invert": False},
]


@given(st.lists(st.sampled_from(PARTS), min_size=1, max_size=5), st.integers(0, 10**6))
def test_any_sequence(parts: list[dict[str, Any]], seed: int) -> None:
    theirs, ours = theirs_of(parts), recognize_steps(parts)
    assert ours is not None
    for text in random_texts(seed, 20, ("ab", "123")):
        expected = [word for word, _ in theirs.pre_tokenize_str(text)]
        assert words_of(ours, text, 1 + seed % 9) == expected, (parts, ascii(text))


def test_a_piece_asked_for_in_turns_with_others() -> None:
    """Words are found again where another piece has come in between."""
    ours = recognize_steps([{"type": "Digits", "individual_digits": True}, {"type": "WhitespaceSplit"}])
    assert ours is not None
    text = "ab 12 cd3 " * 30
    expected = words_of(ours, text, 1000)
    for capacity in (1, 2, 3, 50):
        assert words_of(ours, text, capacity) == expected


@pytest.mark.parametrize(
    "name",
    [r"\s", r"\d", r"\w", *(rf"\p{{{name}}}" for name in
     ("L", "M", "N", "P", "S", "Z", "C", "Ll", "Lu", "Lm", "Lo", "Mn", "Mc", "Nd", "No", "Nl", "Pc", "Sc",
      "Cn", "Cc", "Co", "Cf", "Han", "Hiragana", "Katakana", "Hangul", "Latin", "Cyrillic", "Arabic", "Thai",
      "Greek", "Devanagari", "Hebrew"))],
)  # fmt: skip
def test_sets_of_characters(name: str) -> None:
    """Over every code point at once."""
    everything = "".join(chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000)
    theirs = pre_tokenizers.Split(Regex(name + "+"), "isolated")
    ours = Pretokenizer.steps([(automaton(name + "+"), "Isolated", False)])
    assert words_of(ours, everything, 100000) == [word for word, _ in theirs.pre_tokenize_str(everything)]
