"""What people know of other commands: no guessing at options, did you mean, -q, -v and -V."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fixtures.corpus_files import json_lines, write
from fixtures.loader_data import make_store, web_lengths

from pypack import Plan
from pypack._common.version import VERSION
from pypack._common.words import counted
from pypack.cli import COMMANDS, main
from pypack.cli.commands import parser_of
from pypack.cli.suggestions import close_names

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*argv: object) -> tuple[int, str, str]:
        status = main([str(argument) for argument in argv])
        return status, *capsys.readouterr()

    return call


@pytest.fixture
def job(tmp_path: Path, tokenizer_file: Path) -> list[object]:
    lines = write(tmp_path / "a.jsonl", json_lines([{"text": f"document {i}"} for i in range(20)]))
    return ["tokenize", lines, "-o", tmp_path / "s", "--tokenizer", tokenizer_file]


def test_options_are_not_guessed(run: Run, job: list[object], tmp_path: Path) -> None:
    for command in COMMANDS:
        assert parser_of(command).allow_abbrev is False
    status, out, err = run(*job, "--shard", 5)  # made a shard of every five tokens
    assert (status, out) == (2, "")
    assert err == "pypack tokenize: there is no option --shard; did you mean --shard-tokens?\n"
    assert not (tmp_path / "s").exists()
    assert run(*job, "--on-err=stop")[0] == 2


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["tokenise"], "there is no command tokenise; did you mean tokenize?"),
        (["pakc"], "did you mean pack?"),
        (["xyz"], "there is no command xyz; the commands are tokenize, merge, pack,"),
        (["--jsn"], "there is no option before a command --jsn"),
        (["tokenize", "a", "--tokeniser", "b"], "no option --tokeniser; did you mean --tokenizer?"),
        (["tokenize", "a", "--zzzz"], "there is no option --zzzz; see pypack tokenize --help"),
        (["tokenize", "a", "--on-error", "stopp"], "must be one of reject, stop, got 'stopp'; did you mean"),
        (["convert", "a", "b", "--to", "dataset"], "did you mean datasets?"),
        (["bench", "lod"], "must be one of all, tokenize, pack, load, got 'lod'; did you mean load?"),
        (["verify", "a", "b"], "unexpected 'b'"),
        (["tokenize"], "missing: IN, -o/--output, --tokenizer"),
    ],
)
def test_did_you_mean(run: Run, argv: list[str], told: str) -> None:
    status, out, err = run(*argv)
    assert (status, out) == (2, "")
    assert told in err
    assert err.count("\n") == 1


def test_strategies_too(run: Run, tmp_path: Path) -> None:
    make_store(tmp_path / "s", web_lengths(50))
    begin = ("pack", tmp_path / "s", "-o", tmp_path / "p", "--sequence-length", 64)
    status, _, err = run(*begin, "--strategy", "best_fitt")
    assert status == 2  # it was 1
    assert "got 'best_fitt'; did you mean best_fit?" in err
    assert run(*begin, "--strategy", "concat", "--set", "border=none")[0] == 2
    assert run(*begin, "--strategy", "concat", "--keep-together", "group")[0] == 2


def test_close_names() -> None:
    names = ["--keep", "--field", "--shard-tokens", "--strict"]
    assert close_names("--sha", names) == ["--shard-tokens"]
    assert close_names("--feild", names) == ["--field"]
    assert close_names("--qqq", names) == []
    assert close_names("-", names) == []


def test_usage_errors_as_json(run: Run) -> None:
    status, out, _ = run("verify", "--json")
    assert (status, json.loads(out)["exit_status"]) == (2, 2)


def test_version(run: Run) -> None:
    for argv in (["-V"], ["--version"], ["pack", "-V"], ["verify", "--version"]):
        assert run(*argv) == (0, f"pypack {VERSION}\n", "")


def test_quiet_says_errors_alone(run: Run, job: list[object], tmp_path: Path) -> None:
    write(tmp_path / "in" / "a.odd", b"")
    write(tmp_path / "in" / "a.txt", b"text")
    job[1] = tmp_path / "in"
    assert run(*job, "-q") == (0, "", "")
    assert run("verify", tmp_path / "s", "--quiet") == (0, "", "")
    assert run("pack", tmp_path / "s", "-o", tmp_path / "p", "--sequence-length", 8, "-q") == (0, "", "")
    status, out, err = run(*job, "-q")
    assert (status, out) == (2, "")
    assert "already holds a finished store" in err
    assert json.loads(run(*job, "-q", "--json", "--overwrite")[1])["documents"] == 1
    assert "left out" in run(*job, "--overwrite")[2]
    # What was asked for is shown, and warnings are said.
    assert "document 0" in run("inspect", tmp_path / "s", "-q")[1]
    (tmp_path / "in" / "b.jsonl").write_bytes(json_lines([{"body": "x"}]))
    assert "warning" in run(*job, "-q", "--overwrite")[2]


def test_verbose_says_more(run: Run, job: list[object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYPACK_SHARD_TOKENS", "20")
    status, _, err = run(*job, "-v")
    assert status == 0
    assert "pypack tokenize: shard_tokens 20 (from PYPACK_SHARD_TOKENS)" in err
    assert "unit 0 is done: 20 documents, " in err
    monkeypatch.delenv("PYPACK_SHARD_TOKENS")
    status, _, err = run(*job, "--overwrite")
    assert (status, err) == (0, "")


def test_numbers_of_things() -> None:
    assert [counted(n, "shard") for n in (0, 1, 2)] == ["0 shards", "1 shard", "2 shards"]
    assert counted(12_345, "document") == "12,345 documents"
    assert counted(1, "document was", "documents were") == "1 document was"


def test_one_is_no_plural(run: Run, tmp_path: Path, tokenizer_file: Path) -> None:
    one = write(tmp_path / "one.jsonl", json_lines([{"text": "the only document"}]))
    job = ("tokenize", one, "-o", tmp_path / "s", "--tokenizer", tokenizer_file)
    told = run(*job, "--dry-run")[1]
    assert "1 document, " in told
    assert "the one file read" in told
    assert ": 1 document, " in (told := run(*job)[1])
    assert "in 1 shard\n" in told
    assert (
        "1 sequence of 8 tokens"
        in run("pack", tmp_path / "s", "-o", tmp_path / "p", "--sequence-length", 8)[1]
    )


def test_sequences_of_several_lengths(run: Run, tmp_path: Path) -> None:
    make_store(tmp_path / "s", np.random.default_rng(0).integers(100, 2000, 200))
    command = (
        "pack",
        tmp_path / "s",
        "-o",
        tmp_path / "p",
        "--sequence-length",
        512,
        "--strategy",
        "decompose",
    )
    status, told, _ = run(*command, "--set", "min_length=128")
    lengths = sorted(Plan.open(tmp_path / "p").buckets)
    assert (status, lengths) == (0, [128, 256, 512])
    assert "sequences of 128, 256 and 512 tokens by decompose" in told


def test_a_name_that_is_no_path(
    run: Run, job: list[object], tmp_path: Path, tokenizer_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.chdir(tmp_path)
    for name in ("gpt2", "openai-community/gpt2"):
        job[5] = name
        status, _, err = run(*job)
        assert status == 2
        assert f"{name}: no such file or folder" in err
        assert "pip install 'pypack-engine[hub]'" in err
        assert f"from_pretrained('{name}')" in err
    # What is in the cache is taken from there, and nothing is asked of a network.
    snapshot = tmp_path / "hub/models--gpt2/snapshots/0123"
    write(snapshot / "tokenizer.json", tokenizer_file.read_bytes())
    write(tmp_path / "hub/models--gpt2/refs/main", b"0123")
    job[5] = "gpt2"
    status, _, err = run(*job)
    assert status == 0
    assert f"tokenizer gpt2: {snapshot}" in err
    job[5] = "absent/tokenizer.json"
    status, _, err = run(*job, "--overwrite")
    assert status == 2
    assert "No such file" in err
    assert "hub" not in err


def test_a_plot_without_its_library(tmp_path: Path) -> None:
    make_store(tmp_path / "s", web_lengths(50))
    pack = ["pack", str(tmp_path / "s"), "-o", str(tmp_path / "p"), "--sequence-length", "64", "-q"]
    assert main(pack) == 0
    (tmp_path / "m.yaml").write_text(
        "phases:\n- {weights: {a: 1}, sequence_length: 64, steps: 4}\n", encoding="utf-8"
    )
    code = "import sys; sys.modules['matplotlib'] = None; from pypack.cli import main; sys.exit(main())"
    source = f"a={tmp_path / 's'},{tmp_path / 'p'}"
    plot = ["inspect", str(tmp_path / "m.yaml"), "--source", source, "--batch-sequences", "2"]
    done = subprocess.run(
        [sys.executable, "-c", code, *plot, "--plot", str(tmp_path / "x.png")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert "matplotlib" in done.stderr
