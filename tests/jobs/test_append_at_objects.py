"""New inputs for a finished store at a URL: the bytes of a folder, whoever is killed and whoever is a twin.

PYPACK_TEST_SCALE=10 kills ten times as often."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from conftest import SCALE
from fixtures.corpus_files import json_lines, write
from fixtures.forwarding import forwarding
from fixtures.jobs import Corpus, copy_store, tree_bytes
from fixtures.moments import Moments
from fixtures.objects_below import objects_below, put

from pypack.corpus import CorpusError
from pypack.jobs.appending import begin
from pypack.jobs.description import finished_description, read_description
from pypack.jobs.open_place import place_at
from pypack.jobs.output import OutputError
from pypack.jobs.partition import Partition
from pypack.jobs.replacing import read_store_info, write_store
from pypack.jobs.tokenize import TokenizeOptions, tokenize
from pypack.remote import Url, objects
from pypack.store.remote_index import RemoteIndex
from pypack.store.store import TokenStore
from pypack.tokenizer.tokenizer import Tokenizer

_PYPACK = [sys.executable, "-c", "import sys; from pypack.cli import main; sys.exit(main())"]
_SERVICES = ("s3", "azure_store", "no_condition_store", "google_store")


@dataclass(frozen=True)
class Grown:
    """A store, the same with more inputs, and what makes the one of the other."""

    corpus: Corpus
    old: dict[str, bytes]
    new: dict[str, bytes]
    first: int  # number of the first new unit
    documents: tuple[int, int]

    def command(self, store: Url, tokenizer_file: Path, *more: str) -> list[str]:
        options = self.corpus.options
        return [
            *_PYPACK, "tokenize", *self.corpus.inputs, "-o", str(store), "--tokenizer", str(tokenizer_file),
            "--keep", ",".join(options.keep), "--shard-tokens", str(options.shard_tokens),
            "--unit-bytes", str(options.unit_bytes), "--max-rejects", "90%", "--append", "--workers", "1",
            *more,
        ]  # fmt: skip

    def append(self, store: Url, tokenizer: Tokenizer, **more: Any) -> Any:
        return tokenize(
            self.corpus.inputs, store, tokenizer, self.corpus.options, append=True, num_threads=1, **more
        )

    def check(self, store: Url) -> None:
        """Either store is there, and whole."""
        index = RemoteIndex(store)
        index.verify()
        assert index.info.documents in self.documents


@pytest.fixture(scope="module")
def grown(few_units: Corpus, tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Grown:
    folder = tmp_path_factory.mktemp("grown")
    # Rejects before and after: rejected.jsonl is replaced, too.
    few = [few_units.inputs[1]]
    before = tokenize(few, folder / "old", tokenizer, few_units.options, num_threads=1)
    copy_store(folder / "old", folder / "new")
    corpus = Corpus(few_units.inputs[:2], few_units.options, {}, few_units.result)
    bad = write(folder / "bad.jsonl", json_lines([{"text": "good", "id": "x"}]) + b"bad\n" * 3)
    corpus.inputs.append(bad)
    after = tokenize(corpus.inputs, folder / "new", tokenizer, few_units.options, append=True)
    old, new = tree_bytes(folder / "old"), tree_bytes(folder / "new")
    assert old["rejected.jsonl"] != new["rejected.jsonl"]
    return Grown(corpus, old, new, before.units, (before.documents, after.documents))


@pytest.mark.parametrize("service", _SERVICES if SCALE > 1 else _SERVICES[:3])
def test_each_service_gets_the_bytes_of_a_folder(
    service: str, request: pytest.FixtureRequest, grown: Grown, tokenizer: Tokenizer
) -> None:
    store: Url = request.getfixturevalue(service) / "a store"
    put(grown.old, store)
    told: list[str] = []
    done = grown.append(store, tokenizer, on_message=told.append)
    assert objects_below(store) == grown.new
    assert done.appended.documents == grown.documents[1] - grown.documents[0]
    warned = any("replaces nothing on the condition" in line for line in told)
    assert warned == (service == "no_condition_store")
    again = grown.append(store, tokenizer)
    assert (again.appended.inputs, again.appended.known_inputs) == (0, 3)
    assert objects_below(store) == grown.new


def test_at_a_file_system_of_fsspec(tmp_path: Path, grown: Grown, tokenizer: Tokenizer) -> None:
    store = Url.of(f"local://{tmp_path}/s")
    put(grown.old, store)
    grown.append(store, tokenizer)
    assert tree_bytes(tmp_path / "s") == grown.new


def test_partitions_and_a_reader_of_the_old_store(
    s3: Url, grown: Grown, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    put(grown.old, s3)
    reader = TokenStore.open(str(s3), cache=tmp_path)
    first = grown.append(s3, tokenizer, partition=Partition(1, 2))
    assert not first.is_finished
    assert RemoteIndex(s3).verify()["growing"]
    grown.check(s3)
    assert grown.append(s3, tokenizer, partition=Partition(0, 2)).is_finished
    assert objects_below(s3) == grown.new
    documents = [document.tolist() for document in reader]  # fetched now, by the old store.json
    assert len(documents) == grown.documents[0]
    now = TokenStore.open(str(s3), cache=tmp_path)
    assert [document.tolist() for document in now][: len(documents)] == documents


_POINTS = ("append:begun", "shard", "commit", "merge:store", "merge:settle", "merge:job", "merge:named")


@pytest.mark.parametrize("point", _POINTS if SCALE > 1 else ("merge:settle", "merge:named"))
@pytest.mark.parametrize("service", ["s3", "no_condition_store"] if SCALE > 1 else ["s3"])
def test_killed_at_a_point(
    point: str, service: str, request: pytest.FixtureRequest, grown: Grown, tokenizer_file: Path
) -> None:
    store: Url = request.getfixturevalue(service) / "s"
    put(grown.old, store)
    command = grown.command(store, tokenizer_file)
    place = point if ":" in point else f"{point}:{grown.first}"
    killed = subprocess.run(command, env={**os.environ, "PYPACK_CRASH_AT": place}, stdout=-3, stderr=-3)
    assert killed.returncode == -signal.SIGKILL
    grown.check(store)
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert objects_below(store) == grown.new


def test_killed_at_random_moments(s3: Url, grown: Grown, tokenizer_file: Path) -> None:
    moments = Moments(SCALE, 4)
    killed = jobs = 0
    while killed < max(1, round(SCALE)):
        jobs += 1
        store = s3 / f"{jobs}"
        put(grown.old, store)
        command = grown.command(store, tokenizer_file)
        process = subprocess.Popen(command, stdout=-3, stderr=-3)
        moments.wait()
        process.kill()
        if process.wait(20) == -signal.SIGKILL:
            killed += 1
        else:
            moments.was_late()
        grown.check(store)
        assert subprocess.run(command, stdout=-3, stderr=-3).returncode == 0
        assert objects_below(store) == grown.new


@pytest.mark.parametrize("service", ["s3", "no_condition_store"])
def test_twins(service: str, request: pytest.FixtureRequest, grown: Grown, tokenizer: Tokenizer) -> None:
    store: Url = request.getfixturevalue(service) / "s"
    put(grown.old, store)
    failed: list[BaseException] = []

    def run() -> None:
        try:
            grown.append(store, tokenizer)
        except BaseException as error:
            failed.append(error)

    twins = [threading.Thread(target=run) for _ in range(2)]
    for twin in twins:
        twin.start()
    for twin in twins:
        twin.join()
    assert failed == []
    assert objects_below(store) == grown.new


def _stalled(monkeypatch: pytest.MonkeyPatch, place: str, name: str, then: Callable[[], None]) -> None:
    """Has something else happen before the first call of a function of a module."""
    import importlib

    module = importlib.import_module(place)
    real, calls = getattr(module, name), []

    def stalled(*arguments: Any, **more: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            then()
        return real(*arguments, **more)

    monkeypatch.setattr(module, name, stalled)


_LATE = (
    ("pypack.jobs.merge", "write_store"),
    ("pypack.jobs.replacing", "read_store_info"),
    ("pypack.jobs.merge", "settle"),
    ("pypack.jobs.merge", "_tidy"),
    ("pypack.jobs.append_run", "begin"),
)


@pytest.mark.parametrize(("place", "name"), _LATE if SCALE > 1 else _LATE[:2])
def test_who_comes_late_changes_nothing(
    place: str, name: str, s3: Url, grown: Grown, tokenizer: Tokenizer, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """One stops on its way; a twin ends meanwhile, and another append does, too."""
    put(grown.old, s3)
    more = write(tmp_path / "more.jsonl", json_lines([{"text": "more", "id": "m"}]) + b"worse\n" * 2)
    wanted: dict[str, bytes] = {}

    def meanwhile() -> None:
        grown.append(s3, tokenizer)
        tokenize([more], s3, tokenizer, grown.corpus.options, append=True)
        wanted.update(objects_below(s3))

    _stalled(monkeypatch, place, name, meanwhile)
    done = grown.append(s3, tokenizer)
    assert objects_below(s3) == wanted
    assert done.is_finished
    info = RemoteIndex(s3)
    info.verify()
    assert (info.info.documents, info.info.counts["appends"]) == (grown.documents[1] + 1, 2)


def test_lost_answers_are_read_back(
    s3: Url, grown: Grown, tokenizer_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(grown.old, s3)
    lost: set[tuple[str, str]] = set()

    def fault(method: str, path: str, headers: dict[str, str]) -> str | None:
        conditions = [name for name in ("if-none-match", "if-match") if method == "PUT" and name in headers]
        for name in conditions:
            if "probe" not in path and (name, path) not in lost:
                lost.add((name, path))
                return "lost"
        return None

    with forwarding(os.environ["AWS_ENDPOINT_URL"]) as proxy:
        proxy.fault = fault
        with monkeypatch.context() as patched:
            patched.setenv("AWS_ENDPOINT_URL", proxy.url)
            objects().close()
            assert subprocess.run(grown.command(s3, tokenizer_file)).returncode == 0
    objects().close()
    replaced = {path.rpartition("/")[2] for name, path in lost if name == "if-match"}
    assert replaced == {"store.json", "job.json", "rejected.jsonl"}
    assert objects_below(s3) == grown.new


def test_what_stands_there_is_of_nobody(s3: Url, grown: Grown, tokenizer: Tokenizer) -> None:
    """An append that was given up by hand and whose process goes on does not replace another's store."""
    put(grown.old, s3)
    grown.append(s3, tokenizer, partition=Partition(0, 2))
    place = place_at(s3)
    job, before = read_description(place), finished_description(place)
    assert job is not None
    assert before is not None
    place.remove(f"job.next-{grown.first:06d}.json")
    with pytest.raises(OutputError, match="holds units of an append that was given up: pypack gc"):
        begin(place, before, job)
    with pytest.raises(OutputError, match=r"store\.json: another process has made it"):
        write_store(place, replace(read_store_info(place), counts={"units": 99}), before, None)
    assert objects().read(s3 / "store.json") == grown.old["store.json"]


