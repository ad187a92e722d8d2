"""The command `pypack`: results, exit statuses, messages; no traceback for a user's mistake."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixtures.corpus_files import RECORDS, json_lines, write
from fixtures.store_json import write_sealed

import pypack
from pypack.cli import COMMANDS, main
from pypack.cli.arguments import positive
from pypack.cli.figures import count, duration
from pypack.jobs.reject_limit import RejectLimit
from pypack.plan.plan import Plan
from pypack.store.store import TokenStore

_PYPACK = [sys.executable, "-c", "import sys; from pypack.cli import main; sys.exit(main())"]


@dataclass
class Outcome:
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        (line,) = self.out.splitlines()
        return json.loads(line)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    def call(*argv: object) -> Outcome:
        status = main([str(argument) for argument in argv])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return Outcome(status, captured.out, captured.err)

    return call


@pytest.fixture
def corpus(tmp_path: Path, sample_texts: list[str]) -> Path:
    write(tmp_path / "corpus/a.jsonl", json_lines([{"id": i, "text": t} for i, t in enumerate(sample_texts)]))
    write(tmp_path / "corpus/b.txt", b"a text file")
    write(tmp_path / "corpus/notes.rst", b"not read")
    return tmp_path / "corpus"


def _tokenize(run: Callable[..., Outcome], corpus: Path, tokenizer_file: Path, *more: object) -> Path:
    store = corpus.parent / "corpus.store"
    assert run("tokenize", corpus, "-o", store, "--tokenizer", tokenizer_file, *more).status == 0
    return store


@pytest.mark.parametrize("command", [None, *COMMANDS])
def test_help(command: str | None, run: Callable[..., Outcome]) -> None:
    outcome = run(*([command] if command else []), "--help")
    assert outcome.status == 0
    assert "usage: pypack" in outcome.out
    assert all(len(line) < 120 for line in outcome.out.splitlines())
    if command in ("tokenize", "pack", "inspect", "verify"):
        assert f"pypack {command} " in outcome.out.partition("examples:")[2]


def test_no_command_is_a_usage_error(run: Callable[..., Outcome]) -> None:
    outcome = run()
    assert outcome.status == 2
    assert "tokenize" in outcome.err


def test_text_to_store_to_plan(
    run: Callable[..., Outcome], corpus: Path, tokenizer_file: Path, sample_texts: list[str]
) -> None:
    store, plan = corpus.parent / "corpus.store", corpus.parent / "corpus.plan"
    outcome = run(
        "tokenize", corpus, "-o", store, "--tokenizer", tokenizer_file, "--keep", "id", "--workers", 1
    )
    assert outcome.status == 0
    assert f"{len(sample_texts) + 1:,} documents" in outcome.out
    assert f"left out {corpus / 'notes.rst'}: unknown kind of file" in outcome.err
    opened = TokenStore.open(store)
    assert opened.columns().column("id").to_pylist() == [*range(len(sample_texts)), None]

    outcome = run("pack", store, "-o", plan, "--sequence-length", 128)
    assert outcome.status == 0
    assert "(proved)" in outcome.out
    Plan.open(plan).verify(opened.lengths)

    assert "whole" in run("verify", store).out
    assert "whole" in run("verify", plan, "--store", store).out
    assert "whole" in run("verify", plan).out
    shown = run("inspect", store).out
    assert repr(sample_texts[1])[:-1] in shown
    assert "every document ends with id 0" in shown
    shown = run("inspect", plan, "--first", 2).out
    assert "sequence 1 (" in shown
    assert "sequence 2 (" not in shown
    assert "span length" in shown
    assert "no padding" in shown
    assert "█" in shown
    assert "document" in run("inspect", store / "000000-000", "--tokenizer", tokenizer_file).out


def test_json_outputs_reconcile(run: Callable[..., Outcome], corpus: Path, tokenizer_file: Path) -> None:
    write(corpus / "c.jsonl", json_lines([{"text": "good"}]) + b"bad\n\n")
    store, plan = corpus.parent / "s", corpus.parent / "p"
    told = run("tokenize", corpus, "-o", store, "--tokenizer", tokenizer_file, "--json").json
    assert told["documents"] == TokenStore.open(store).num_documents == 302
    assert told["rejected_by_kind"] == {"bad_json": 1}
    assert told["progress"]["blank_lines"] == 1
    assert told["exit_status"] == 0
    packed = run("pack", store, "-o", plan, "--sequence-length", 16, "--overflow", "drop", "--json").json
    assert packed["tokens"] == told["tokens"]
    assert packed["tokens"] == packed["num_tokens"] + packed["dropped_tokens"] + packed["truncated_tokens"]
    assert packed["dropped_tokens"] > 0
    proved = run("verify", plan, "--store", store, "--json").json
    assert proved["ok"]
    assert proved["planned"] + proved["dropped"] + proved["truncated"] == told["tokens"]
    looked = run("inspect", store, "--json").json
    assert sum(row[2] for row in looked["histogram"]) == told["documents"]
    assert sum(row[3] for row in looked["histogram"]) == told["tokens"]
    assert run("inspect", plan, "--json").json["num_sequences"] == packed["num_sequences"]
    assert run("verify", store, "--json").json["largest_id"] < 600
    compared = run("pack", store, "--sequence-length", 64, "--compare", "--json").json["compared"]
    assert {"best_fit", "concat", "pad"} <= {row["strategy"] for row in compared}


def test_compare_and_list_and_strategy_options(
    run: Callable[..., Outcome], corpus: Path, tokenizer_file: Path
) -> None:
    store, plan = _tokenize(run, corpus, tokenizer_file), corpus.parent / "p"
    table = run("pack", store, "--sequence-length", 64, "--compare").out
    assert "best_fit" in table
    assert "utilization" in table
    assert "bias" in table
    assert "concat" in run("pack", "--list").out
    refused = run("pack", store, "--sequence-length", 2, "--compare", "--overflow", "error")
    assert refused.status == 2
    assert "no strategy takes these options: stream: document" in refused.err
    concat = ("pack", store, "-o", plan, "--sequence-length", 64, "--strategy", "concat")
    assert run(*concat, "--set", "border=truncate").status == 0
    assert Plan.open(plan).options["border"] == "truncate"
    assert run(*concat).status == 2  # the plan exists
    assert run(*concat, "--overwrite").status == 0
    outcome = run(*concat, "--overwrite", "--set", "colour=red")
    assert outcome.status == 2
    assert "colour" in outcome.err
    assert run(*concat, "--overwrite", "--set", "border").status == 2


def test_standard_input(tokenizer_file: Path, tmp_path: Path) -> None:
    command = [
        *_PYPACK,
        "tokenize",
        "-",
        "-o",
        str(tmp_path / "s"),
        "--tokenizer",
        str(tokenizer_file),
        "--json",
    ]
    done = subprocess.run(command, input=json_lines(RECORDS), capture_output=True, check=True)
    assert json.loads(done.stdout)["documents"] == len(RECORDS)


@pytest.mark.parametrize(
    ("argv", "word"),
    [
        (["tokenize", "{d}/absent", "-o", "{d}/s", "--tokenizer", "{t}"], "no such file or directory"),
        (["tokenize", "{d}/notes.rst", "-o", "{d}/s", "--tokenizer", "{t}"], "unknown kind"),
        (["tokenize", "{d}/a.jsonl", "-o", "{d}/s", "--tokenizer", "{d}/absent.json"], "No such file"),
        (["tokenize", "{d}/a.jsonl", "-o", "{d}/s", "--tokenizer", "{d}/a.jsonl"], "not a tokenizer.json"),
        (["tokenize", "{d}/a.jsonl", "-o", "{d}/s", "--tokenizer", "{t}", "--eos-token", "<end>"], "<end>"),
        (["tokenize", "{d}/a.jsonl", "-o", "{d}", "--tokenizer", "{t}"], "holds files that are not"),
        (["tokenize", "{d}/a.jsonl", "-o", "{d}/a.jsonl", "--tokenizer", "{t}"], "is a file"),
        (["tokenize", "{d}/a.jsonl", "--tokenizer", "{t}"], "-o/--output"),
        (["tokenize", "{d}/a.jsonl", "-o", "{d}/s", "--tokenizer", "{t}", "--workers", "0"], "from 1 on"),
        (
            ["tokenize", "{d}/a.jsonl", "-o", "{d}/s", "--tokenizer", "{t}", "--max-rejects", "x"],
            "percentage",
        ),
        (
            ["tokenize", "{d}/a.jsonl", "-o", "{d}/s", "--tokenizer", "{t}", "--keep", "id,,b"],
            "between commas",
        ),
        (["tokenize", "{d}/a.jsonl", "-o", "{d}/s", "--tokenizer", "{t}", "--keep", "id,id"], "twice"),
        (["pack", "{d}/absent", "-o", "{d}/p", "--sequence-length", "8"], "absent"),
        (["pack", "{d}", "-o", "{d}/p", "--sequence-length", "8"], "store.json"),
        (["pack", "{d}", "--sequence-length", "8"], "-o PLAN"),
        (["pack", "{d}", "-o", "{d}/p", "--sequence-length", "0"], "from 1 on"),
        (["inspect", "{d}"], "neither a store"),
        (["inspect", "{d}/absent"], "no such store"),
        (["verify", "{d}"], "neither a store"),
        (["nonsense"], "nonsense"),
    ],
)
def test_usage_errors(
    argv: list[str], word: str, run: Callable[..., Outcome], corpus: Path, tokenizer_file: Path
) -> None:
    outcome = run(*(part.format(d=corpus, t=tokenizer_file) for part in argv))
    assert outcome.status == 2, outcome
    assert word in outcome.err
    assert outcome.out == ""
    assert not (corpus / "s").exists()


def test_errors_in_json(run: Callable[..., Outcome], tmp_path: Path) -> None:
    outcome = run("verify", tmp_path / "absent", "--json")
    assert outcome.status == outcome.json["exit_status"] == 2
    assert "no such store" in outcome.json["error"]


def test_too_many_rejects_fail_but_leave_the_store(
    run: Callable[..., Outcome], tokenizer_file: Path, tmp_path: Path
) -> None:
    lines = write(tmp_path / "a.jsonl", json_lines([{"text": "x"}] * 98 + [{}] * 2))
    base = ("tokenize", lines, "-o", tmp_path / "s", "--tokenizer", tokenizer_file, "--overwrite")
    outcome = run(*base)
    assert outcome.status == 1
    assert "2 documents were rejected" in outcome.err
    assert TokenStore.open(tmp_path / "s").num_documents == 98
    assert len((tmp_path / "s/rejected.jsonl").read_bytes().splitlines()) == 2
    assert run(*base, "--max-rejects", "2").status == 0
    assert run(*base, "--max-rejects", "1").status == 1
    assert run(*base, "--max-rejects", "2%").status == 0
    assert run(*base, "--on-error", "stop").status == 1
    cut = tmp_path / "b.jsonl.gz"
    write(cut, json_lines([{"text": "y"}]))
    cut.write_bytes(cut.read_bytes()[:-4])
    outcome = run(
        "tokenize", cut, "-o", tmp_path / "t", "--tokenizer", tokenizer_file, "--max-rejects", "100%"
    )
    assert outcome.status == 1
    assert "could not be read to the end" in outcome.err


def test_a_finished_store_is_kept_unless_overwritten(
    run: Callable[..., Outcome], corpus: Path, tokenizer_file: Path
) -> None:
    store = _tokenize(run, corpus, tokenizer_file)
    again = ("tokenize", corpus, "-o", store, "--tokenizer", tokenizer_file)
    outcome = run(*again)
    assert outcome.status == 2
    assert "--overwrite" in outcome.err
    assert run(*again, "--overwrite").status == 0


def test_verify_finds_damage(run: Callable[..., Outcome], corpus: Path, tokenizer_file: Path) -> None:
    store, plan = _tokenize(run, corpus, tokenizer_file), corpus.parent / "p"
    assert run("pack", store, "-o", plan, "--sequence-length", 64).status == 0
    assert run("verify", plan).status == 0
    assert run("verify", store, "--store", store).status == 2
    starts = np.load(plan / "span_start.npy")
    starts[3] += 1
    np.save(plan / "span_start.npy", starts)
    assert run("verify", plan, "--store", store).status == 1
    assert run("verify", plan).status == 1
    data = bytearray((store / "000000-000.bin").read_bytes())
    data[100] ^= 1
    (store / "000000-000.bin").write_bytes(data)
    outcome = run("verify", store)
    assert outcome.status == 1
    assert "000000-000.bin" in outcome.err


def test_verify_finds_ids_above_the_vocabulary(run: Callable[..., Outcome], tmp_path: Path) -> None:
    from pypack.ragged import Ragged
    from pypack.store.writer import StoreWriter

    with StoreWriter(tmp_path / "s", vocab_size=100) as writer:
        writer.append(Ragged.from_rows([[1, 2, 99]]))
    content = json.loads((tmp_path / "s/store.json").read_text())
    write_sealed(tmp_path / "s/store.json", content | {"vocab_size": 50})
    outcome = run("verify", tmp_path / "s")
    assert outcome.status == 1
    assert "token 2 is id 99" in outcome.err


def test_a_plan_of_another_store(run: Callable[..., Outcome], corpus: Path, tokenizer_file: Path) -> None:
    store, plan = _tokenize(run, corpus, tokenizer_file), corpus.parent / "p"
    assert run("pack", store, "-o", plan, "--sequence-length", 64).status == 0
    other = corpus.parent / "other.store"
    assert run("tokenize", corpus / "b.txt", "-o", other, "--tokenizer", tokenizer_file).status == 0
    outcome = run("verify", plan, "--store", other)
    assert outcome.status == 1
    assert "was made for" in outcome.err


def test_a_full_disk_is_told_and_the_job_goes_on_later(corpus: Path, tokenizer_file: Path) -> None:
    store = corpus.parent / "s"
    arguments = ["tokenize", corpus, "-o", store, "--tokenizer", tokenizer_file, "--shard-tokens", "3000"]
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000));"
        "from pypack.cli import main; sys.exit(main())"
    )
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "File too large" in done.stderr
    assert not (store / "store.json").exists()
    assert not list(store.glob("*.bin.partial"))
    assert subprocess.run([*_PYPACK, *arguments], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_directory_that_may_not_be_written(
    run: Callable[..., Outcome], corpus: Path, tokenizer_file: Path
) -> None:
    corpus.chmod(0o500)
    outcome = run("tokenize", corpus / "b.txt", "-o", corpus / "s", "--tokenizer", tokenizer_file)
    corpus.chmod(0o700)
    assert outcome.status == 1
    assert "permissions" in outcome.err


def test_a_reader_that_leaves_early_gets_no_traceback(
    run: Callable[..., Outcome], corpus: Path, tokenizer_file: Path
) -> None:
    store = _tokenize(run, corpus, tokenizer_file)
    command = [*_PYPACK, "inspect", str(store), "--first", "300"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""


def test_progress_bar_on_a_terminal(corpus: Path, tokenizer_file: Path) -> None:
    ours, theirs = pty.openpty()
    command = [*_PYPACK, "tokenize", corpus, "-o", corpus.parent / "s", "--tokenizer", tokenizer_file]
    environment = {**os.environ, "COLUMNS": "160", "TERM": "xterm"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, env=environment) as process:
        os.close(theirs)
        seen = b""
        while True:
            try:
                data = os.read(ours, 4096)
            except OSError:  # Linux ends a terminal so
                break
            if not data:
                break
            seen += data
    os.close(ours)
    assert process.returncode == 0
    for word in ("100%", "301 documents", "documents/s", "tokens/s", "MB/s", "left out"):
        assert word.encode() in seen, seen


def test_the_command_starts_fast_and_light() -> None:
    code = (
        "import sys, pypack.cli as c; c.main(['--help']);"
        "print(sorted({'numpy', 'pyarrow', 'rich', 'tokenizers', 'orjson'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_numbers() -> None:
    assert [positive(text) for text in ("1", "1_000", "64k", "2M", "1G")] == [
        1,
        1000,
        65536,
        1 << 21,
        1 << 30,
    ]
    assert [count(x) for x in (0, 950, 12_345, 4_560_000, 7.89e9, 1e13)] == [
        "0",
        "950",
        "12.3k",
        "4.56M",
        "7.89G",
        "1e+04G",
    ]
    assert [duration(s) for s in (5, 65, 3600, 3665.4)] == ["0:05", "1:05", "1:00:00", "1:01:05"]
    assert RejectLimit("1%").allows(1, 99)
    assert not RejectLimit("1%").allows(1, 98)
    assert RejectLimit("0").allows(0, 0)
    assert not RejectLimit("3").allows(4, 10**9)


def test_warnings_are_told_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lengths = np.sort(np.random.default_rng(0).integers(1, 1500, 20_000))
    with pypack.StoreWriter(tmp_path / "a.store", vocab_size=9) as writer:
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        writer.append(pypack.Ragged(np.zeros(offsets[-1], np.uint32), offsets))
    command = ["pack", str(tmp_path / "a.store"), "-o", str(tmp_path / "a.plan"), "--sequence-length", "2048"]
    assert main(command) == 0
    told = [line for line in capsys.readouterr().err.splitlines() if "warning" in line]
    assert len(told) == 1
    assert told[0].startswith("pypack pack: warning: the documents come in an order")
