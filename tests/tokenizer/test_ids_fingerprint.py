"""`ids_fingerprint`: the same wherever ids are the same for every text, another where they may differ."""

from __future__ import annotations

import json
import shutil
from typing import Any

import numpy as np
import pytest
from fixtures.frameworks import require
from fixtures.trained_byte_level import gpt2
from fixtures.trained_sentencepiece import llama2
from fixtures.trained_tokenizers import NATIVE
from fixtures.trained_word_tokenizers import WORD_NATIVE, bert_uncased, t5
from tokenizers import Tokenizer

import pypack

_TEXT = {"Sequence": {"id": "A", "type_id": 0}}
_ALONE = {
    "type": "TemplateProcessing",
    "single": [_TEXT],
    "pair": [_TEXT, {"Sequence": {"id": "B", "type_id": 1}}],
    "special_tokens": {},
}


def sequence(kind: str, *steps: Any) -> dict[str, Any]:
    return {"type": "Sequence", kind: list(steps)}


def fingerprint(made: Tokenizer, change: Any = lambda definition: None) -> str:
    definition = json.loads(made.to_str())
    change(definition)
    return pypack.Tokenizer.from_huggingface(Tokenizer.from_str(json.dumps(definition))).ids_fingerprint


def nudge(definition: dict[str, Any]) -> None:
    for entry in definition["model"]["vocab"]:
        entry[1] = float(np.nextafter(np.float32(entry[1]).astype(float), 0))


def to_float32(definition: dict[str, Any]) -> None:
    for entry in definition["model"]["vocab"]:
        entry[1] = float(np.float32(entry[1]))


@pytest.mark.parametrize(
    ("make", "change"),
    [
        (gpt2, lambda d: d["decoder"].update(add_prefix_space=True, trim_offsets=False)),
        (gpt2, lambda d: d.update(decoder=None)),
        (gpt2, lambda d: d.update(post_processor=None)),
        (gpt2, lambda d: d.update(post_processor=_ALONE)),
        (gpt2, lambda d: d.update(post_processor=sequence("processors", _ALONE, _ALONE))),
        (gpt2, lambda d: d["pre_tokenizer"].update(trim_offsets=False)),
        (gpt2, lambda d: d.update(pre_tokenizer=sequence("pretokenizers", d["pre_tokenizer"]))),
        (gpt2, lambda d: d.update(normalizer=sequence("normalizers"))),
        (gpt2, lambda d: d["model"].update(continuing_subword_prefix="", end_of_word_suffix="")),
        (gpt2, lambda d: d["model"].update(continuing_subword_prefix=None, end_of_word_suffix=None)),
        (gpt2, lambda d: d["model"].update(dropout=0.0)),
        # Every byte has a token: nothing is unknown, nothing falls back.
        (gpt2, lambda d: d["model"].update(byte_fallback=True, fuse_unk=True)),
        (llama2, lambda d: d["model"].update(unk_token=None, fuse_unk=False)),
        (llama2, lambda d: d.update(truncation=None, decoder=None)),
        (bert_uncased, lambda d: d.update(decoder=None)),
    ],
)
def test_what_changes_no_id_changes_nothing(make: Any, change: Any) -> None:
    made = make()  # once: training is not always the same
    assert fingerprint(made, change) == fingerprint(made)


def test_scores_are_those_of_their_training() -> None:
    """Libraries read the last digits of a file's scores in their own ways."""
    made = t5()
    assert fingerprint(made, nudge) == fingerprint(made, to_float32)

    def other(definition: dict[str, Any]) -> None:
        to_float32(definition)
        definition["model"]["vocab"][5][1] += 1e-4

    assert fingerprint(made, other) != fingerprint(made, to_float32)


@pytest.mark.parametrize(
    ("make", "change"),
    [
        (gpt2, lambda d: d["model"].update(ignore_merges=True)),
        (gpt2, lambda d: d["model"].update(end_of_word_suffix="x")),
        (gpt2, lambda d: d["model"]["merges"].reverse()),
        (gpt2, lambda d: d["added_tokens"][0].update(lstrip=True)),
        (gpt2, lambda d: d.update(normalizer={"type": "NFC"})),
        (gpt2, lambda d: d["pre_tokenizer"].update(add_prefix_space=True)),
        (gpt2, lambda d: d["pre_tokenizer"].update(use_regex=False)),
        (gpt2, lambda d: d["model"].update(dropout=0.1)),
        (llama2, lambda d: d["model"].update(byte_fallback=False)),
        (llama2, lambda d: d.update(post_processor=None)),
        (bert_uncased, lambda d: d["model"].update(unk_token="[CLS]")),
        (bert_uncased, lambda d: d["normalizer"].update(lowercase=False)),
        (bert_uncased, lambda d: d.update(post_processor=None)),
        (t5, lambda d: d["model"].update(unk_id=1)),
    ],
)
def test_what_may_change_ids_is_told_apart(make: Any, change: Any) -> None:
    made = make()
    assert fingerprint(made, change) != fingerprint(made)


def test_an_unknown_token_that_is_used_counts() -> None:
    def without_a_byte(definition: dict[str, Any]) -> None:
        del definition["model"]["vocab"]["Ġ"]
        merges = definition["model"]["merges"]
        definition["model"]["merges"] = [m for m in merges if "Ġ" not in "".join(m)]

    def unknown(definition: dict[str, Any]) -> None:
        without_a_byte(definition)
        definition["model"]["unk_token"] = next(iter(definition["model"]["vocab"]))

    made = gpt2()
    assert fingerprint(made, unknown) != fingerprint(made, without_a_byte)


def test_other_tokenizers_are_others() -> None:
    kinds = {**NATIVE, **WORD_NATIVE}
    assert len({fingerprint(make()) for make in kinds.values()}) == len(kinds)


def test_engines_and_copies_agree() -> None:
    for make in (gpt2, t5):
        made = make()
        ours = pypack.Tokenizer.from_huggingface(made)
        theirs = pypack.Tokenizer.from_huggingface(made, engine="huggingface")
        assert ours.ids_fingerprint == theirs.ids_fingerprint


@pytest.mark.parametrize("name", ["qwen2", "t5_small", "gpt_neox", "mistral03", "gpt2", "llama3"])
def test_a_file_and_what_transformers_makes_of_it(shared: Any, tmp_path: Any, name: str) -> None:
    transformers = require("transformers")
    kinds = {
        "qwen2": "Qwen2TokenizerFast",
        "t5_small": "T5TokenizerFast",
        "gpt_neox": "GPTNeoXTokenizerFast",
        "mistral03": "LlamaTokenizerFast",
        "gpt2": "GPT2TokenizerFast",
        "llama3": "PreTrainedTokenizerFast",
    }
    shutil.copy(shared / "data" / "tokenizers" / f"{name}.json", tmp_path / "tokenizer.json")
    ours = pypack.Tokenizer.from_file(tmp_path)
    theirs = pypack.Tokenizer.from_huggingface(getattr(transformers, kinds[name]).from_pretrained(tmp_path))
    texts = ["Hello world  ", "naïve 東京 🙂\n\n 12345 don't", " \t"]
    assert [r.tolist() for r in ours.encode_batch(texts)] == [r.tolist() for r in theirs.encode_batch(texts)]
    assert ours.ids_fingerprint == theirs.ids_fingerprint