def test_options_and_changed_inputs(s3: Url, grown: Grown, tokenizer: Tokenizer, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="holds no finished store; --append adds to one"):
        grown.append(s3, tokenizer)
    put(grown.old, s3)
    with pytest.raises(OutputError, match="shard_tokens"):
        tokenize(grown.corpus.inputs, s3, tokenizer, TokenizeOptions(keep=("id",)), append=True)
    assert objects_below(s3) == grown.old


def test_objects_of_one_name_and_size_are_not_one(
    s3: Url, tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They have no time, so that name and size alone took them for one that was moved, and left them out."""
    for day in ("monday", "tuesday"):
        objects().write(s3 / day / "a.jsonl", json_lines([{"text": f"{day:9}"}] * 5))
    store = tmp_path / "s"
    tokenize([str(s3 / "monday")], store, tokenizer)
    monkeypatch.chdir(tmp_path)  # another folder: URLs stay what they are
    added = tokenize([str(s3 / "tuesday")], store, tokenizer, append=True).appended
    assert added is not None
    assert (added.inputs, added.documents, added.moved_inputs) == (1, 5, 0)
    again = tokenize([str(s3)], store, tokenizer, append=True).appended
    assert again is not None
    assert (again.inputs, again.known_inputs) == (0, 2)
    # One that was moved is known by its ETag; a copy, whose original is there still, is new.
    data = objects().read(s3 / "monday/a.jsonl")
    objects().write(s3 / "copy/a.jsonl", data)
    copied = tokenize([str(s3 / "copy")], store, tokenizer, append=True).appended
    assert copied is not None
    assert (copied.inputs, copied.moved_inputs) == (1, 0)
    objects().write(s3 / "moved/a.jsonl", objects().read(s3 / "tuesday/a.jsonl"))
    objects().remove(s3 / "tuesday/a.jsonl")
    moved = tokenize([str(s3 / "moved")], store, tokenizer, append=True).appended
    assert moved is not None
    assert (moved.inputs, moved.moved_inputs) == (0, 1)
    objects().write(s3 / "monday/a.jsonl", b"changed")
    with pytest.raises(CorpusError, match=r"monday/a\.jsonl: has changed"):
        tokenize([str(s3 / "monday")], store, tokenizer, append=True)
