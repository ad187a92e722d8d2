"""A tokenizer.json is read without an object per token, and told from others by what it says."""

from __future__ import annotations

import json
import math
from typing import Any

import orjson
import pytest
from fixtures.trained_byte_level import gpt2
from fixtures.trained_sentencepiece import llama2
from fixtures.trained_tokenizers import NATIVE
from fixtures.trained_word_tokenizers import WORD_NATIVE, bert_uncased, t5
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

import pypack
from pypack._core import Merges, Vocabulary, read_definition

TOKENS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TOKENS, inner, max_size=3),
    max_leaves=6,
)


def spellings(draw: Any, value: Any) -> bytes:
    """JSON of a value in one of the ways to write it."""
    indent = draw(st.sampled_from([None, 0, 2]))
    return json.dumps(value, indent=indent, ensure_ascii=draw(st.booleans())).encode()


@given(st.data())
def test_vocabulary_and_merges_are_taken_out(data: st.DataObject) -> None:
    ids = data.draw(st.dictionaries(TOKENS, st.integers(0, 2**32 - 2), max_size=8))
    sides = TOKENS.map(lambda text: text.replace(" ", "_"))
    merges = data.draw(st.lists(st.tuples(sides, sides), max_size=5))
    joined = data.draw(st.booleans())
    rest = data.draw(st.dictionaries(TOKENS.filter(lambda key: key != "model"), JSON_VALUES, max_size=3))
    model = data.draw(
        st.dictionaries(TOKENS.filter(lambda key: key not in ("vocab", "merges")), JSON_VALUES, max_size=3)
    )
    written = [f"{a} {b}" for a, b in merges] if joined else merges
    if joined and merges:
        written = ["#version: 0.2", *written]
    whole = rest | {"model": model | {"vocab": ids, "merges": written}}
    left, vocabulary, found = read_definition(spellings(data.draw, whole), False)
    assert orjson.loads(left) == rest | {"model": model | {"vocab": None, "merges": None}}
    assert vocabulary is not None
    assert found is not None
    assert (len(vocabulary), len(found)) == (len(ids), len(merges))
    assert all(vocabulary.get(token) == token_id for token, token_id in ids.items())
    if len(set(ids.values())) == len(ids):
        assert not vocabulary.repeats_ids
        assert all(vocabulary.token(token_id) == token for token, token_id in ids.items())
    else:
        assert vocabulary.repeats_ids
    assert vocabulary.get("no token has this many letters") is None
    assert vocabulary.id_bound == max(ids.values(), default=-1) + 1
    same = Vocabulary.from_dict(dict(sorted(ids.items())))
    if not same.repeats_ids:
        assert vocabulary.canonical_bytes(found) == same.canonical_bytes(
            Merges(merges and list(map(list, merges)))
        )


@given(st.lists(st.tuples(TOKENS, st.floats(-1e300, 1e300)), max_size=8))
def test_scores(pieces: list[tuple[str, float]]) -> None:
    _, vocabulary, merges = read_definition(json.dumps({"model": {"vocab": pieces}}).encode(), True)
    assert merges is None
    assert vocabulary is not None
    assert vocabulary.canonical_bytes(None) == Vocabulary.from_scores(pieces).canonical_bytes(None)
    assert vocabulary.repeats_tokens == (len({token for token, _ in pieces}) < len(pieces))
    assert all(vocabulary.token(i) == token for i, (token, _) in enumerate(pieces))


