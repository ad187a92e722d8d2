"""The progress bar on terminals of several widths, and where there is none."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from fixtures.corpus_files import json_lines, write

from pypack.cli.figures import progress_line
from pypack.jobs.progress import Progress

_PYPACK = [sys.executable, "-m", "pypack.cli"]
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bar") / "in"
    for i in range(6):
        text = "the packer finds the row where each document fits best "
        write(folder / f"{i}.jsonl", json_lines([{"text": text * (j % 40)} for j in range(400)]))
    return folder


def _on_a_terminal(width: int, *argv: object) -> list[str]:
    """The lines that a terminal of a width was given, each as often as it was drawn."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    environment = {**os.environ, "TERM": "xterm", "PYTHONIOENCODING": "utf-8"}
    for name in ("COLUMNS", "LINES", "NO_COLOR"):
        environment.pop(name, None)
    command = [*_PYPACK, *map(str, argv)]
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, stdin=theirs, env=environment) as process:
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
    assert process.returncode == 0, seen
    lines = (line.rstrip() for line in re.split(r"[\r\n]+", _ESCAPES.sub("", seen.decode())))
    return [line for line in lines if line]


@pytest.mark.parametrize("width", [60, 80, 160])
@pytest.mark.parametrize("workers", [1, 2])
def test_it_fits(width: int, workers: int, corpus: Path, tokenizer_file: Path, tmp_path: Path) -> None:
    lines = _on_a_terminal(
        width, "tokenize", corpus, "-o", tmp_path / "s", "--tokenizer", tokenizer_file,
        "--workers", workers, "--unit-bytes", "450k",
    )  # fmt: skip
    drawn = [line for line in lines if "%" in line and "document" not in line.split("%")[0]]
    bars = [line for line in drawn if "█" in line or "░" in line]
    assert bars
    assert [line for line in bars if len(line) >= width] == []
    assert any("100%" in line for line in bars)
    assert any("left" in line for line in bars)
    assert any("tokens" in line for line in bars)
    if width == 160:
        last = bars[-1]
        for word in ("documents,", "documents/s", "tokens/s", "MB/s", "unit 6 of 6"):
            assert word in last
    # A worker's line is cut, not wrapped.
    assert all(len(line) <= width for line in lines if line.startswith("  unit"))


@pytest.mark.parametrize("width", range(5, 200))
def test_every_width(width: int) -> None:
    progress = Progress(
        documents=123_456_789, tokens=98_765_432_100, run_documents=1000, run_tokens=10**9,
        input_bytes=10**12, disk_bytes=37, total_disk_bytes=100, rejected=1234, seconds=5000.0,
        units=12, total_units=3456,
    )  # fmt: skip
    line = progress_line(progress, "12:34:56 left", width)
    assert len(line) < width
    if width >= 20:
        assert "37%" in line
    if width >= 40:
        assert "37%, 12:34:56 left" in line
        assert "█" in line
    progress_line(progress, "", width, unicode=False).encode("ascii")
    unknown = progress_line(Progress(documents=1, tokens=5, seconds=1.0), "", width)
    assert len(unknown) < width
    assert "█" not in unknown


def test_no_bar_without_a_terminal(corpus: Path, tokenizer_file: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [*_PYPACK, "tokenize", corpus, "-o", tmp_path / "s", "--tokenizer", tokenizer_file],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    assert "\x1b" not in done.stdout


def test_no_bar_if_it_should_be_quiet(corpus: Path, tokenizer_file: Path, tmp_path: Path) -> None:
    command = ("tokenize", corpus, "-o", tmp_path / "s", "--tokenizer", tokenizer_file, "-q")
    assert _on_a_terminal(80, *command) == []
