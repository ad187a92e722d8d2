"""`verify` checks everything that store.json promises, itself included, and what lies beside it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from fixtures.corpus_files import json_lines, write

from pypack import Tokenizer
from pypack.cli import main
from pypack.jobs.tokenize import TokenizeOptions, tokenize


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, tokenizer_file: Path) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    path = write(folder / "a.jsonl", json_lines([*([{"text": "a b c", "id": 1}] * 99), {"text": 1}]))
    options = TokenizeOptions(shard_tokens=50, keep=("id",))
    tokenize([path], folder / "s", Tokenizer.from_file(tokenizer_file), options)
    return folder / "s"


def _first(store: Path, suffix: str) -> Path:
    return sorted(store.glob(f"0*{suffix}"))[0]


def _edit_number(store: Path) -> None:
    text = (store / "store.json").read_text()
    assert '"vocab_size": ' in text
    (store / "store.json").write_text(text.replace('"vocab_size": ', '"vocab_size": 1'))


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "word"),
    [
        (lambda s: (s / "tokenizer.json").unlink(), "tokenizer.json: missing"),
        (lambda s: _flip(s / "tokenizer.json"), "tokenizer.json"),
        (lambda s: (s / "rejected.jsonl").unlink(), "rejected.jsonl: missing"),
        (lambda s: _flip(s / "rejected.jsonl"), "rejected.jsonl"),
        (_edit_number, "store.json: checksum"),
        (
            lambda s: shutil.copy(_first(s, ".bin"), s / "00099.bin"),
            "00099.bin: a shard that store.json does not",
        ),
        (lambda s: shutil.copy(_first(s, ".idx"), s / "000099-001.idx"), "000099-001.idx: a shard that"),
        (lambda s: _first(s, ".parquet").unlink(), ".parquet: missing, and store.json names it"),
        (lambda s: _first(s, ".bin").unlink(), ".bin"),
    ],
    ids=range(9),
)
def test_damage_is_named(
    damage: Callable[[Path], object],
    word: str,
    whole: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    store = tmp_path / "s"
    shutil.copytree(whole, store)
    assert main(["verify", str(store)]) == 0
    capsys.readouterr()
    damage(store)
    assert main(["verify", str(store)]) != 0
    assert word in capsys.readouterr().err


def test_strangers_are_named_and_do_no_harm(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "s"
    shutil.copytree(whole, store)
    (store / "README.md").touch()
    (store / "00000.bin.partial.abc").touch()
    assert main(["verify", str(store)]) == 0
    assert "no part of the store: 00000.bin.partial.abc, README.md" in capsys.readouterr().out
    assert main(["verify", str(store), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["strangers"] == ["00000.bin.partial.abc", "README.md"]
