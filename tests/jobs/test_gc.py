"""What killed commands leave, and what `pypack gc` makes of it: never something that somebody needs."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import SCALE
from fixtures.corpus_files import json_lines, write
from fixtures.jobs import copy_store, tree_bytes

from pypack.cli import main
from pypack.jobs.leftovers import gc_store
from pypack.jobs.output import OutputError, only_job_in
from pypack.jobs.tokenize import TokenizeOptions, tokenize
from pypack.store.store import TokenStore
from pypack.tokenizer.tokenizer import Tokenizer

_PYPACK = [sys.executable, "-c", "import sys; from pypack.cli import main; sys.exit(main())"]
_OPTIONS = TokenizeOptions(shard_tokens=100, unit_bytes=1000)


def _lines(first: int, count: int) -> bytes:
    return json_lines([{"text": f"document {i} " * (i % 5), "id": i} for i in range(first, first + count)])


@pytest.fixture
def store(tokenizer: Tokenizer, tmp_path: Path) -> Path:
    """Several units, some of several shards, with rejects."""
    a = write(tmp_path / "in/a.jsonl", _lines(0, 40) + b"bad\n" + _lines(40, 10))
    tokenize([a], tmp_path / "s", tokenizer, _OPTIONS)
    return tmp_path / "s"


def _command(store: Path, tokenizer_file: Path, *more: str) -> list[str]:
    return [
        *_PYPACK, "tokenize", str(store.parent / "in"), "-o", str(store), "--tokenizer", str(tokenizer_file),
        "--shard-tokens", "100", "--unit-bytes", "1000", "--workers", "1", "--max-rejects", "50%", *more,
    ]  # fmt: skip


def _killed(command: list[str], point: str) -> None:
    done = subprocess.run(
        command, env={**os.environ, "PYPACK_CRASH_AT": point}, check=False, stderr=subprocess.DEVNULL
    )
    assert done.returncode == -signal.SIGKILL


def test_a_whole_store_has_no_leftovers(store: Path) -> None:
    before = tree_bytes(store)
    (store / "notes.txt").write_text("mine")
    (store / "folder").mkdir()
    found = gc_store(store)
    assert found.removable == []
    assert found.kept == {}
    assert found.strangers == ["folder", "notes.txt"]
    (store / "notes.txt").unlink()
    assert tree_bytes(store) == before


def _dead_name(name: str) -> str:
    """A temporary name of a process of this machine that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    host = "".join(c if c.isalnum() and c.isascii() else "_" for c in socket.gethostname())
    return f"{name}.partial.{host}-{process.pid}-0123456789ab"


