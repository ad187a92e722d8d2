"""Unigram with every form of Metaspace: the ids of `tokenizers`, ties and rounding included."""

from __future__ import annotations

import itertools
import json
import random
from typing import Any

import numpy as np
import pytest
from conftest import SCALE
from tokenizers import Tokenizer, models

import pypack
from pypack._core import Model, Pretokenizer, Vocabulary, _testing
from pypack.tokenizer.definition import TokenizerDefinition
from pypack.tokenizer.native.unigram import recognize_unigram
from pypack.tokenizer.native.unsupported import UnsupportedError

LETTERS = ["a", "b", "c", "é", "漢", "▁"]
TEXT = [*LETTERS, "🙂", "<unk>", "<0xE6>", " ", " ", " ", "\n", "\u00a0"]


def metaspace(scheme: str, split: bool) -> dict[str, Any]:
    return {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": split}


def after_whitespace_split(part: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, part]}


PRE_TOKENIZERS = [
    None,
    {"type": "WhitespaceSplit"},
    metaspace("always", True),
    metaspace("never", True),
    metaspace("first", True),
    metaspace("always", False),
    metaspace("never", False),
    after_whitespace_split(metaspace("always", True)),
    after_whitespace_split(metaspace("never", True)),
    after_whitespace_split(metaspace("always", False)),
    {"type": "Metaspace", "replacement": "▁", "add_prefix_space": True, "str_rep": "▁"},
]


def tokenizer_json(
    names: list[str],
    scores: list[str],
    pre_tokenizer: dict[str, Any] | None = None,
    byte_fallback: bool = False,
    unknown_id: int | None = 0,
    normalizer: dict[str, Any] | None = None,
) -> str:
    """A tokenizer.json in which the scores stand as they are given."""
    whole = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": normalizer,
        "pre_tokenizer": pre_tokenizer,
        "post_processor": None,
        "decoder": None,
        "model": {"type": "Unigram", "unk_id": unknown_id, "vocab": "HERE", "byte_fallback": byte_fallback},
    }
    vocabulary = ",".join(f"[{json.dumps(n)}, {s}]" for n, s in zip(names, scores, strict=True))
    return json.dumps(whole).replace('"HERE"', f"[{vocabulary}]")


def encode(source: str, text: str) -> list[int]:
    pretokenizer, model = recognize_unigram(TokenizerDefinition(source.encode(), "test").sections)
    words: list[bytes] = [] if text == "" else [text.encode()]
    if pretokenizer is not None and text:
        words = pretokenizer.words(text, capacity=5)
    return list(itertools.chain.from_iterable(model.tokenize(word).tolist() for word in words))


def random_names(rng: random.Random, byte_fallback: bool) -> list[str]:
    pieces = {"".join(rng.choices(LETTERS, k=rng.choice([1, 1, 2, 3, 4]))) for _ in range(rng.randint(1, 40))}
    names = ["<unk>", *sorted(pieces)]
    if byte_fallback:  # now and then not for every byte
        names += [f"<0x{byte:02X}>" for byte in range(rng.choice([256, 256, 100]))]
    if rng.random() < 0.2:  # a piece may occur twice
        names += names[1:3]
    return names


def random_score(rng: random.Random, kind: str) -> str:
    if kind == "ties":
        return str(-rng.randint(0, 4))
    if kind == "positive":
        return str(rng.randint(0, 40))
    value = -rng.random() * 12
    return repr(float(np.float32(value)) if kind == "single" else value)


@pytest.mark.parametrize("pre_tokenizer", PRE_TOKENIZERS, ids=str)
@pytest.mark.parametrize("kind", ["ties", "positive", "single", "double"])
def test_random_models(pre_tokenizer: dict[str, Any] | None, kind: str) -> None:
    rng = random.Random(kind + str(pre_tokenizer))
    for byte_fallback in (False, True) * (int(2 * SCALE) or 1):
        names = random_names(rng, byte_fallback)
        scores = [random_score(rng, kind) for _ in names]
        source = tokenizer_json(names, scores, pre_tokenizer, byte_fallback)
        theirs = Tokenizer.from_str(source)
        for _ in range(40):
            text = "".join(rng.choices(TEXT, k=rng.choice([0, 1, 3, 10, 60])))
            assert encode(source, text) == theirs.encode(text).ids, ascii(text)


