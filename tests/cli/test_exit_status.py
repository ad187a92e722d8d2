"""Every row of the table of exit statuses in docs/command-line.md."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from fixtures.corpus_files import json_lines, write
from fixtures.jobs import tree_bytes
from fixtures.places import ROOT

from pypack.cli import COMMANDS, main
from pypack.cli.commands import EPILOG
from pypack.cli.stopping import terminable

_PYPACK = [sys.executable, "-m", "pypack.cli"]


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    return Path(
        write(tmp_path / "a.jsonl", json_lines([{"text": f"document {i}"} for i in range(98)] + [{}] * 2))
    )


def test_the_page_has_all(lines: Path) -> None:
    table = (ROOT / "docs/command-line.md").read_text(encoding="utf-8").partition("**Exit status:**")[2]
    rows = re.findall(r"^\| (\d+) \|", table, re.MULTILINE)
    assert rows == ["0", "1", "2", "130", "143"]
    assert all(re.search(rf"\b{row}\b", EPILOG) for row in rows)


def test_0_1_and_2(
    lines: Path,
    tokenizer_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    store, plan = str(tmp_path / "s"), str(tmp_path / "p")
    job = ["tokenize", str(lines), "-o", store, "--tokenizer", str(tokenizer_file)]
    assert main([*job, "--max-rejects", "5%"]) == 0
    assert main(["pack", store, "-o", plan, "--sequence-length", "32"]) == 0
    assert main(["verify", store]) == main(["inspect", plan]) == 0
    # 2: it could not begin as asked.
    assert main(job) == 2  # finished, without --overwrite
    assert main([*job, "--shard", "1"]) == main(["merge", plan]) == main(["nonsense"]) == main([]) == 2
    assert main(["pack", store, "-o", plan, "--sequence-length", "32"]) == 2
    assert main(["convert", store, str(tmp_path / "absent" / "x"), "--to", "store"]) == 2
    assert "is a token store already" in capsys.readouterr().err
    assert main(["verify", str(tmp_path / "absent")]) == main(["upgrade", str(tmp_path / "absent")]) == 2
    assert main(["check-tokenizer", str(tmp_path / "absent.json")]) == 2
    assert main(["demo", "--keep", store]) == main(["bench", "--store", str(tmp_path / "absent")]) == 2
    # 1: it failed.
    assert main([*job, "--overwrite", "--max-rejects", "1"]) == 1
    assert main([*job, "--overwrite", "--on-error", "stop"]) == 1
    assert (
        main(["pack", store, "-o", plan, "--overwrite", "--sequence-length", "2", "--overflow", "error"]) == 1
    )
    data = bytearray((tmp_path / "s/000000-000.bin").read_bytes())
    data[5] ^= 1
    (tmp_path / "s/000000-000.bin").write_bytes(data)
    assert main(["verify", store]) == 1


def test_1_units_are_missing(lines: Path, tokenizer_file: Path, tmp_path: Path) -> None:
    job = ["tokenize", str(lines), str(lines.rename(tmp_path / "b.jsonl")), "-o", str(tmp_path / "s")]
    job[1] = write(tmp_path / "c.jsonl", json_lines([{"text": "x"}] * 50))
    job += ["--tokenizer", str(tokenizer_file), "--unit-bytes", "100", "--max-rejects", "9%"]
    assert main([*job, "--partition", "0/2"]) == 0
    assert main(["merge", str(tmp_path / "s")]) == 1
    assert main([*job, "--partition", "1/2"]) == 0
    assert main(["merge", str(tmp_path / "s")]) == 0


def test_help_of_each_command_is_0() -> None:
    assert main(["--help"]) == 0
    assert [main([command, "--help"]) for command in COMMANDS] == [0] * len(COMMANDS)


def test_a_store_whose_tokenizer_differs_is_1(lines: Path, tokenizer_file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    definition = json.loads(tokenizer_file.read_text(encoding="utf-8"))
    definition["pre_tokenizer"]["add_prefix_space"] = not definition["pre_tokenizer"]["add_prefix_space"]
    other.write_text(json.dumps(definition), encoding="utf-8")
    assert main(["check-tokenizer", str(tokenizer_file), "--against", str(tokenizer_file)]) == 0
    assert main(["check-tokenizer", str(tokenizer_file), "--against", str(other)]) == 1


def _signalled_after_a_unit(command: list[str], sent: str, folder: Path) -> tuple[int, bytes]:
    """Exit status and words of a job into `s` that is sent a signal when its first unit is there."""
    process = subprocess.Popen(
        command, cwd=folder, stderr=subprocess.PIPE, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not list((folder / "s" / "units").glob("00000?.json")) and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    if process.poll() is None:
        os.killpg(process.pid, getattr(signal, sent))  # as schedulers do: to all processes at once
    _, told = process.communicate(timeout=30)
    return process.returncode, told


@pytest.mark.parametrize(
    ("sent", "status", "word"), [("SIGINT", 130, "interrupted"), ("SIGTERM", 143, "terminated")]
)
@pytest.mark.parametrize("workers", ["1", "2"])
def test_130_and_143_leave_what_goes_on(
    sent: str, status: int, word: str, workers: str, tokenizer_file: Path, tmp_path: Path
) -> None:
    for i in range(8):
        text = "the packer finds the row where each document fits best " * 20
        write(tmp_path / "in" / f"{i}.jsonl", json_lines([{"text": text}] * 1000))
    options = [
        "--tokenizer",
        str(tokenizer_file),
        "--unit-bytes",
        "1M",
        "--threads",
        "1",
        "--workers",
        workers,
    ]
    command = [*_PYPACK, "tokenize", "in", "-o", "s", *options]
    log = tmp_path / "log"
    for _ in range(5):  # where this process waits for its turn, the job may have ended
        returncode, told = _signalled_after_a_unit([*command, "--log-json", str(log)], sent, tmp_path)
        if returncode:
            break
        shutil.rmtree(tmp_path / "s")
    assert returncode == status, told
    assert f"pypack tokenize: {word}; the same command goes on from" in told.decode()
    assert b"Traceback" not in told
    assert not (tmp_path / "s/store.json").exists()
    if workers == "1":  # what workers have begun goes with the end of the job
        assert not list((tmp_path / "s").glob("*.partial*"))
    assert f'"exit_status": {status}' in log.read_text().splitlines()[-1]
    assert subprocess.run(command, cwd=tmp_path, check=False, capture_output=True).returncode == 0
    assert subprocess.run([*command[:6], "t", *command[7:]], cwd=tmp_path, check=False).returncode == 0
    ours, unbroken = (tree_bytes(tmp_path / name) for name in ("s", "t"))
    assert ours == unbroken


def test_143_of_a_command_without_words_of_its_own(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys\nfrom pypack.cli import main, commands\n"
        "import pypack.cli.verify as verify\n"
        "verify.run = lambda args: os.kill(os.getpid(), signal.SIGTERM)\n"
        "sys.exit(main(['verify', 'x', '--json']))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 143
    assert done.stderr == "pypack verify: terminated; nothing half-written was left behind\n"
    assert '"exit_status": 143' in done.stdout


def test_a_signal_that_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with terminable():
            os.kill(os.getpid(), signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    with terminable():
        assert signal.getsignal(signal.SIGTERM) not in (signal.SIG_DFL, signal.SIG_IGN)
    assert signal.getsignal(signal.SIGTERM) is before


def test_other_threads_may_run_commands() -> None:
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(main(["completion", "bash", "-q"])))
    thread.start()
    thread.join()
    assert found == [0]