def test_every_kind_of_leftover(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = tree_bytes(store)
    (store / "units" / _dead_name("000001.journal")).write_bytes(b"x" * 5)
    (store / "units" / _dead_name("000001.rejected.jsonl")).write_bytes(b"x" * 5)
    (store / _dead_name("000001-000.bin")).write_bytes(b"x" * 5)
    (store / "000099-000.bin").write_bytes(b"x" * 7)
    (store / "000099-000.mask").write_bytes(b"x")
    (store / "units/000099.json").write_bytes(b"{}")
    (store / "rejected.next.jsonl").write_bytes(b"x")
    (store / "journal.jsonl").write_bytes(b"x")
    (store / _dead_name("repair")).mkdir()
    for name in (".s.old", ".s.merging", ".s.columns-0123456789ab"):
        copy_store(store, store.with_name(name))
        os.utime(store.with_name(name), (0, 0))
    dirty = {path: path.stat().st_mtime_ns for path in store.parent.rglob("*")}
    assert main(["gc", str(store), "--dry-run", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {path: path.stat().st_mtime_ns for path in store.parent.rglob("*")} == dirty
    assert main(["gc", str(store), "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert done == {**told, "dry_run": False}
    assert (done["kept"], done["strangers"]) == ({}, [])
    assert tree_bytes(store) == before
    assert not list(store.parent.glob(".s.*"))
    assert done["bytes"] == sum(one["bytes"] for one in done["removed"]) > 0
    assert main(["gc", str(store)]) == 0
    assert capsys.readouterr().out == f"{store}: 0 left-overs removed (0 bytes)\n"


def test_bytes_that_have_another_name_are_not_freed(store: Path, tmp_path: Path) -> None:
    (store / "000099-000.bin").write_bytes(b"x" * 7)
    os.link(store / "000099-000.bin", tmp_path / "kept.bin")
    found = gc_store(store)
    assert (found.bytes, found.freed_bytes) == (7, 0)
    assert (tmp_path / "kept.bin").exists()


def test_what_somebody_may_need_is_kept(store: Path) -> None:
    host = "".join(c if c.isalnum() and c.isascii() else "_" for c in socket.gethostname())
    alive = f"000001-000.bin.partial.{host}-{os.getppid()}-0123456789ab"
    elsewhere = "000001-000.idx.partial.other-17-0123456789ab"
    for name in (alive, elsewhere):
        (store / name).write_bytes(b"x")
    store.with_name(".s.next").mkdir()
    columns = store.with_name(".s.columns-0123456789ab")
    columns.mkdir()
    (columns / "store.json").write_bytes(b"{}")
    strange = store.with_name(".s.old")
    strange.mkdir()
    (strange / "thesis.tex").write_bytes(b"x")
    found = gc_store(store)
    assert found.removable == []
    assert set(found.kept) == {alive, elsewhere, ".s.next", columns.name}
    assert found.strangers == [".s.old/thesis.tex"]
    assert (strange / "thesis.tex").exists()
    os.utime(store / elsewhere, (0, 0))
    assert [one.path.name for one in gc_store(store).removable] == [elsewhere]


def test_it_is_refused(store: Path, tmp_path: Path) -> None:
    with only_job_in(store), pytest.raises(OutputError, match="another process is working there"):
        gc_store(store)
    with only_job_in(store, shared=True):  # a partition
        assert main(["gc", str(store)]) == 2
    other = tmp_path / "other"
    other.mkdir()
    (other / "000000-000.bin.partial.x-1-0123456789ab").write_bytes(b"x")
    with pytest.raises(OutputError, match="not known to be pypack's"):
        gc_store(other)
    assert main(["gc", str(tmp_path / "absent")]) == 2
    (store / "store.json").write_bytes(b"{}")
    assert main(["gc", str(store)]) == 1
    assert len(list(store.glob("*.bin"))) > 2


_POINTS = ("start:1", "shard:2", "journal:1", "manifest:1", "commit:1", "merge:store")


@pytest.mark.parametrize("point", _POINTS if SCALE > 1 else _POINTS[1:3])
def test_a_killed_job_goes_on_after_it(point: str, store: Path, tokenizer_file: Path, tmp_path: Path) -> None:
    other = tmp_path / "t"
    command = [str(other) if part == str(store) else part for part in _command(store, tokenizer_file)]
    _killed(command, point)
    documents = {name for name in tree_bytes(other) if ".partial" not in name}
    gc_store(other)
    assert documents <= tree_bytes(other).keys()
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0
    whole = tmp_path / "whole"
    assert subprocess.run(
        [str(whole) if part == str(store) else part for part in _command(store, tokenizer_file)], check=False
    ).returncode == 0  # fmt: skip
    assert tree_bytes(other) == tree_bytes(whole)


@pytest.mark.parametrize(
    "point", ["append:begun", "commit:4", "merge:settle", "merge:job"][:: 1 if SCALE > 1 else 2]
)
def test_a_killed_append_goes_on_after_it(
    point: str, store: Path, tokenizer_file: Path, tmp_path: Path
) -> None:
    write(tmp_path / "in/b.jsonl", _lines(100, 5) + b"bad\n")
    copy_store(store, tmp_path / "whole")
    command = _command(store, tokenizer_file, "--append")
    _killed(command, point)
    gc_store(store)
    TokenStore.open(store).verify()
    if point.startswith("merge"):
        assert not (store / "job.next.json").exists()
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0
    unbroken = _command(tmp_path / "whole", tokenizer_file, "--append")
    assert subprocess.run(unbroken, check=False, capture_output=True).returncode == 0
    assert tree_bytes(store) == tree_bytes(tmp_path / "whole")


def test_an_append_that_was_given_up_leaves_nothing(
    store: Path, tokenizer: Tokenizer, tokenizer_file: Path, tmp_path: Path
) -> None:
    before = tree_bytes(store)
    units = len(list((store / "units").glob("*.json")))
    write(tmp_path / "in/b.jsonl", _lines(100, 60) + b"bad\n")
    _killed(_command(store, tokenizer_file, "--append"), f"commit:{units + 1}")
    (store / "job.next.json").unlink()
    with pytest.raises(OutputError, match="holds units of an append that was given up"):
        tokenize([tmp_path / "in"], store, tokenizer, _OPTIONS, append=True)
    assert gc_store(store).removable
    assert tree_bytes(store) == before
    result = tokenize([tmp_path / "in"], store, tokenizer, _OPTIONS, append=True)
    assert result.appended is not None
    assert result.appended.documents == 60


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="there is no such folder"):
        gc_store(tmp_path / "absent")
