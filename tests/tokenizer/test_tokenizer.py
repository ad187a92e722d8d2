"""The Tokenizer class on the `huggingface` engine: ids, special ids, fingerprint, errors."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from tokenizers import Tokenizer as HuggingFaceTokenizer

import pypack


@pytest.fixture(scope="module")
def tokenizer(tokenizer_file: Path) -> pypack.Tokenizer:
    return pypack.Tokenizer.from_file(tokenizer_file, engine="huggingface")


@pytest.fixture(scope="module")
def reference(tokenizer_file: Path) -> HuggingFaceTokenizer:
    return HuggingFaceTokenizer.from_file(str(tokenizer_file))


@pytest.mark.parametrize("num_threads", [None, 1, 2, 5])
def test_ids_are_those_of_the_library(tokenizer, reference, sample_texts, num_threads):
    encoded = tokenizer.encode_batch(sample_texts, num_threads=num_threads)
    assert encoded.values.dtype == np.uint32
    assert [row.tolist() for row in encoded] == [e.ids for e in reference.encode_batch(sample_texts)]


@pytest.mark.parametrize(
    "convert",
    [
        lambda texts: [text.encode() for text in texts],
        lambda texts: np.array(texts, dtype=object),
        lambda texts: pa.array(texts),
        lambda texts: pa.array(texts, pa.large_string()),
        lambda texts: pa.chunked_array([texts[:3], texts[3:]]),
    ],
    ids=["bytes", "object array", "arrow", "large arrow", "chunked arrow"],
)
def test_every_kind_of_input_gives_the_same_ids(tokenizer, sample_texts, convert):
    assert tokenizer.encode_batch(convert(sample_texts)) == tokenizer.encode_batch(sample_texts)


def test_decode_gives_the_text_back(tokenizer, sample_texts):
    assert tokenizer.decode_batch(tokenizer.encode_batch(sample_texts)) == sample_texts
    assert tokenizer.decode([tokenizer.eos_id]) == ""
    assert tokenizer.decode([tokenizer.eos_id], skip_special_tokens=False) == "<|endoftext|>"


def test_empty_documents_and_no_documents(tokenizer):
    assert tokenizer.encode_batch(["", "a", ""]).lengths.tolist() == [0, 1, 0]
    assert len(tokenizer.encode_batch([])) == 0


def test_special_token_look_alikes(tokenizer):
    assert tokenizer.encode("<|endoftext|>").tolist() == [tokenizer.eos_id]
    split = tokenizer.encode("<|endoftext|>", split_special_tokens=True)
    assert tokenizer.eos_id not in split
    assert tokenizer.decode(split) == "<|endoftext|>"


def test_special_ids(tokenizer, tokenizer_file, tmp_path):
    assert (tokenizer.eos_id, tokenizer.bos_id, tokenizer.pad_id) == (0, None, None)
    asked = pypack.Tokenizer.from_file(tokenizer_file, pad_token="!")
    assert asked.pad_id == asked.token_to_id("!")
    with pytest.raises(ValueError, match="eos_token '<nowhere>' is not in the tokenizer's vocabulary"):
        pypack.Tokenizer.from_file(tokenizer_file, eos_token="<nowhere>")

    shutil.copy(tokenizer_file, tmp_path / "tokenizer.json")
    config = {"eos_token": {"content": "a"}, "bos_token": "b", "pad_token": None}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    configured = pypack.Tokenizer.from_file(tmp_path)
    assert configured.eos_id == configured.token_to_id("a")
    assert configured.bos_id == configured.token_to_id("b")


def test_a_configured_token_that_the_vocabulary_lacks(tokenizer_file, tmp_path):
    shutil.copy(tokenizer_file, tmp_path / "tokenizer.json")
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"pad_token": "<nowhere>"}))
    with pytest.warns(
        UserWarning, match="names the pad_token '<nowhere>', which is not in its vocab"
    ) as record:
        configured = pypack.Tokenizer.from_file(tmp_path)
    assert record[0].filename == __file__
    assert configured.pad_id is None
    assert configured.eos_id is not None
    assert pypack.Tokenizer.from_file(tmp_path, pad_token="!").pad_id is not None  # no warning


def test_fingerprint_follows_what_decides_ids(tokenizer, reference, tokenizer_file):
    assert pypack.Tokenizer.from_file(tokenizer_file).fingerprint == tokenizer.fingerprint
    cut = HuggingFaceTokenizer.from_str(reference.to_str())
    cut.enable_truncation(4)
    uncut = pypack.Tokenizer.from_huggingface(cut)
    assert uncut.fingerprint == tokenizer.fingerprint
    assert len(uncut.encode("the packer takes each document")) > 4
    assert cut.truncation is not None, "the caller's object must stay as it was"
    grown = HuggingFaceTokenizer.from_str(reference.to_str())
    grown.add_tokens(["zyzzyva"])
    other = pypack.Tokenizer.from_huggingface(grown)
    assert other.fingerprint != tokenizer.fingerprint
    assert other.vocab_size == tokenizer.vocab_size + 1


def test_pickle(tokenizer, sample_texts):
    copy = pickle.loads(pickle.dumps(tokenizer))
    assert copy.fingerprint == tokenizer.fingerprint
    assert copy.special_tokens == tokenizer.special_tokens
    assert copy.encode_batch(sample_texts) == tokenizer.encode_batch(sample_texts)


@pytest.mark.parametrize(
    ("texts", "error", "message"),
    [
        (["ok", "\ud800"], ValueError, "document 1: lone surrogate at character 0"),
        ([b"ok", b"a\xff"], ValueError, "document 1: invalid UTF-8 at byte 1"),
        (pa.array(["ok", None]), ValueError, "document 1 is null"),
        (["ok", 3], TypeError, "document 1: expected str or bytes, got int"),
        ("text", TypeError, "sequence of documents, got one str"),
    ],
)
def test_bad_documents_are_named(tokenizer, texts, error, message):
    with pytest.raises(error, match=message):
        tokenizer.encode_batch(texts)


def test_bad_files_and_objects_are_named(tmp_path):
    broken = tmp_path / "tokenizer.json"
    broken.write_text("{}")
    with pytest.raises(ValueError, match=r"tokenizer\.json: not a tokenizer\.json"):
        pypack.Tokenizer.from_file(broken)
    with pytest.raises(FileNotFoundError):
        pypack.Tokenizer.from_file(tmp_path / "missing.json")
    with pytest.raises(TypeError, match="got int"):
        pypack.Tokenizer.from_huggingface(3)


def test_num_threads_is_checked(tokenizer):
    with pytest.raises(ValueError, match="num_threads must be at least 1"):
        tokenizer.encode_batch(["a"], num_threads=0)


def test_the_name_of_a_model_is_no_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"gpt2: No such file; a tokenizer is given as the path"):
        pypack.Tokenizer.from_file("gpt2")
    with pytest.raises(FileNotFoundError, match=r"the folder that holds it$"):
        pypack.Tokenizer.from_file("gpt2.json")
