"""`--log-json`: events of a job, whole lines whatever happens."""

from __future__ import annotations

import json
import multiprocessing
import os
from pathlib import Path
from typing import Any

import pytest
from fixtures.corpus_files import json_lines, write
from fixtures.event_writers import write_many

from pypack.cli import main
from pypack.cli.errors import UsageError
from pypack.cli.event_log import EventLog


@pytest.fixture
def command(tmp_path: Path, tokenizer_file: Path) -> list[str]:
    """Makes a store of four units, one of which has a reject."""
    for i in range(4):
        lines = json_lines([{"text": f"document {j}"} for j in range(300)])
        write(tmp_path / "in" / f"{i}.jsonl", lines + (b"bad\n" if i == 2 else b""))
    options = ["--tokenizer", str(tokenizer_file), "--unit-bytes", "8k", "--log-json", str(tmp_path / "log")]
    return ["tokenize", str(tmp_path / "in"), "-o", str(tmp_path / "s"), *options]


def _events(tmp_path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (tmp_path / "log").read_bytes().splitlines()]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_job(command: list[str], workers: str, tmp_path: Path) -> None:
    write(tmp_path / "in" / "a.odd", b"")
    assert main([*command, "--workers", workers]) == 0
    events = _events(tmp_path)
    names = [event["event"] for event in events]
    assert (names[0], names[-2:]) == ("begin", ["result", "end"])
    assert all(event["command"] == "tokenize" and event["pid"] == os.getpid() for event in events)
    assert [event["time"] for event in events] == sorted(event["time"] for event in events)
    assert events[0]["options"]["workers"] == {"value": int(workers), "from": "command line"}
    units = {event["unit"]: event for event in events if event["event"] == "unit"}
    assert sorted(units) == [0, 1, 2, 3]
    assert (units[2]["documents"], units[2]["rejected"], units[2]["shards"]) == (300, 1, 1)
    assert any(event["event"] == "progress" and event["total_units"] == 4 for event in events)
    assert any(event["event"] == "message" and "left out" in event["message"] for event in events)
    assert (events[-2]["documents"], events[-1]["exit_status"]) == (1200, 0)


def test_errors_and_dead_workers(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, "--on-error", "stop"]) == 1
    error, end = _events(tmp_path)[-2:]
    assert (error["event"], "2.jsonl" in error["error"]) == ("error", True)
    assert (end["event"], end["exit_status"]) == ("end", 1)
    # What goes on later goes on in the same log.
    monkeypatch.setenv("PYPACK_CRASH_AT", "manifest:3")
    assert main([*command, "--workers", "2"]) == 1
    events = _events(tmp_path)
    assert [event["event"] for event in events].count("begin") == 2
    assert [event["unit"] for event in events if event["event"] == "worker_died"] == [3] * 3
    assert events[-1]["exit_status"] == 1


def test_other_commands(command: list[str], tmp_path: Path) -> None:
    assert main(command) == 0
    (tmp_path / "log").unlink()
    assert main(["verify", str(tmp_path / "s"), "--log-json", str(tmp_path / "log")]) == 0
    events = _events(tmp_path)
    assert [event["event"] for event in events] == ["begin", "result", "end"]
    assert events[1]["documents"] == 1200


def test_what_was_torn_goes(tmp_path: Path) -> None:
    whole = b'{"event": "old"}\n'
    for torn in (b"", b'{"event": "to', b"x" * (1 << 17)):
        (tmp_path / "log").write_bytes(whole + torn)
        EventLog(tmp_path / "log", "test").write("new", value=1)
        assert [event["event"] for event in _events(tmp_path)] == ["old", "new"]
    (tmp_path / "log").write_bytes(b"no line at all")
    EventLog(tmp_path / "log", "test").write("new")
    assert [event["event"] for event in _events(tmp_path)] == ["new"]


def test_several_processes_in_one_file(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=write_many, args=(tmp_path / "log", f"p{i}")) for i in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    events = _events(tmp_path)
    for i in range(3):
        assert [event["number"] for event in events if event["command"] == f"p{i}"] == list(range(300))


def test_files_that_cannot_be_written(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UsageError, match="Is a directory"):
        EventLog(tmp_path, "test")
    assert main([*command[:-1], str(tmp_path / "absent" / "log")]) == 2
    assert "No such file" in capsys.readouterr().err
    assert not (tmp_path / "s").exists()
    if Path("/dev/full").exists():  # the job goes on without its log
        assert main([*command[:-1], "/dev/full"]) == 0
        told = capsys.readouterr().err
        assert told.count("--log-json /dev/full: No space left on device; no more events") == 1


def test_a_log_among_the_inputs(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for place in (tmp_path / "in" / "log.jsonl", tmp_path / "s" / "log"):
        assert main([*command[:-1], str(place)]) == 2
        assert "would be read or replaced" in capsys.readouterr().err
