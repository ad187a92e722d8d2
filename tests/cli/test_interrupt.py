"""Interrupting `pypack tokenize` at any moment, for real: SIGINT, SIGKILL, two jobs at once."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fixtures.corpus_files import json_lines
from fixtures.jobs import tree_bytes

_PYPACK = [sys.executable, "-c", "import sys; from pypack.cli import main; sys.exit(main())"]
_OPTIONS = ["--shard-tokens", "300k", "--keep", "id"]


@pytest.fixture(scope="module")
def data() -> bytes:
    """Several batches of JSON lines, with rejects between them."""
    words = ["the", "packer", "finds", "the", "row", "where", "each", "document", "fits", "best"]
    blocks = []
    for i in range(40_000):
        text = " ".join(words[(i * 7 + j * j) % len(words)] for j in range(40 + i % 50))
        blocks.append(json_lines([{"id": i, "text": text}]) if i % 1000 else b"not json\n")
    return b"".join(blocks)


def _command(store: Path, tokenizer_file: Path) -> list[str]:
    return [*_PYPACK, "tokenize", "-", "-o", str(store), "--tokenizer", str(tokenizer_file), *_OPTIONS]


def _start_and_wait(command: list[str], data: bytes, store: Path, more_than: int) -> subprocess.Popen[bytes]:
    """Feeds data, keeps standard input open, and waits until the journal has more than so many shards."""
    # What runs the tests in the background may have SIGINT ignored, which children inherit.
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdin is not None
    process.stdin.write(data)
    process.stdin.flush()
    deadline = time.monotonic() + 60
    while _shards(store) <= more_than:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.01)
    return process


def _shards(store: Path) -> int:
    journals = [path.read_bytes() for path in store.glob("units/*.journal.*")]
    return max((journal.count(b"\n") - 1 for journal in journals), default=0)


@pytest.fixture(scope="module")
def unbroken(data: bytes, tokenizer_file: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    store = tmp_path_factory.mktemp("unbroken") / "s"
    subprocess.run(_command(store, tokenizer_file), input=data, capture_output=True, check=True)
    return tree_bytes(store)


def test_sigkill_then_the_same_command(
    data: bytes, tokenizer_file: Path, unbroken: dict[str, bytes], tmp_path: Path
) -> None:
    store = tmp_path / "s"
    command = _command(store, tokenizer_file)
    for part in (0.4, 0.8):
        cut = int(len(data) * part)
        process = _start_and_wait(command, data[:cut], store, more_than=_shards(store))
        process.kill()
        process.communicate()
        assert not (store / "store.json").exists()
    done = subprocess.run([*command, "--json"], input=data, capture_output=True, check=True)
    assert json.loads(done.stdout)["resumed_documents"] > 5_000
    assert tree_bytes(store) == unbroken


def test_sigint_says_how_to_go_on(
    data: bytes, tokenizer_file: Path, unbroken: dict[str, bytes], tmp_path: Path
) -> None:
    store = tmp_path / "s"
    command = _command(store, tokenizer_file)
    process = _start_and_wait(command, data[: len(data) // 2], store, more_than=0)
    # A second job in the same place is refused as long as the first one runs.
    second = subprocess.run(command, input=b"", capture_output=True, check=False)
    assert second.returncode == 2
    assert b"another process" in second.stderr
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130
    assert process.stderr is not None
    said = process.stderr.read()
    assert b"goes on from the last finished shard" in said
    assert b"Traceback" not in said
    assert process.stdin is not None
    process.stdin.close()
    process.stderr.close()
    assert not list(store.glob("0*.partial*"))
    assert not (store / "store.json").exists()
    subprocess.run(command, input=data, capture_output=True, check=True)
    assert tree_bytes(store) == unbroken
