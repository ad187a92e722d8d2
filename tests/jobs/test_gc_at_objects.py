"""What killed commands leave at a URL, and what `pypack gc` makes of it: never what somebody needs."""

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
from fixtures.jobs import tree_bytes
from fixtures.objects_below import objects_below, put

from pypack.cli import main
from pypack.jobs.leftovers import gc_store
from pypack.jobs.output import OutputError
from pypack.jobs.partition import Partition
from pypack.jobs.tokenize import TokenizeOptions, tokenize
from pypack.remote import Url, objects
from pypack.store.remote_index import RemoteIndex
from pypack.tokenizer.tokenizer import Tokenizer

_PYPACK = [sys.executable, "-c", "import sys; from pypack.cli import main; sys.exit(main())"]
_OPTIONS = TokenizeOptions(shard_tokens=100, unit_bytes=1000)


def _lines(first: int, count: int) -> bytes:
    return json_lines([{"text": f"document {i} " * (i % 5), "id": i} for i in range(first, first + count)])


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    write(tmp_path / "in/a.jsonl", _lines(0, 40) + b"bad\n" + _lines(40, 10))
    return tmp_path / "in"


@pytest.fixture
def store(s3: Url, inputs: Path, tokenizer: Tokenizer) -> Url:
    """Several units, some of several shards, with rejects."""
    tokenize([inputs], s3 / "s", tokenizer, _OPTIONS)
    return s3 / "s"


def _command(store: Url, inputs: Path, tokenizer_file: Path, *more: str) -> list[str]:
    return [
        *_PYPACK, "tokenize", str(inputs), "-o", str(store), "--tokenizer", str(tokenizer_file),
        "--shard-tokens", "100", "--unit-bytes", "1000", "--workers", "1", "--max-rejects", "50%", *more,
    ]  # fmt: skip


def _killed(command: list[str], point: str) -> None:
    done = subprocess.run(command, env={**os.environ, "PYPACK_CRASH_AT": point}, stdout=-3, stderr=-3)
    assert done.returncode == -signal.SIGKILL


def _host() -> str:
    return "".join(c if c.isalnum() and c.isascii() else "_" for c in socket.gethostname())


def _attempt(name: str, host: str, process: int) -> str:
    return f"attempts/{name.replace('/', '!')}.{host}-{process}-0123456789ab"


