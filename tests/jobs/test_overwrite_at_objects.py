"""A finished store at a URL replaced by another: one of the two stands there, and those who read go on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import SCALE
from fixtures.corpus_files import json_lines, write
from fixtures.objects_below import objects_below

from pypack.jobs.leftovers import gc_store
from pypack.jobs.output import OutputError
from pypack.jobs.remote_replace import place_beside
from pypack.jobs.repair import repair_store
from pypack.jobs.tokenize import TokenizeOptions, tokenize
from pypack.remote import Url, objects
from pypack.store.remote_index import RemoteIndex
from pypack.store.store import TokenStore
from pypack.tokenizer.tokenizer import Tokenizer

_PYPACK = [sys.executable, "-c", "import sys; from pypack.cli import main; sys.exit(main())"]
_OLD = TokenizeOptions(shard_tokens=100, unit_bytes=1000)
_NEW = TokenizeOptions(shard_tokens=150, unit_bytes=1000)


def _lines(first: int, count: int) -> bytes:
    return json_lines([{"text": f"document {i} " * (i % 5), "id": i} for i in range(first, first + count)])


@dataclass(frozen=True)
class _Replaced:
    """A store with rejects, other inputs, and the store that these give elsewhere."""

    store: Url
    old: dict[str, bytes]
    inputs: str
    new: dict[str, bytes]
    documents: tuple[int, int]

    def command(self, tokenizer_file: Path) -> list[str]:
        return [
            *_PYPACK, "tokenize", self.inputs, "-o", str(self.store), "--tokenizer", str(tokenizer_file),
            "--shard-tokens", "150", "--unit-bytes", "1000", "--workers", "1", "--overwrite",
        ]  # fmt: skip

    def check_new(self) -> None:
        """The new store is there, with its bytes, under other names; nothing else that is a store's."""
        index = RemoteIndex(self.store)
        index.verify()
        assert index.info.documents == self.documents[1]
        made = objects_below(self.store)
        shards = {name[:7] + f"{int(name[7:10]):03d}" + name[10:]: data for name, data in self.new.items()
                  if name[0].isdigit()}  # fmt: skip
        here = {}
        for shard in index.info.shards:
            unit, _, number = shard.name.partition("-")
            for suffix in (".bin", ".idx"):
                here[f"{unit}-{int(number) % 1000:03d}{suffix}"] = made[shard.name + suffix]
        assert here == shards
        assert ("rejected.jsonl" in made) == ("rejected.jsonl" in self.new)
        units = {name for name in made if name.startswith("units/")}
        assert units == {name for name in self.new if name.startswith("units/")}
        assert objects().list(self.store.with_name(f".{self.store.name}.next")) == []


@pytest.fixture(params=["s3"])
def replaced(request: pytest.FixtureRequest, tokenizer: Tokenizer, tmp_path: Path) -> _Replaced:
    url: Url = request.getfixturevalue(request.param)
    a = write(tmp_path / "a.jsonl", _lines(0, 40) + b"bad\n" + _lines(40, 30))
    b = write(tmp_path / "b.jsonl", _lines(100, 30))
    before = tokenize([a], url / "s", tokenizer, _OLD)
    after = tokenize([b], url / "new", tokenizer, _NEW)
    new = objects_below(url / "new")
    return _Replaced(url / "s", objects_below(url / "s"), b, new, (before.documents, after.documents))


_SERVICES = ["s3", "azure_store", "google_store", "no_condition_store"]


@pytest.mark.parametrize("replaced", _SERVICES if SCALE > 1 else _SERVICES[::3], indirect=True)
def test_at_each_service(replaced: _Replaced, tokenizer: Tokenizer, tmp_path: Path) -> None:
    reader = None
    if replaced.store.scheme != "gs":  # whose stand-in is in this process, which waits for a block
        reader = TokenStore.open(str(replaced.store), cache=tmp_path / "cache")
        first = reader[0].tolist()
    done = tokenize([replaced.inputs], replaced.store, tokenizer, _NEW, overwrite=True)
    assert (done.documents, done.output) == (replaced.documents[1], replaced.store)
    replaced.check_new()
    # Who has it open reads on, what was not fetched before, too.
    if reader is not None:
        documents = [document.tolist() for document in reader]
        assert (len(documents), documents[0]) == (replaced.documents[0], first)
    kept = gc_store(replaced.store).kept
    assert any("of a store that was replaced; but it is young" in why for why in kept.values())
    gc_store(replaced.store, min_age=0)
    replaced.check_new()
    left = set(objects_below(replaced.store))
    assert not left & {name for name in replaced.old if name[0].isdigit()}
    assert len(left) == len(replaced.new)


