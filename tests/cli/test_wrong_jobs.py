"""What a job cannot be asked for: exit status 2 before anything is written, told as the options are named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fixtures.scored_store import make_scored_store

from pypack.cli import main

WRONG = [
    (["--template", "{"], "--template: '{' at character 0 stands alone"),
    (["--min-tokens", "5", "--max-tokens", "3"], "--min-tokens 5 is above --max-tokens 3"),
    (["--where", "meta.lang = 'en'"], "equality is written =="),
    (["--where", "min_tokens = 1"], "'min_tokens = 1': at character"),
    (["--transform", "no_such_module:f"], "no_such_module:f: the module cannot be imported"),
    (["--transform", "json"], "--transform must be module:function"),
    (["--transform", "json:dumps", "--template", "{text}"], "--transform edits texts"),
    (["--word-borders", "--template", "{text}"], "--word-borders keeps where"),
    (["--prepend-bos"], "--prepend-bos: pypack knows no begin-of-document token"),
    # Options of conversations where there are none were passed over without a word.
    (["--learn", "all"], "name one of them"),
    (["--chat-template", "x.jinja"], "name one of them"),
    (["--chat-date", "2024-07-26"], "name one of them"),
    (["--template", "{text}", "--learn", "all"], "--learn: is of conversations"),
    (["--template", "{text}", "--chat-template", "x.jinja"], "--chat-template: is of conversations"),
    (["--template", "{text}", "--chat-option", "a=1"], "--chat-option: is of conversations"),
    (["--template", "{text}", "--tools", "tools"], "--tools: is of conversations"),
    (["--completion-field", "text", "--chat-date", "tomorrow"], "--chat-date must be a day as"),
]


@pytest.mark.parametrize("dry", [[], ["--dry-run"]], ids=["job", "dry_run"])
@pytest.mark.parametrize(("options", "told"), WRONG)
def test_status_and_words(
    tmp_path: Path,
    tokenizer_file: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    told: str,
    dry: list[str],
) -> None:
    corpus, store = tmp_path / "a.jsonl", tmp_path / "a.store"
    corpus.write_text(json.dumps({"text": "some words", "min_tokens": 1}) + "\n")
    job = ["tokenize", str(corpus), "-o", str(store), "--tokenizer", str(tokenizer_file)]
    status = main([*job, *options, *dry])
    message = capsys.readouterr().err
    assert (status, told in message) == (2, True), message
    assert not store.exists()


def test_the_order_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing, store = tmp_path / "order.npy", make_scored_store(tmp_path / "a.store").path
    arguments = ["pack", str(store), "-o", str(tmp_path / "a.plan"), "--sequence-length", "16"]
    assert main([*arguments, "--order", str(missing)]) == 2
    assert f"{missing}: No such file or directory\n" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [["--on", "nope"], ["--on", "id", "--columns", "nope"], ["--on", "score"]])
def test_joins_by_columns_that_are_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: list[str]
) -> None:
    pa = pytest.importorskip("pyarrow")
    store, table = make_scored_store(tmp_path / "a.store").path, tmp_path / "t.parquet"
    pytest.importorskip("pyarrow.parquet").write_table(pa.table({"id": [1], "q": [0.5]}), table)
    assert main(["join", str(store), str(table), *wrong]) == 2
    assert f"{table}: has no column" in capsys.readouterr().err