def test_scores_are_rounded_as_the_library_rounds_them() -> None:
    rng = random.Random(1)
    texts = [repr(-rng.random() * 20) for _ in range(3000)]
    texts += [f"-{rng.randint(0, 20)}.{rng.randint(0, 10**20):020d}" for _ in range(1000)]
    texts += ["-1e-5", "-3", "0", "-0.0", "1E3", "1e+2", "1e-320", "3.5e-310", "1.7976931348623157e308"]
    texts += ["123456789012345678901234567890", "12345678901234567890123.25", "184467440737095516150.5"]
    texts += ["18446744073709551615", "-18446744073709551616", "0.000000000000000000000000001234"]
    source = tokenizer_json([f"t{i}" for i in range(len(texts))], texts)
    theirs = [score for _, score in json.loads(Tokenizer.from_str(source).to_str())["model"]["vocab"]]
    ours = _testing.parse_serde_numbers(texts).tolist()
    assert ours == theirs
    assert ours != [float(text) for text in texts]  # the trap is there


def test_ties_in_runs_fall_as_rounding_has_it() -> None:
    """a + aa and aa + a have one sum on paper; which wins is a matter of the last bit of every score."""
    rng = random.Random(3)
    names = ["<unk>", "a", "aa", "aaa", "aaaaa"]
    runs = ["a" * n for n in range(1, 90)]
    for _ in range(int(30 * SCALE)):
        scores = ["0", *(repr(-rng.random() * 5 - 1.5 * len(name)) for name in names[1:])]
        source = tokenizer_json(names, scores)
        from_file = Tokenizer.from_str(source)
        in_memory = Tokenizer(models.Unigram(list(zip(names, map(float, scores), strict=True)), 0, False))
        for text in runs:
            assert encode(source, text) == from_file.encode(text).ids
        native = pypack.Tokenizer.from_huggingface(in_memory, engine="native")
        assert [row.tolist() for row in native.encode_batch(runs)] == [in_memory.encode(t).ids for t in runs]


@pytest.mark.parametrize("text", ["", "-", "1.", ".5", "1e", "1e400", "0x1", "1 ", "nan", "1e99999999999"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a number that JSON and double can hold"):
        _testing.parse_serde_numbers([text])


@pytest.mark.parametrize("capacity", [1, 2, 64])
def test_metaspace_cuts_before_every_space_and_mark(capacity: int) -> None:
    cut = Pretokenizer.metaspace("▁", False)
    rng = random.Random(2)
    for _ in range(int(500 * SCALE)):
        text = "".join(rng.choices(TEXT, k=rng.randint(1, 200)))
        expected = "".join(f"\0{c}" if c in " ▁" else c for c in text).lstrip("\0").split("\0")
        assert [word.decode() for word in cut.words(text, capacity=capacity)] == expected


def test_long_words_take_linear_time() -> None:
    source = tokenizer_json(["<unk>", "a", "aa", "aaaa", "▁"], ["0", "-2", "-3", "-5", "-1"])
    text = "a" * 300_001
    assert encode(source, text) == Tokenizer.from_str(source).encode(text).ids


def test_likely_words_are_those_of_the_text() -> None:
    pieces = ["<unk>", "▁the", "ing", "▁"]
    scores = ["0", "-1", "-2", "-3"]
    for pre_tokenizer, expected in (
        (None, [piece.encode() for piece in pieces]),
        (metaspace("always", True), [b" the", b" "]),
        (after_whitespace_split(metaspace("always", True)), [b"the"]),
    ):
        source = tokenizer_json(pieces, scores, pre_tokenizer)
        _, model = recognize_unigram(TokenizerDefinition(source.encode(), "test").sections)
        assert model.likely_words() == expected


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"unknown_id": None}, "has no unk_id"),
        ({"pre_tokenizer": {"type": "NoSuchThing"}}, "NoSuchThing"),
        ({"pre_tokenizer": metaspace("first", False)}, "'first' with split False"),
        ({"pre_tokenizer": after_whitespace_split(metaspace("first", True))}, "after WhitespaceSplit"),
        (
            {"pre_tokenizer": metaspace("first", True), "normalizer": {"type": "Nmt"}},
            "after normalizer 'Nmt'",
        ),
    ],
)
def test_what_is_not_exact_is_refused(changes: dict[str, Any], message: str) -> None:
    source = tokenizer_json(["<unk>", "a"], ["0", "-1"], **changes)
    with pytest.raises(UnsupportedError, match=message):
        recognize_unigram(TokenizerDefinition(source.encode(), "test").sections)


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="unk_id 1 is not below the number of pieces, 1"):
        Model.unigram(
            pieces=Vocabulary.from_scores([("a", 0.0)]), unknown_id=1, byte_fallback=False, metaspace=None
        )
    with pytest.raises(ValueError, match="the pieces have no scores"):
        Model.unigram(
            pieces=Vocabulary.from_dict({"a": 0}), unknown_id=0, byte_fallback=False, metaspace=None
        )
    with pytest.raises(ValueError, match="'▁▁' is not one character"):
        Pretokenizer.metaspace("▁▁", False)
