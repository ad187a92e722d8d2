"""Text of a corpus that looks like a control token is text, and counted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from fixtures.corpus_files import json_lines, write
from fixtures.jobs import tree_bytes

import pypack
from pypack import Tokenizer, TokenStore
from pypack.cli import main

END = "<|endoftext|>"
TEXTS = [f"hello {END} world", "plain <think> text", f"{END}{END}", "nothing", "<|endoftex", f"x{END}"]
LOOK_ALIKES = 4


@pytest.fixture(scope="module", params=["native", "huggingface"])
def tokenizer_path(
    request: pytest.FixtureRequest, tokenizer_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A tokenizer with a token that is special and one that is not; the other has no native form."""
    definition = json.loads(tokenizer_file.read_text(encoding="utf-8"))
    token = definition["added_tokens"][0]
    assert token["content"] == END
    think = 1 + max(*definition["model"]["vocab"].values(), token["id"])
    definition["added_tokens"].append({**token, "id": think, "content": "<think>", "special": False})
    if request.param == "huggingface":
        definition["normalizer"] = {"type": "Replace", "pattern": {"Regex": "(?<=q)q(?=qq)"}, "content": "q"}
    path = tmp_path_factory.mktemp("control") / "tokenizer.json"
    path.write_text(json.dumps(definition), encoding="utf-8")
    assert Tokenizer.from_file(path).engine == request.param
    return path


def _rows(store: Path) -> list[list[int]]:
    opened = TokenStore.open(store)
    return [opened[i].tolist() for i in range(len(opened))]


def _job(tmp_path: Path, tokenizer_path: Path, *more: str) -> list[str]:
    lines = write(tmp_path / "a.jsonl", json_lines([{"text": text} for text in TEXTS]))
    out = ["-o", str(tmp_path / "s"), "--tokenizer", str(tokenizer_path), "--no-append-eos"]
    return ["tokenize", lines, *out, *more]


