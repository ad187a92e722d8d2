"""A folder means what its user means: what is beside a tokenizer.json counts, and what differs is said."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
from fixtures.library_version import need_transformers
from fixtures.trained_byte_level import gpt2
from fixtures.trained_sentencepiece import SENTENCEPIECE
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers
from tokenizers import Tokenizer as HuggingFaceTokenizer

import pypack
from pypack.tokenizer.folder import with_added_tokens


def write(folder: Path, tokenizer: HuggingFaceTokenizer, **files: Any) -> Path:
    (folder / "tokenizer.json").write_text(tokenizer.to_str(), encoding="utf-8")
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def config_token(content: str, **flags: bool) -> dict[str, Any]:
    plain = {"lstrip": False, "rstrip": False, "single_word": False, "normalized": False, "special": True}
    return {"content": content, **plain, **flags}


def test_tokens_named_only_in_the_configuration(tmp_path: Path) -> None:
    """They are added tokens, with the ids that `tokenizers` and so transformers gives them."""
    reference = gpt2()
    size = reference.get_vocab_size()
    write(
        tmp_path,
        reference,
        tokenizer_config={
            "eos_token": "<|end|>",
            "added_tokens_decoder": {
                str(size + 1): config_token("<|end|>"),
                str(size): config_token("<|begin|>"),
                str(size + 2): config_token("new word", special=False, lstrip=True),
            },
        },
    )
    tokenizer = pypack.Tokenizer.from_file(tmp_path)
    assert tokenizer.engine == "native"
    reference.add_tokens(
        [
            AddedToken("<|begin|>", special=True, normalized=False),
            AddedToken("<|end|>", special=True, normalized=False),
            AddedToken("new word", lstrip=True, normalized=False),
        ]
    )
    text = "<|begin|>hi a  new word<|end|>"
    assert tokenizer.encode(text).tolist() == reference.encode(text).ids
    assert tokenizer.eos_id == size + 1 == tokenizer.encode("<|end|>")[0]
    again = pypack.Tokenizer.from_huggingface(HuggingFaceTokenizer.from_str(tokenizer.to_json()))
    assert again.fingerprint == tokenizer.fingerprint


def test_transformers_agrees_on_tokens_of_the_configuration(tmp_path: Path) -> None:
    need_transformers()
    transformers = pytest.importorskip("transformers")
    reference = gpt2()
    size = reference.get_vocab_size()
    tokens = {str(size + i): config_token(f"<|{i}|>", normalized=bool(i % 2)) for i in range(12)}
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "added_tokens_decoder": tokens}
    write(tmp_path, reference, tokenizer_config=config)
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    ours = pypack.Tokenizer.from_file(tmp_path)
    text = "".join(f"<|{i}|> word" for i in range(13))
    assert ours.encode(text).tolist() == theirs(text, add_special_tokens=False)["input_ids"]


@pytest.mark.parametrize(
    "data",
    [
        b'{"model": {"vocab": {"added_tokens": 1, "\\"added_tokens\\": [": 2}}, "added_tokens": [] }',
        b'{"added_tokens" : [ {"id": 0, "content": "]["} ], "x": [1]}',
        b'{"model": {"vocab": {"a": 0}}}',
        b"{}",
    ],
)
def test_tokens_are_put_into_the_text_of_a_file(data: bytes) -> None:
    entry = {"id": 7, "content": "new"}
    before = json.loads(data)
    after = json.loads(with_added_tokens(data, [entry, {"id": 0, "content": "]["}][:1]))
    assert after == before | {"added_tokens": [*before.get("added_tokens", []), entry]}
    known = with_added_tokens(data, [{"id": 1, "content": "]["}])
    assert json.loads(known)["added_tokens"][-1]["content"] == "]["
    assert len(json.loads(known)["added_tokens"]) == 1


def test_an_id_that_is_not_the_files_is_warned_of(tmp_path: Path) -> None:
    reference = gpt2()
    reference.add_special_tokens(["<|im_start|>"])
    content = json.loads(reference.to_str())
    real = content["added_tokens"][-1]["id"]
    content["added_tokens"][-1]["id"] = real + 43
    (tmp_path / "tokenizer.json").write_text(json.dumps(content))
    with pytest.warns(
        UserWarning, match=rf"'<\|im_start\|>' is {real + 43} in the file, and gets {real}"
    ) as found:
        tokenizer = pypack.Tokenizer.from_file(tmp_path)
    assert found[0].filename == __file__
    assert tokenizer.token_to_id("<|im_start|>") == real


def llama_folder(folder: Path, **config: Any) -> Path:
    return write(
        folder, SENTENCEPIECE["llama2"](), tokenizer_config={"tokenizer_class": "LlamaTokenizer", **config}
    )


@pytest.mark.parametrize("legacy", [False, True])
def test_a_folder_that_transformers_rebuilds(tmp_path: Path, legacy: bool) -> None:
    """The text that is named, and the ids on both sides, are those of the libraries."""
    need_transformers()
    transformers = pytest.importorskip("transformers")
    llama_folder(tmp_path, legacy=legacy)
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    with pytest.warns(UserWarning, match="transformers 5 takes vocabulary and merges") as found:
        ours = pypack.Tokenizer.from_file(tmp_path)
    text = " leading"
    here, there = ours.encode(text).tolist(), theirs(text, add_special_tokens=False)["input_ids"]
    assert here != there
    message = str(found[0].message)
    named = eval(message.split("They differ on ")[1].split(": [")[0])  # the text, as Python spells it
    here, there = ours.encode(named).tolist(), theirs(named, add_special_tokens=False)["input_ids"]
    assert f"{named!r}: {here} against {there}" in message


def test_a_folder_that_transformers_takes_as_it_is(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pypack.Tokenizer.from_file(
            write(tmp_path, gpt2(), tokenizer_config={"tokenizer_class": "LlamaTokenizer"})
        )
        phi = {"model_type": "phi3"}
        config = {"tokenizer_class": "LlamaTokenizer"}
        pypack.Tokenizer.from_file(
            write(tmp_path, SENTENCEPIECE["llama2"](), tokenizer_config=config, config=phi)
        )


def mistral(size: int = 100_300) -> HuggingFaceTokenizer:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {character: i for i, character in enumerate(alphabet)}
    merges = []
    for pair in ("AB", "Bc", "12", "ab"):
        vocabulary[pair] = len(vocabulary)
        merges.append((pair[0], pair[1]))
    for i in range(len(vocabulary), size):
        vocabulary[f"<fill {i}>"] = i
    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    from tokenizers import Regex

    from pypack.tokenizer.native.patterns import CL100K

    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(CL100K), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    return tokenizer


def test_the_regex_that_mistral_mended(tmp_path: Path) -> None:
    config = {"model_type": "mistral3", "transformers_version": "4.50.0"}
    write(tmp_path, mistral(), config=config)
    with pytest.warns(UserWarning, match="the one that Mistral has since mended"):
        pypack.Tokenizer.from_file(tmp_path)
    write(tmp_path, mistral(), tokenizer_config={"fix_mistral_regex": True})
    with pytest.warns(UserWarning, match="fix_mistral_regex is true"):
        pypack.Tokenizer.from_file(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pypack.Tokenizer.from_file(write(tmp_path, mistral(), tokenizer_config={"fix_mistral_regex": False}))


def test_offsets_come_from_the_library_where_there_is_no_native_form() -> None:
    drops = Tokenizer(models.BPE({"a": 0, "b": 1}, []))
    drops.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    ours = pypack.Tokenizer.from_huggingface(drops)
    assert ours.engine == "native"
    rows, ranges = ours.encode_batch(iter(["ab", "axb"]), return_offsets=True)  # type: ignore[arg-type]
    expected = drops.encode("axb")
    assert rows[1].tolist() == expected.ids
    assert ranges[2:].tolist() == [list(pair) for pair in expected.offsets]


def test_sections_that_a_file_leaves_out(tmp_path: Path) -> None:
    content = json.loads(gpt2().to_str())
    for name in ("post_processor", "truncation", "padding", "normalizer", "decoder", "version"):
        content.pop(name, None)
    (tmp_path / "tokenizer.json").write_text(json.dumps(content))
    tokenizer = pypack.Tokenizer.from_file(tmp_path)
    assert tokenizer.engine == "native"
    reference = HuggingFaceTokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert tokenizer.encode("some text").tolist() == reference.encode("some text").ids


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("vocab.json", b'{"a": 0, "b": 1}', r"is a vocabulary \(token: id\)"),
        ("merges.txt", b"#version: 0.2\na b\n", "is the merges of a tokenizer without"),
        (
            "tokenizer_config.json",
            b'{"tokenizer_class": "X"}',
            "is the configuration beside a tokenizer.json",
        ),
        ("config.json", b'{"model_type": "llama"}', "is the configuration of a model"),
        ("x.tiktoken", b"IQ== 0\nIg== 1\n", "is a .tiktoken file.*from_tiktoken"),
        ("x.gguf", b"GGUF\x03\x00", "is a model in GGUF"),
        ("tokenizer.json", b"version https://git-lfs.github.com/spec/v1\n", "pointer of Git LFS"),
        ("tokenizer.json", b"<!DOCTYPE html><html>", "is a page of HTML"),
        ("tokenizer.json", b"", "is empty"),
        ("model.safetensors", b"\x10\x00\x00\x00\x00\x00\x00\x00" + b'{"a":1}', "holds weights of a model"),
    ],
)
def test_errors_say_what_a_file_is(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        pypack.Tokenizer.from_file(tmp_path / name)


def test_a_folder_without_a_tokenizer(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="is it the folder of a tokenizer"):
        pypack.Tokenizer.from_file(tmp_path)
    (tmp_path / "vocab.json").write_text("{}")
    with pytest.raises(FileNotFoundError, match=r"holds vocab.json.*save_pretrained"):
        pypack.Tokenizer.from_file(tmp_path)
    with pytest.raises(FileNotFoundError, match="from_pretrained"):
        pypack.Tokenizer.from_file("gpt2")


def test_a_folder_of_the_hubs_cache(tmp_path: Path) -> None:
    folder = tmp_path / "models--someone--tiny"
    snapshot = folder / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    write(snapshot, gpt2())
    assert pypack.Tokenizer.from_file(folder).vocab_size == gpt2().get_vocab_size()
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("abc")
    assert pypack.Tokenizer.from_file(folder).vocab_size == gpt2().get_vocab_size()
