"""What a store at a URL has refused, tried again: the bytes of a folder, whoever is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import SCALE
from fixtures.corpus_files import json_lines, write
from fixtures.jobs import copy_store, tree_bytes
from fixtures.objects_below import objects_below, put

from pypack.corpus import CorpusError
from pypack.jobs.output import OutputError
from pypack.jobs.tokenize import TokenizeOptions, tokenize
from pypack.remote import Url, objects
from pypack.store.remote_index import RemoteIndex
from pypack.tokenizer.tokenizer import Tokenizer

_PYPACK = [sys.executable, "-c", "import sys; from pypack.cli import main; sys.exit(main())"]
_OPTIONS = TokenizeOptions(shard_tokens=300)


def _lines(first: int, count: int, *bad: int) -> bytes:
    lines = [json_lines([{"text": f"document {i}"}]) for i in range(first, first + count)]
    for i in bad:
        lines[i] = b"bad\n"
    return b"".join(lines)


@dataclass(frozen=True)
class _Mended:
    inputs: Path
    old: dict[str, bytes]
    new: dict[str, bytes]

    def command(self, store: Url | Path, tokenizer_file: Path) -> list[str]:
        return [
            *_PYPACK, "tokenize", str(self.inputs), "-o", str(store), "--tokenizer", str(tokenizer_file),
            "--shard-tokens", "300", "--workers", "1", "--retry-rejected", "--max-rejects", "50%",
        ]  # fmt: skip


@pytest.fixture(params=[(), (3,)], ids=["all mended", "one is bad still"])
def mended(request: pytest.FixtureRequest, tokenizer: Tokenizer, tmp_path: Path) -> _Mended:
    """A store with rejects, and its files mended: no reject, or one, is left."""
    inputs = tmp_path / "in"
    write(inputs / "a.jsonl", _lines(0, 30, 3, 7))
    write(inputs / "b.jsonl", _lines(30, 30, 9))
    tokenize([inputs], tmp_path / "s", tokenizer, _OPTIONS)
    old = tree_bytes(tmp_path / "s")
    write(inputs / "a.jsonl", _lines(0, 30, *request.param))
    write(inputs / "b.jsonl", _lines(30, 30))
    copy_store(tmp_path / "s", tmp_path / "new")
    tokenize([inputs], tmp_path / "new", tokenizer, _OPTIONS, retry_rejected=True)
    return _Mended(inputs, old, tree_bytes(tmp_path / "new"))


@pytest.mark.parametrize("service", ["s3", "no_condition_store"])
def test_the_bytes_of_a_folder(
    service: str, request: pytest.FixtureRequest, mended: _Mended, tokenizer: Tokenizer
) -> None:
    store: Url = request.getfixturevalue(service) / "s"
    put(mended.old, store)
    result = tokenize([mended.inputs], store, tokenizer, _OPTIONS, retry_rejected=True)
    assert objects_below(store) == mended.new
    assert result.documents == 60 - result.rejected
    with pytest.raises(CorpusError, match="no input that was given has changed since"):
        tokenize([mended.inputs], store, tokenizer, _OPTIONS, retry_rejected=True)


_POINTS = ("retry:begun", "shard:1", "commit:1", "merge:store", "merge:settle", "merge:job", "merge:named")


@pytest.mark.parametrize("point", _POINTS if SCALE > 1 else ("retry:begun", "merge:job"))
def test_killed_at_a_point(point: str, s3: Url, mended: _Mended, tokenizer_file: Path) -> None:
    put(mended.old, s3)
    command = mended.command(s3, tokenizer_file)
    killed = subprocess.run(command, env={**os.environ, "PYPACK_CRASH_AT": point}, stdout=-3, stderr=-3)
    assert killed.returncode == -signal.SIGKILL
    RemoteIndex(s3).verify()
    done = subprocess.run(command, capture_output=True, text=True)
    # Behind the last step nothing is left to be done, which is told.
    assert (done.returncode, "no input that was given has changed" in done.stderr) in ((0, False), (2, True))
    assert {name: data for name, data in objects_below(s3).items() if "next-" not in name} == mended.new


@pytest.mark.parametrize("point", ["merge:settle", "merge:job"])
def test_killed_in_a_folder_behind_the_last_unit(
    point: str, mended: _Mended, tokenizer_file: Path, tmp_path: Path
) -> None:
    """The same command took itself for one that has nothing to do."""
    store = tmp_path / "s"
    command = mended.command(store, tokenizer_file)
    killed = subprocess.run(command, env={**os.environ, "PYPACK_CRASH_AT": point}, stdout=-3, stderr=-3)
    assert killed.returncode == -signal.SIGKILL
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert tree_bytes(store) == mended.new


def test_what_has_begun_is_of_its_files(
    s3: Url, mended: _Mended, tokenizer: Tokenizer, tokenizer_file: Path
) -> None:
    put(mended.old, s3)
    command = mended.command(s3, tokenizer_file)
    subprocess.run(command, env={**os.environ, "PYPACK_CRASH_AT": "commit:1"}, stdout=-3, stderr=-3)
    before = objects_below(s3)
    b = mended.inputs / "b.jsonl"
    text, status = b.read_bytes(), b.stat()
    write(b, _lines(30, 30) + b"\n")
    with pytest.raises(
        OutputError, match=r"has begun there, with these files as they were.*job\.next-000001"
    ):
        tokenize([mended.inputs], s3, tokenizer, _OPTIONS, retry_rejected=True)
    with pytest.raises(OutputError, match="--retry-rejected has begun there: run that to its end first"):
        new = write(mended.inputs.parent / "c.jsonl", _lines(60, 3))
        tokenize([new], s3, tokenizer, _OPTIONS, append=True)
    assert objects_below(s3) == before
    b.write_bytes(text)
    os.utime(b, ns=(status.st_atime_ns, status.st_mtime_ns))
    tokenize([mended.inputs], s3, tokenizer, _OPTIONS, retry_rejected=True)
    assert objects_below(s3) == mended.new


def test_records_that_are_missing_are_no_empty_list(
    tokenizer: Tokenizer, mended: _Mended, tmp_path: Path
) -> None:
    """Of a unit whose records nobody knows nothing was read, and nothing was said."""
    place = tmp_path / "s"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("pypack.jobs.run.UnitWork.__call__", _stopped)
        with pytest.raises(KeyboardInterrupt):
            tokenize([mended.inputs], place, tokenizer, _OPTIONS, retry_rejected=True)
    (place / "units/000001.records").unlink()
    with pytest.raises(
        ValueError, match=r"000001\.records: missing, and tells which records are tried again"
    ):
        tokenize([mended.inputs], place, tokenizer, _OPTIONS, retry_rejected=True)


def _stopped(*_: object) -> None:
    raise KeyboardInterrupt


def test_inputs_that_are_objects(s3: Url, tokenizer: Tokenizer) -> None:
    """Which have another ETag once they are mended."""
    objects().write(s3 / "in/a.jsonl", _lines(0, 10, 4))
    tokenize([str(s3 / "in")], s3 / "s", tokenizer, _OPTIONS)
    objects().write(s3 / "in/a.jsonl", _lines(0, 10))
    result = tokenize([str(s3 / "in")], s3 / "s", tokenizer, _OPTIONS, retry_rejected=True)
    assert (result.documents, result.rejected) == (10, 0)
    RemoteIndex(s3 / "s").verify()
    objects().write(s3 / "in/b.jsonl", _lines(10, 5))
    again = tokenize([str(s3 / "in")], s3 / "s", tokenizer, _OPTIONS, append=True)
    assert again.documents == 15