def test_it_is_text_unless_it_should_be_parsed(
    tokenizer_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tokenizer = Tokenizer.from_file(tokenizer_path)
    end, think = (tokenizer.token_to_id(text) for text in (END, "<think>"))
    for more in ((), ("--split-special-tokens", "--overwrite")):
        assert main([*_job(tmp_path, tokenizer_path, *more), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["look_alikes"] == LOOK_ALIKES
        rows = _rows(tmp_path / "s")
        assert rows == [tokenizer.encode(text, split_special_tokens=True).tolist() for text in TEXTS]
        assert not any(end in row for row in rows)
        assert think in rows[1]
        info = TokenStore.open(tmp_path / "s").info
        assert info is not None
        assert info.options["split_special_tokens"] is True
        assert info.counts["look_alikes"] == LOOK_ALIKES
    assert main(_job(tmp_path, tokenizer_path, "--overwrite")) == 0
    told = f"text that looks like a special token, and is plain text: {LOOK_ALIKES}"
    assert told in capsys.readouterr().out
    assert main([*_job(tmp_path, tokenizer_path, "--overwrite", "--parse-special-tokens"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["look_alikes"] == 0
    assert _rows(tmp_path / "s") == [tokenizer.encode(text).tolist() for text in TEXTS]
    assert TokenStore.open(tmp_path / "s").info.options["split_special_tokens"] is False  # type: ignore[union-attr]
    assert main(_job(tmp_path, tokenizer_path, "--parse-special-tokens", "--split-special-tokens")) == 2
    assert "says the contrary" in capsys.readouterr().err


def test_in_python_too(tokenizer_path: Path, tmp_path: Path) -> None:
    lines = write(tmp_path / "a.jsonl", json_lines([{"text": text} for text in TEXTS]))
    tokenizer = Tokenizer.from_file(tokenizer_path)
    stores = [
        pypack.tokenize(lines, tmp_path / name, tokenizer, append_eos=False, **options)
        for name, options in (("a", {}), ("b", {"split_special_tokens": False}))
    ]
    end = tokenizer.token_to_id(END)
    assert [end in store[0] for store in stores] == [False, True]


def test_where_they_are(tokenizer_path: Path) -> None:
    tokenizer = Tokenizer.from_file(tokenizer_path)
    for threads in (1, 2):
        rows, found = tokenizer.encode_as_text(TEXTS * 50, num_threads=threads)
        assert found.tolist() == [6 * i + k for i in range(50) for k in (0, 2, 2, 5)]
        expected = tokenizer.encode_batch(TEXTS * 50, split_special_tokens=True)
        assert rows.values.tolist() == expected.values.tolist()


def test_counts_do_not_depend_on_the_way(
    tokenizer_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Several shards, an attempt that was broken off between them, documents that are left out."""
    text = "\n".join(json.dumps({"text": text, "n": i}) for i, text in enumerate(TEXTS * 60)).encode() + b"\n"
    (tmp_path / "a.jsonl").write_bytes(text)
    command = [
        "tokenize",
        str(tmp_path / "a.jsonl"),
        "--tokenizer",
        str(tokenizer_path),
        "--shard-tokens",
        "300",
    ]
    assert main([*command, "-o", str(tmp_path / "s"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["look_alikes"] == LOOK_ALIKES * 60
    chosen = ["--where", "n < 60", "--min-tokens", "4"]
    assert main([*command, "-o", str(tmp_path / "t"), *chosen, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    rows, hits = Tokenizer.from_file(tokenizer_path).encode_as_text(TEXTS * 10)
    assert found["look_alikes"] == sum(int(rows.lengths[i]) >= 4 for i in hits.tolist())


# As `pypack tokenize`, with batches so small that a unit has many.
_SMALL_BATCHES = """
import json, sys
from pypack import Tokenizer
from pypack.jobs.options import TokenizeOptions
from pypack.jobs.tokenize import tokenize
source, store, tokenizer, options = sys.argv[1:]
options = TokenizeOptions(shard_tokens=200, **json.loads(options))
result = tokenize([source], store, Tokenizer.from_file(tokenizer), options, batch_bytes=2000)
print(json.dumps([result.look_alikes, result.resumed_documents, result.shards]))
"""


def test_counts_of_a_job_that_was_killed_are_exact(tokenizer_path: Path, tmp_path: Path) -> None:
    """One unit of several shards, whose journal has what was counted so far; killed on the way."""
    records = [{"text": text, "n": i} for i, text in enumerate(TEXTS * 60)]
    lines = write(tmp_path / "a.jsonl", json_lines(records))

    def run(store: str, crash_at: str | None = None) -> subprocess.CompletedProcess[bytes]:
        environment = {**os.environ, **({} if crash_at is None else {"PYPACK_CRASH_AT": crash_at})}
        command = [sys.executable, "-c", _SMALL_BATCHES, lines, str(tmp_path / store), str(tokenizer_path)]
        command.append(json.dumps({"where": "n > 20", "min_tokens": 4}))
        return subprocess.run(command, env=environment, capture_output=True, check=False, timeout=100)

    look_alikes, _, shards = json.loads(run("whole").stdout)
    assert look_alikes > 100
    assert shards > 5
    for point in ("journal:0", "shard:0", "journal:0"):
        assert run("killed", point).returncode == -signal.SIGKILL
    found, resumed, _ = json.loads(run("killed").stdout)
    assert resumed > 0
    assert found == look_alikes
    assert tree_bytes(tmp_path / "killed") == tree_bytes(tmp_path / "whole")


def test_a_job_of_the_old_default_is_not_gone_on_with_otherwise(
    tokenizer_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inputs = [write(tmp_path / f"{i}.jsonl", json_lines([{"text": t} for t in TEXTS])) for i in range(2)]
    command = ["tokenize", *inputs, "-o", str(tmp_path / "s"), "--tokenizer", str(tokenizer_path)]
    command += ["--unit-bytes", "100"]
    assert main([*command, "--parse-special-tokens", "--partition", "0/2"]) == 0  # what was the default
    capsys.readouterr()
    assert main(command) == 2
    err = capsys.readouterr().err
    assert (
        "split_special_tokens, the default now: --parse-special-tokens is the contrary (before False" in err
    )
    assert main([*command, "--parse-special-tokens"]) == 0
    whole = tmp_path / "whole"
    command[command.index("-o") + 1] = str(whole)
    assert main([*command, "--parse-special-tokens"]) == 0
    assert tree_bytes(whole) == tree_bytes(tmp_path / "s")


def test_records_count_theirs(
    tokenizer_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ("--template", "{text}", "--json")
    assert main(_job(tmp_path, tokenizer_path, *more)) == 0
    assert json.loads(capsys.readouterr().out)["look_alikes"] == LOOK_ALIKES
    end = Tokenizer.from_file(tokenizer_path).token_to_id(END)
    assert not any(end in row for row in _rows(tmp_path / "s"))


@pytest.mark.parametrize("command", [[], ["--dry-run"], ["--parse-special-tokens"], ["--workers", "2"]])
def test_dropout_at_every_door(
    command: list[str], tokenizer_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    definition = json.loads(tokenizer_file.read_text(encoding="utf-8"))
    definition["model"]["dropout"] = 0.1
    path = tmp_path / "dropout.json"
    path.write_text(json.dumps(definition), encoding="utf-8")
    assert main(_job(tmp_path, path, *command)) in (1, 2)
    assert "dropout 0.1" in capsys.readouterr().err
    with pytest.raises(ValueError, match="dropout"):
        pypack.tokenize(tmp_path / "a.jsonl", tmp_path / "t", path)
    assert not (tmp_path / "t").exists()