def test_every_kind_of_leftover(store: Url, capsys: pytest.CaptureFixture[str]) -> None:
    before = objects_below(store)
    over = subprocess.Popen([sys.executable, "-c", ""])
    over.wait()
    dead = _attempt("units/000001.journal", _host(), over.pid)
    alive = _attempt("units/000001.rejected.jsonl", "elsewhere", 17)
    young = [
        alive, "000099-000.bin", "000099-000.mask", "units/000099.json", "units/000099.records",
        "job.next-000001.json", "rejected.next-000001.jsonl", ".pypack-probe-0123456789abcdef", "merge.json",
        "units/000001.json~elsewhere-17-0123456789ab", "journal.jsonl",
    ]  # fmt: skip
    put(dict.fromkeys([dead, *young], b"xxxxx"), store)
    put({"notes.txt": b"mine", "folder/a/b": b"mine"}, store)
    dirty = objects_below(store)
    found = gc_store(store)
    assert [str(one.path) for one in found.removable] == [f"{store}/{dead}"]
    assert set(found.kept) == set(young)
    assert all("young" in why for why in found.kept.values())
    assert found.strangers == ["folder/", "notes.txt"]
    assert set(dirty) - set(objects_below(store)) == {dead}
    assert main(["gc", str(store), "--min-age", "0", "--dry-run", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert set(objects_below(store)) == set(dirty) - {dead}
    assert main(["gc", str(store), "--min-age", "0", "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert done == {**told, "dry_run": False}
    assert {one["path"] for one in done["removed"]} == {f"{store}/{name}" for name in young}
    assert (done["bytes"], done["kept"]) == (5 * len(young), {})
    objects().remove(store / "notes.txt")
    objects().remove(store / "folder/a/b")
    assert objects_below(store) == before


def test_it_is_refused(s3: Url, store: Url) -> None:
    objects().write(s3 / "other/000000-000.bin", b"x")
    with pytest.raises(OutputError, match="not known to be pypack's"):
        gc_store(s3 / "other")
    job = json.loads(objects().read(store / "job.json"))
    job["units"] = job["units"][:1]
    objects().write(store / "job.json", json.dumps(job).encode())
    with pytest.raises(OutputError, match=r"store\.json is not of job\.json"):
        gc_store(store, min_age=0)
    objects().write(store / "store.json", b"{}")
    assert main(["gc", str(store)]) == 1


@pytest.mark.parametrize("point", ["shard:2", "journal:1", "commit:1"] if SCALE > 1 else ["journal:1"])
def test_a_killed_job_goes_on_after_it(
    point: str, s3: Url, store: Url, inputs: Path, tokenizer_file: Path
) -> None:
    command = _command(s3 / "t", inputs, tokenizer_file)
    _killed(command, point)
    before = objects_below(s3 / "t")
    gc_store(s3 / "t", min_age=0)
    # Of a unit that is done (killed behind its commit) nobody needs the journal.
    done = [name[len("units/") : -len(".json")] for name in before if name.startswith("units/")]
    needless = tuple(f"attempts/units!{unit}." for unit in done if len(unit) == 6)
    kept = {name: data for name, data in before.items() if not name.startswith(needless)}
    assert len(kept) == len(before) or point.startswith("commit:")
    assert objects_below(s3 / "t") == kept
    assert subprocess.run(command, stdout=-3, stderr=-3).returncode == 0
    assert objects_below(s3 / "t") == objects_below(store)


_POINTS = ("append:begun", "commit:3", "merge:settle", "merge:job", "merge:named")


@pytest.mark.parametrize("point", _POINTS if SCALE > 1 else _POINTS[1::2])
def test_a_killed_append_goes_on_after_it(
    point: str, store: Url, inputs: Path, tokenizer: Tokenizer, tokenizer_file: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "s"
    tokenize([inputs], folder, tokenizer, _OPTIONS)
    write(inputs / "b.jsonl", _lines(100, 5) + b"bad\n")
    command = _command(store, inputs, tokenizer_file, "--append")
    _killed(command, point)
    gc_store(store, min_age=0)
    RemoteIndex(store).verify()
    if point.startswith("merge"):
        assert not any("next-" in name for name in objects_below(store))
    assert subprocess.run(command, stdout=-3, stderr=-3).returncode == 0
    tokenize([inputs], folder, tokenizer, _OPTIONS, append=True)
    assert objects_below(store) == tree_bytes(folder)


def test_an_append_that_was_given_up_leaves_nothing(
    store: Url, inputs: Path, tokenizer: Tokenizer, tokenizer_file: Path
) -> None:
    before = objects_below(store)
    units = sum(name.startswith("units/") and name.endswith(".json") for name in before)
    write(inputs / "b.jsonl", _lines(100, 60) + b"bad\n")
    _killed(_command(store, inputs, tokenizer_file, "--append"), f"commit:{units + 1}")
    objects().remove(store / f"job.next-{units:06d}.json")
    with pytest.raises(OutputError, match="holds units of an append that was given up"):
        tokenize([inputs], store, tokenizer, _OPTIONS, append=True)
    young = gc_store(store).removable
    assert all("/attempts/" in str(one.path) for one in young)  # of a process of this machine that has ended
    assert gc_store(store, min_age=0).removable
    assert objects_below(store) == before
    result = tokenize([inputs], store, tokenizer, _OPTIONS, append=True)
    assert result.appended is not None
    assert result.appended.documents == 60


def test_while_others_work(
    store: Url, inputs: Path, tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is listed, and named by nobody then, may be a store's by the time that this is read."""
    write(inputs / "b.jsonl", _lines(100, 60))
    tokenize([inputs], store, tokenizer, _OPTIONS, append=True, partition=Partition(0, 2))
    real = objects().list

    def listed(folder: Url) -> object:
        found = real(folder)
        if folder == store:
            monkeypatch.undo()
            tokenize([inputs], store, tokenizer, _OPTIONS, append=True)
        return found

    monkeypatch.setattr("pypack.remote.process.ProcessObjects.list", lambda _, folder: listed(folder))
    monkeypatch.setattr("pypack.jobs.remote_leftovers._settle", lambda place: None)
    gc_store(store, min_age=0)
    found = RemoteIndex(store)
    found.verify()
    assert found.info.documents == 110