def test_scores_of_a_file_are_rounded_as_the_library_does() -> None:
    score = "-9.123456789012345678"
    text = f'{{"model": {{"vocab": [["a", {score}]]}}}}'.encode()
    nearest, serde = (read_definition(text, flag)[1] for flag in (True, False))
    assert nearest is not None
    assert serde is not None
    assert nearest.canonical_bytes(None) == Vocabulary.from_scores([("a", float(score))]).canonical_bytes(
        None
    )
    theirs = math.nextafter(float(score), 0), float(score), math.nextafter(float(score), -math.inf)
    assert serde.canonical_bytes(None) in [
        Vocabulary.from_scores([("a", x)]).canonical_bytes(None) for x in theirs
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected an object"),
        ("[]", "expected an object"),
        ('{"model": {"vocab": {"a": 1,}}}', "expected a string"),
        ('{"model": {"vocab": {"a": 1, "a": 2}}}', "holds a token twice"),
        ('{"model": {"vocab": {"a": 1}, "vocab": {"a": 1}}}', "two vocabularies"),
        ('{"model": {"vocab": {"a": -1}}}', "an id is not an integer"),
        ('{"model": {"vocab": {"a": 1.0}}}', "an id is not an integer"),
        ('{"model": {"vocab": {"a": 01}}}', "an id is not an integer"),
        ('{"model": {"vocab": {"a": 4294967295}}}', "an id is not an integer"),
        ('{"model": {"vocab": {"\\ud800": 1}}}', "not a string of valid UTF-8"),
        ('{"model": {"vocab": [["a", "b"]]}}', "is not a number"),
        ('{"model": {"vocab": [["a"]]}}', r"expected \[token, score\]"),
        ('{"model": {"merges": ["ab"]}}', "not two tokens with a space"),
        ('{"model": {"merges": ["a b c"]}}', "not two tokens with a space"),
        ('{"model": {"merges": ["a b", ["a", "b"]]}}', "merges have two forms"),
        ('{"model": {"merges": [["a", "b", "c"]]}}', r"expected \[left, right\]"),
        ('{"model": {"merges": [], "merges": []}}', "merges twice"),
        ('{"a": nope}', "no JSON value"),
        ('{"model": {"vocab": {"a": 1}', r"expected '\}'"),
    ],
)
def test_what_is_malformed_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_definition(text.encode(), False)
    padded = text.encode() + b"\xff" * 3  # nothing behind the end may be read
    with pytest.raises(ValueError):
        read_definition(padded[: len(text.encode())], False)


@pytest.mark.parametrize("make", [gpt2, llama2, bert_uncased, t5])
def test_fingerprints_do_not_depend_on_spelling(make: Any) -> None:
    reference = make()
    text = reference.to_str()
    base = pypack.Tokenizer.from_huggingface(reference).fingerprint
    assert pypack.Tokenizer.from_huggingface(reference, engine="huggingface").fingerprint == base
    definition = json.loads(text)
    model = definition["model"]
    if "merges" in model:
        model["merges"] = [" ".join(merge) for merge in model["merges"]]
    if isinstance(model["vocab"], dict):
        model["vocab"] = dict(sorted(model["vocab"].items()))
    definition["model"] = dict(reversed(model.items()))
    for spelled in (json.dumps(definition, indent=1), text):
        assert pypack.Tokenizer.from_huggingface(Tokenizer.from_str(spelled)).fingerprint == base


def test_fingerprints_differ_where_ids_may(tmp_path: Any) -> None:
    kinds = {**NATIVE, **WORD_NATIVE}
    prints = {pypack.Tokenizer.from_huggingface(make()).fingerprint for make in kinds.values()}
    assert len(prints) == len(kinds)
    definition = json.loads(gpt2().to_str())
    a, b = definition["model"]["merges"][:2]
    changes = [
        lambda d: d["model"].update(merges=[b, a, *d["model"]["merges"][2:]]),
        lambda d: d["model"].update(ignore_merges=True),
        lambda d: d["added_tokens"][0].update(lstrip=True),
        lambda d: d.update(normalizer={"type": "NFC"}),
    ]
    found = set()
    for i, change in enumerate([lambda d: None, *changes]):
        copy = json.loads(json.dumps(definition))
        change(copy)
        path = tmp_path / f"{i}.json"
        path.write_text(json.dumps(copy))
        found.add(pypack.Tokenizer.from_file(path).fingerprint)
    assert len(found) == len(changes) + 1


def test_what_is_read_by_the_library_alone_has_a_fingerprint_too(tmp_path: Any) -> None:
    text = gpt2().to_str()
    token = json.dumps(next(iter(json.loads(text)["model"]["vocab"])))
    doubled = text.replace('"vocab":{', f'"vocab":{{{token}:7,')  # of two entries the library takes the last
    path = tmp_path / "tokenizer.json"
    path.write_text(doubled)
    ours = pypack.Tokenizer.from_file(path)
    assert ours.engine == "huggingface"
    assert ours.engine_reason is not None
    assert "holds a token twice" in ours.engine_reason
    assert ours.fingerprint == pypack.Tokenizer.from_huggingface(gpt2()).fingerprint
    assert json.loads(ours.to_json()) == json.loads(text)


def test_json_is_the_file_but_for_truncation(tmp_path: Any) -> None:
    reference = gpt2()
    path = tmp_path / "tokenizer.json"
    reference.save(str(path))
    assert pypack.Tokenizer.from_file(path).to_json() == path.read_text()
    reference.enable_truncation(3)
    reference.enable_padding()
    reference.save(str(path))
    ours = pypack.Tokenizer.from_file(path)
    assert json.loads(ours.to_json()) == json.loads(gpt2().to_str())
    assert ours.fingerprint == pypack.Tokenizer.from_huggingface(gpt2()).fingerprint