def test_it_lives_on(replaced: _Replaced, tokenizer: Tokenizer, tmp_path: Path) -> None:
    """Appended to, repaired and replaced again, before the old shards are gone."""
    store = replaced.store
    tokenize([replaced.inputs], store, tokenizer, _NEW, overwrite=True)
    more = write(tmp_path / "c.jsonl", _lines(200, 40))
    tokenize([more], store, tokenizer, _NEW, append=True)
    index = RemoteIndex(store)
    index.verify()
    assert index.info.documents == replaced.documents[1] + 40
    whole = objects_below(store)
    for name in (index.info.shards[0].name, index.info.shards[-1].name):
        objects().remove(store / f"{name}.bin")
    assert repair_store(store).not_repaired == {}
    assert objects_below(store) == whole
    gc_store(store, min_age=0)
    assert RemoteIndex(store).verify()["strangers"] == []
    done = tokenize([more], store, tokenizer, _NEW, overwrite=True)
    assert done.documents == 40
    RemoteIndex(store).verify()
    gc_store(store, min_age=0)
    RemoteIndex(store).verify()
    assert repair_store(store).repaired == []


_POINTS = (
    "commit:0", "merge:store", "replace:planned", "replace:shards", "replace:store", "replace:rest",
)  # fmt: skip


@pytest.mark.parametrize("point", _POINTS if SCALE > 1 else ("replace:shards", "replace:store"))
def test_killed_at_a_point(point: str, replaced: _Replaced, tokenizer_file: Path) -> None:
    command = replaced.command(tokenizer_file)
    killed = subprocess.run(command, env={**os.environ, "PYPACK_CRASH_AT": point}, stdout=-3, stderr=-3)
    assert killed.returncode == -signal.SIGKILL
    index = RemoteIndex(replaced.store)
    assert index.info.documents in replaced.documents
    is_new = point in ("replace:store", "replace:rest")
    assert (index.info.documents == replaced.documents[1]) == is_new
    assert len(index.lengths) == index.info.documents
    if point != "replace:store":  # where store.json is not that of job.json
        gc_store(replaced.store, min_age=0)
    else:
        with pytest.raises(OutputError, match="run the command again that was killed there"):
            gc_store(replaced.store, min_age=0)
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    replaced.check_new()


def test_another_job_goes_on_from_a_killed_one(
    replaced: _Replaced, tokenizer: Tokenizer, tokenizer_file: Path, tmp_path: Path
) -> None:
    command = replaced.command(tokenizer_file)
    subprocess.run(command, env={**os.environ, "PYPACK_CRASH_AT": "replace:store"}, stdout=-3, stderr=-3)
    other = write(tmp_path / "other.jsonl", _lines(500, 7))
    assert tokenize([other], replaced.store, tokenizer, _NEW, overwrite=True).documents == 7
    index = RemoteIndex(replaced.store)
    index.verify()
    assert index.info.documents == 7


def test_an_append_in_between_is_not_lost(
    replaced: _Replaced, tokenizer: Tokenizer, tokenizer_file: Path, tmp_path: Path
) -> None:
    command = replaced.command(tokenizer_file)
    killed = subprocess.run(command, env={**os.environ, "PYPACK_CRASH_AT": "replace:planned"}, stdout=-3)
    assert killed.returncode == -signal.SIGKILL
    more = write(tmp_path / "c.jsonl", _lines(200, 4))
    tokenize([more], replaced.store, tokenizer, _OLD, append=True)
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert "its store.json has become another since the new store was finished" in done.stderr
    index = RemoteIndex(replaced.store)
    assert index.info.documents == replaced.documents[0] + 4


def test_what_a_twin_has_cleared_away_is_put_back(
    replaced: _Replaced, tokenizer: Tokenizer, tokenizer_file: Path
) -> None:
    command = replaced.command(tokenizer_file)
    subprocess.run(command, env={**os.environ, "PYPACK_CRASH_AT": "replace:planned"}, stdout=-3, stderr=-3)
    beside = place_beside(replaced.store)
    beside.remove("tokenizer.json")
    tokenize([replaced.inputs], replaced.store, tokenizer, _NEW, overwrite=True)
    replaced.check_new()


def test_twins(replaced: _Replaced, tokenizer: Tokenizer) -> None:
    failed: list[BaseException] = []

    def run() -> None:
        try:
            tokenize([replaced.inputs], replaced.store, tokenizer, _NEW, overwrite=True)
        except BaseException as error:
            failed.append(error)

    twins = [threading.Thread(target=run) for _ in range(2)]
    for twin in twins:
        twin.start()
    for twin in twins:
        twin.join()
    # One may find that what it works on has been put in place, and is gone.
    assert all(isinstance(error, OSError | ValueError) for error in failed)
    assert len(failed) < 2
    index = RemoteIndex(replaced.store)
    index.verify()
    assert index.info.documents == replaced.documents[1]
