"""Tokenizers by name: from the Hub's cache, without a network."""

from __future__ import annotations

from pathlib import Path

import pytest
from fixtures.trained_byte_level import gpt2

import pypack


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and no network."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return tmp_path


def put(cache: Path, name: str, commit: str = "c" * 40) -> None:
    folder = cache / ("models--" + name.replace("/", "--"))
    snapshot = folder / "snapshots" / commit
    snapshot.mkdir(parents=True)
    (snapshot / "tokenizer.json").write_text(gpt2().to_str(), encoding="utf-8")
    (folder / "refs").mkdir(exist_ok=True)
    (folder / "refs" / "main").write_text(commit)


def test_a_model_of_the_cache(cache: Path) -> None:
    put(cache, "someone/tiny")
    put(cache, "gpt2")
    for name in ("someone/tiny", "gpt2"):
        tokenizer = pypack.Tokenizer.from_pretrained(name)
        assert tokenizer.encode("a text").tolist() == gpt2().encode("a text").ids
    assert pypack.Tokenizer.from_pretrained("gpt2", revision="c" * 40).vocab_size
    with pytest.raises(FileNotFoundError, match="not in"):
        pypack.Tokenizer.from_pretrained("gpt2", revision="other")


def test_the_cache_is_where_the_library_has_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("HF_HUB_CACHE")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    put(tmp_path / "home" / "hub", "gpt2")
    assert pypack.Tokenizer.from_pretrained("gpt2", local_only=True).vocab_size


def test_a_hub_that_does_not_answer(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    hub = pytest.importorskip("huggingface_hub")

    def refuses(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setattr(hub, "snapshot_download", refuses)
    with pytest.raises(FileNotFoundError, match="gpt2: the Hub does not give its tokenizer: no network"):
        pypack.Tokenizer.from_pretrained("gpt2")
    put(cache, "gpt2")
    assert pypack.Tokenizer.from_pretrained("gpt2").vocab_size


@pytest.mark.parametrize("name", ["../x", "a/b/c", "a b", "", "a--b"])
def test_no_name(name: str) -> None:
    with pytest.raises(ValueError, match="is not the name of a model"):
        pypack.Tokenizer.from_pretrained(name)


def test_a_folder(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text(gpt2().to_str(), encoding="utf-8")
    assert pypack.Tokenizer.from_pretrained(str(tmp_path)).vocab_size
