"""`pypack tokenize` with workers and partitions, and `pypack merge`: statuses and words."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from fixtures.corpus_files import json_lines, write
from fixtures.jobs import tree_bytes

from pypack.cli import main
from pypack.cli.progress import ProgressBar
from pypack.jobs.progress import Progress


@pytest.fixture
def command(tmp_path: Path, tokenizer_file: Path) -> list[str]:
    """Makes a store of four units."""
    inputs = [
        write(tmp_path / f"{i}.jsonl", json_lines([{"text": f"document {j}"} for j in range(30)]))
        for i in range(4)
    ]
    options = ["--tokenizer", str(tokenizer_file), "--unit-bytes", "1k"]
    return ["tokenize", *inputs, "-o", str(tmp_path / "s"), *options]


def test_partitions_that_there_are_not(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    for partition, message in (("3", "must be i/n"), ("2/2", "from 0 to"), ("slurm", "SLURM_ARRAY_TASK_ID")):
        assert main([*command, "--partition", partition]) == 2
        assert message in capsys.readouterr().err
    assert main([*command, "--partition", "0/2", "--overwrite"]) == 2
    assert "overwrite" in capsys.readouterr().err
    assert main([*command, "--workers", "few"]) == 2


def test_partitions_and_merge_as_json(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = str(tmp_path / "s")
    assert main(["merge", store]) == 2
    assert main([*command, "--json", "--partition", "0/2"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["units"], result["missing_units"], result["failed_units"]) == (4, "1,3", "")
    assert main(["inspect", store]) == 2
    assert "an unfinished store (2 of 4 units so far)" in capsys.readouterr().err
    assert main(["merge", store, "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["missing_units"], told["exit_status"]) == ("1,3", 1)
    assert main([*command, "--workers", "2", "--threads", "1", "--memory-limit", "64G", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["missing_units"], result["documents"], result["resumed_documents"]) == ("", 120, 60)
    assert main(["merge", store, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["documents"], told["shards"]) == (120, 4)
    assert main(["verify", store]) == 0


def test_a_limit_of_rejects_at_merge(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = str(tmp_path / "s")
    Path(command[2]).write_bytes(json_lines([{"text": "a"}] * 20) + b"no JSON\n" * 10)
    assert main([*command, "--max-rejects", "100%"]) == 0
    assert main(["merge", store]) == main(["merge", store, "--max-rejects", "10"]) == 0
    for limit in ("9", "5%"):
        capsys.readouterr()
        assert main(["merge", store, "--max-rejects", limit, "--json"]) == 1
        outcome = capsys.readouterr()
        assert f"10 documents were rejected, more than --max-rejects {limit}: 10 " in outcome.err
        told = json.loads(outcome.out)
        assert (told["documents"], told["exit_status"]) == (110, 1)
        assert "rejected.jsonl" in told["error"]
    assert main(["merge", store, "--max-rejects", "few"]) == 2


def test_standard_input_beside_workers(command: list[str], tmp_path: Path) -> None:
    program = [sys.executable, "-c", "import sys; from pypack.cli import main; sys.exit(main())"]
    command.insert(3, "-")
    data = json_lines([{"text": f"piped {i}"} for i in range(50)])
    stores = []
    for workers in ("1", "2"):
        command[command.index("-o") + 1] = str(tmp_path / workers)
        subprocess.run(
            [*program, *command, "--workers", workers],
            input=data,
            check=True,
            capture_output=True,
            timeout=120,
        )
        stores.append(tree_bytes(tmp_path / workers))
    assert stores[0] == stores[1]
    assert json.loads(stores[0]["store.json"])["documents"] == 170


def test_units_that_nobody_can_make(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PYPACK_CRASH_AT", "manifest:2")
    assert main([*command, "--workers", "2", "--json"]) == 1
    outcome = capsys.readouterr()
    assert "units 2 could not be made" in outcome.err
    result = json.loads(outcome.out)
    assert (result["missing_units"], result["dead_workers"] >= 3) == ("2", True)


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_line_for_each_worker_where_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    for lines, shown in ((20, True), (8, False)):
        monkeypatch.setenv("LINES", str(lines))
        monkeypatch.setenv("COLUMNS", "200")
        terminal = _Terminal()
        with ProgressBar(terminal) as bar:
            workers = tuple(f"unit {i} 50%: in/{i}.jsonl" for i in range(3))
            bar.update(Progress(documents=5, units=1, total_units=7, seconds=1.0, workers=workers))
        assert "unit 1 of 7" in terminal.getvalue()
        assert ("unit 2 50%: in/2.jsonl" in terminal.getvalue()) == shown
