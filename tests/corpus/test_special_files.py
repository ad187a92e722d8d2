"""Pipes, sockets and devices: left out of folders, read by name where `format` says what they hold."""

from __future__ import annotations

import io
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fixtures.corpus_files import TEXTS, json_lines, read_all, write, write_arrow

from pypack.corpus import CorpusError, list_inputs


def _fed(path: Path, data: bytes) -> str:
    """A named pipe that somebody writes into."""
    os.mkfifo(path)
    threading.Thread(target=path.write_bytes, args=(data,), daemon=True).start()
    return str(path)


def test_folders_leave_them_out_and_say_so(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", b'{"text": "a"}\n')
    os.mkfifo(tmp_path / "b.jsonl")
    (tmp_path / "c.txt").symlink_to("/dev/zero")
    (tmp_path / "d.txt").symlink_to(tmp_path / "b.jsonl")
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(tmp_path)  # the names of sockets are short
        try:
            server.bind("e.jsonl")
        finally:
            os.chdir(here)
        for argument in (str(tmp_path), str(tmp_path / "*")):
            skipped: list[str] = []
            files = list_inputs([argument], on_skip=skipped.append, format="json_lines")
            assert [Path(file.path).name for file in files] == ["a.jsonl"]
            assert [message.removeprefix(f"{tmp_path}/") for message in skipped] == [
                "b.jsonl: a named pipe",
                "c.txt: a device",
                "d.txt: a named pipe",
                "e.jsonl: a socket",
            ]
    assert read_all([str(tmp_path)]) == (["a"], [])


def test_named_ones_need_a_format(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "b.jsonl")
    for path in (str(tmp_path / "b.jsonl"), "/dev/zero"):
        with pytest.raises(CorpusError, match="say with --format what it holds"):
            list_inputs([path])
    with pytest.raises(CorpusError, match="format must be one of"):
        list_inputs([path], format="xml")


def test_pipes_of_every_format(tmp_path: Path) -> None:
    lines = json_lines([{"text": text} for text in TEXTS])
    table = pa.table({"text": TEXTS})
    parquet = io.BytesIO()
    pq.write_table(table, parquet)
    arrow = Path(write_arrow(tmp_path / "x.arrow", table, stream=True)).read_bytes()
    for name, data in {"json_lines": lines, "parquet": parquet.getvalue(), "arrow": arrow}.items():
        assert read_all([_fed(tmp_path / name, data)], format=name) == (TEXTS, [])
    assert read_all([_fed(tmp_path / "text", b"as it stands\n")], format="text") == (["as it stands\n"], [])
    other = write(tmp_path / "records.log", lines)
    assert read_all([other], format="json_lines") == (TEXTS, [])


@pytest.mark.skipif(not Path("/dev/stdin").exists(), reason="no /dev/stdin")
@pytest.mark.parametrize("name", ["/dev/stdin", "-"])
def test_standard_input(name: str) -> None:
    program = "import sys; from pypack import corpus; "
    program += "print([t for b in corpus.read([sys.argv[1]], format=sys.argv[2]) for t in b.text_list()])"
    parquet = io.BytesIO()
    pq.write_table(pa.table({"text": TEXTS}), parquet)
    for kind, data in (
        ("json_lines", json_lines([{"text": t} for t in TEXTS])),
        ("parquet", parquet.getvalue()),
    ):
        done = subprocess.run(
            [sys.executable, "-c", program, name, kind],
            input=data,
            capture_output=True,
            check=True,
            timeout=60,
        )
        assert done.stdout.decode().strip() == str(TEXTS)
