"""`pypack check-tokenizer`."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path

import pytest
from fixtures.trained_byte_level import BYTE_LEVEL, gpt2

import pypack
from pypack.cli import main
from pypack.tokenizer.comparison import differences
from pypack.tokenizer.native.patterns import CLIP, SCANNERS, removing_the_rest
from pypack.tokenizer.telling_texts import telling_texts


def write(folder: Path, kind: str) -> Path:
    folder.mkdir()
    (folder / "tokenizer.json").write_text(BYTE_LEVEL[kind]().to_str(), encoding="utf-8")
    return folder


def store_of(folder: Path, tokenizer: pypack.Tokenizer, texts: list[str]) -> Path:
    with pypack.StoreWriter(
        folder, vocab_size=tokenizer.vocab_size, append_id=tokenizer.eos_id, tokenizer=tokenizer
    ) as writer:
        writer.append(tokenizer.encode_batch(texts))
    return folder


def test_two_folders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, same, other = (
        write(tmp_path / name, kind) for name, kind in (("a", "gpt2"), ("b", "gpt2"), ("c", "llama3"))
    )
    assert main(["check-tokenizer", str(first), "--against", str(same)]) == 0
    assert "the same ids" in capsys.readouterr().out
    assert main(["check-tokenizer", str(first), "--against", str(other), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["different"] > 0
    shown = found["first"][0]
    assert pypack.Tokenizer.from_file(first).encode(shown["text"]).tolist() == shown["first"]
    assert pypack.Tokenizer.from_file(other).encode(shown["text"]).tolist() == shown["second"]


def test_a_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, other = write(tmp_path / "a", "gpt2"), write(tmp_path / "c", "llama3")
    tokenizer = pypack.Tokenizer.from_file(folder)
    store = store_of(tmp_path / "x.store", tokenizer, ["a text of the store", "another"])
    assert main(["check-tokenizer", str(store)]) == 0
    assert "the ids in the store on 2 texts" in capsys.readouterr().out
    assert main(["check-tokenizer", str(store), "--against", str(folder)]) == 0
    assert main(["check-tokenizer", str(store), "--against", str(other)]) == 1
    assert "other ids" in capsys.readouterr().out


def test_a_store_whose_ids_the_tokenizer_does_not_give(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tokenizer = pypack.Tokenizer.from_huggingface(gpt2())
    letters = [tokenizer.token_to_id(letter) for letter in "the"]
    with pypack.StoreWriter(
        tmp_path / "x.store", vocab_size=tokenizer.vocab_size, append_id=None, tokenizer=tokenizer
    ) as writer:
        writer.append(pypack.Ragged.from_rows([letters]))
    assert main(["check-tokenizer", str(tmp_path / "x.store")]) == 1
    assert f"'the': {letters}" in capsys.readouterr().out


def test_against_transformers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("transformers")
    folder = write(tmp_path / "a", "gpt2")
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "PreTrainedTokenizerFast"}')
    assert main(["check-tokenizer", str(folder)]) == 0
    assert "of transformers" in capsys.readouterr().out


def test_what_cannot_be_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write(tmp_path / "a", "gpt2")
    assert main(["check-tokenizer", str(folder), "--against", str(tmp_path / "none")]) == 2
    assert "is not the name of a model" in capsys.readouterr().err


def test_texts_tell_every_pattern_apart() -> None:
    """The built-in texts find the difference between any two patterns that pypack knows."""
    texts = telling_texts()
    cuts = {}
    for steps, make in SCANNERS.items():
        if steps[0] != removing_the_rest(CLIP):  # which are two names of one scanner
            scanner = make()
            cuts[steps] = [scanner.words(text.encode()) for text in texts]
    for (one, ours), (other, theirs) in combinations(cuts.items(), 2):
        assert ours != theirs, (one, other)


def test_the_first_differences_only() -> None:
    found = differences(lambda text: [len(text)], lambda text: [0], ["", "a", "bc", "d"], most=2)
    assert [difference.text for difference in found] == ["a", "bc"]
    assert str(found[0]) == "'a': [1] against [0]"
