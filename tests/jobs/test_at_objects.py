"""Jobs whose inputs and output are objects: the same bytes as in a folder, whatever happens on the way."""

from __future__ import annotations

import errno
import os
import random
import resource
import signal
import subprocess
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fixtures.corpus_files import json_lines, write
from fixtures.forwarding import Proxy, forwarding
from fixtures.jobs import Corpus, tree_bytes
from fixtures.jobs_at_objects import PYPACK, command, unit_of_several_shards
from fixtures.objects_below import objects_below

from pypack.corpus import CorpusError, InputFile
from pypack.jobs.description import read_description
from pypack.jobs.open_place import place_at
from pypack.jobs.options import WorkOptions
from pypack.jobs.output import OutputError
from pypack.jobs.partition import Partition
from pypack.jobs.tokenize import TokenizeOptions, tokenize
from pypack.jobs.unit_work import UnitWork
from pypack.jobs.unit_writer import UnitConflictError
from pypack.remote import RefusedError, RemoteError, Url, objects
from pypack.tokenizer.tokenizer import Tokenizer


@pytest.mark.parametrize("service", ["s3", "azure_store", "google_store", "no_condition_store"])
def test_each_service_gets_the_bytes_of_a_folder(
    service: str, request: pytest.FixtureRequest, few_units: Corpus, tokenizer: Tokenizer
) -> None:
    store: Url = request.getfixturevalue(service) / "a store"
    done = tokenize(few_units.inputs, store, tokenizer, few_units.options)
    assert objects_below(store) == few_units.store
    assert (done.output, done.documents) == (store, few_units.result.documents)


def test_workers_and_partitions_at_s3(
    s3: Url, few_units: Corpus, tokenizer: Tokenizer, tokenizer_file: Path
) -> None:
    assert subprocess.run(command(few_units, s3 / "w", tokenizer_file, "--workers", "2")).returncode == 0
    assert objects_below(s3 / "w") == few_units.store
    parts = [Partition(2, 3), Partition(0, 3)]
    for part in parts:
        tokenize(few_units.inputs, s3 / "p", tokenizer, few_units.options, partition=part)
    merge = [*PYPACK, "merge", str(s3 / "p")]
    failed = subprocess.run(merge, capture_output=True, text=True, check=False)
    missing = ",".join(str(i) for i in range(1, few_units.result.units, 3))
    assert (failed.returncode, f"units are missing: {missing}" in failed.stderr) == (1, True)
    assert subprocess.run([*merge, "--missing"], capture_output=True, text=True).stdout == f"{missing}\n"
    last = command(few_units, s3 / "p", tokenizer_file, "--workers", "1", "--partition", "1/3")
    killed = subprocess.run(last, env={**os.environ, "PYPACK_CRASH_AT": "merge:store"}, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert objects().stat(s3 / "p" / "store.json") is None
    assert subprocess.run(merge, capture_output=True).returncode == 0
    assert objects_below(s3 / "p") == few_units.store


def test_inputs_that_are_objects(s3: Url, few_units: Corpus, tokenizer: Tokenizer) -> None:
    for path in few_units.inputs:
        objects().upload(s3 / "in" / Path(path).name, path)
    objects().write(s3 / "in/.hidden.jsonl", b"no")
    objects().write(s3 / "in/tokenizer.json", b"{}")
    done = tokenize([str(s3 / "in")], s3 / "out", tokenizer, few_units.options)
    made = objects_below(s3 / "out")
    assert {name for name in made if name.endswith((".bin", ".idx", ".parquet"))} == {
        name for name in few_units.store if name.endswith((".bin", ".idx", ".parquet"))
    }
    assert all(made[name] == few_units.store[name] for name in made if name.endswith((".bin", ".idx", "t")))
    assert done.rejected_by_kind == few_units.result.rejected_by_kind
    assert done.left_out == {"hidden": {".jsonl": 1}, "json_by_name_only": {".json": 1}}
    # By a pattern, and one of them by its name.
    pattern = tokenize([str(s3 / "in" / "{a,d}.jsonl")], s3 / "two", tokenizer, few_units.options)
    named = tokenize([str(s3 / "in/a.jsonl"), str(s3 / "in/d.jsonl")], s3 / "2", tokenizer, few_units.options)
    assert pattern.documents == named.documents > 0
    # A finished store is no corpus.
    with pytest.raises(CorpusError, match="an output of pypack, not a corpus"):
        tokenize([str(s3 / "out")], s3 / "other", tokenizer)
    with pytest.raises(CorpusError, match="no such object or folder"):
        tokenize([str(s3 / "none")], s3 / "other", tokenizer)
    with pytest.raises(CorpusError, match="named twice"):
        tokenize([str(s3 / "in/a.jsonl")] * 2, s3 / "other", tokenizer)


def test_a_full_disk_of_this_machine(
    s3: Url, few_units: Corpus, tokenizer: Tokenizer, tokenizer_file: Path, tmp_path: Path
) -> None:
    """Shards are written here before they are uploaded. Files that may not grow: exit status 1, nothing of a
    unit is seen there or left here, and the same command goes on."""
    enough = len(tokenizer.to_json()) + 1000
    records = json_lines([{"id": f"doc {i}", "text": f"some words {i}"} for i in range(9000)])
    large = replace(few_units, inputs=[write(tmp_path / "large.jsonl", records)])
    large = replace(large, options=replace(large.options, unit_bytes=1 << 20, shard_tokens=1 << 28))
    for workers in ("1", "2"):
        done = subprocess.run(
            command(large, s3 / "s", tokenizer_file, "--workers", workers),
            env={**os.environ, "TMPDIR": str(tmp_path)}, capture_output=True, text=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (enough, enough)),
        )  # fmt: skip
        assert done.returncode == 1, done.stderr
        assert os.strerror(errno.EFBIG) in done.stderr
        assert "Traceback" not in done.stderr
        assert not [name for name in objects_below(s3 / "s") if name.endswith((".bin", ".idx"))]
        assert not list(tmp_path.rglob("*.partial*"))
    tokenize(large.inputs, tmp_path / "alone", tokenizer, large.options)
    done = subprocess.run(command(large, s3 / "s", tokenizer_file), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert objects_below(s3 / "s") == tree_bytes(tmp_path / "alone")


def test_the_same_command_twice_at_once(s3: Url, few_units: Corpus, tokenizer_file: Path) -> None:
    running = [subprocess.Popen(command(few_units, s3 / "s", tokenizer_file)) for _ in range(2)]
    statuses = [process.wait(120) for process in running]
    assert set(statuses) <= {0, 2}  # 2: it had been finished before
    assert 0 in statuses
    assert objects_below(s3 / "s") == few_units.store


@pytest.mark.parametrize("service", ["s3", "no_condition_store"])
def test_twins(
    service: str, request: pytest.FixtureRequest, few_units: Corpus, tokenizer: Tokenizer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Two at one unit make one manifest; one that makes other bytes is a hard error, and changes nothing."""
    store: Url = request.getfixturevalue(service) / "s"
    tokenize(few_units.inputs, store, tokenizer, few_units.options, partition=Partition(0, 99))
    place = place_at(store)
    job = read_description(place)
    assert job is not None
    made: list[Any] = []
    twins = [
        threading.Thread(target=lambda: made.append(UnitWork(place, job, tokenizer, WorkOptions())(1)))
        for _ in range(2)
    ]
    for twin in twins:
        twin.start()
    for twin in twins:
        twin.join()
    assert made[0] == made[1]
    before = objects_below(store)

    class Erring(UnitWork):
        def stage(self, files: list[InputFile], on_error: str = "reject") -> Any:
            stage = super().stage(files, on_error)

            def wrong(batch: Any) -> Any:
                batch, ids, beside = stage(batch)
                ids.values[0] ^= 1
                return batch, ids, beside

            return wrong

    monkeypatch.setattr("pypack.jobs.unit_work.read_manifest", lambda place, unit: None)
    with pytest.raises(UnitConflictError, match="two workers made different bytes of unit 1"):
        Erring(place, job, tokenizer, WorkOptions())(1)
    after = objects_below(store)
    assert {name: data for name, data in after.items() if not name.startswith("attempts/")} == before


def _with_proxy(monkeypatch: pytest.MonkeyPatch, proxy: Proxy) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
    objects().close()  # clients that know the server without it


def test_lost_answers_to_conditions_are_read_back(
    s3: Url, few_units: Corpus, tokenizer_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost: set[str] = set()

    def fault(method: str, path: str, headers: dict[str, str]) -> str | None:
        if "if-none-match" in headers and "probe" not in path and path not in lost:
            lost.add(path)
            return "lost"
        return None

    with forwarding(os.environ["AWS_ENDPOINT_URL"]) as proxy:
        proxy.fault = fault
        with monkeypatch.context() as patched:
            _with_proxy(patched, proxy)
            assert subprocess.run(command(few_units, s3 / "s", tokenizer_file)).returncode == 0
        assert not any("partial" in path for _, path in proxy.asked)
    assert len(lost) == few_units.result.units + 3  # job, tokenizer and store
    objects().close()
    assert objects_below(s3 / "s") == few_units.store


def test_a_server_that_fails_now_and_then_changes_nothing(
    s3: Url, few_units: Corpus, tokenizer_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(7)
    for path in few_units.inputs:
        objects().upload(s3 / "in" / Path(path).name, path)
    with forwarding(os.environ["AWS_ENDPOINT_URL"]) as proxy:
        proxy.fault = lambda *_: (
            rng.choice(["503", "reset", "lost", "short"]) if rng.random() < 0.05 else None
        )
        with monkeypatch.context() as patched:
            patched.setenv("PYPACK_REMOTE_SECONDS", "60")
            _with_proxy(patched, proxy)
            remote = Corpus([str(s3 / "in")], few_units.options, {}, few_units.result)
            done = subprocess.run(command(remote, s3 / "s", tokenizer_file), capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
    objects().close()
    made = objects_below(s3 / "s")
    assert all(
        made[name] == data for name, data in few_units.store.items() if name.endswith((".bin", ".idx"))
    )


def test_a_service_that_does_not_answer_ends_the_job_and_loses_nothing(
    s3: Url, few_units: Corpus, tokenizer: Tokenizer, tokenizer_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in few_units.inputs:
        objects().upload(s3 / "in" / Path(path).name, path)
    remote = Corpus([str(s3 / "in")], few_units.options, {}, few_units.result)
    with forwarding(os.environ["AWS_ENDPOINT_URL"]) as proxy:
        for wrong, error in (("403", "does not allow it"), ("503", "503")):
            proxy.fault = lambda method, path, headers, wrong=wrong: (
                wrong if method == "GET" and "b.jsonl" in path and "range" in headers else None
            )
            with monkeypatch.context() as patched:
                patched.setenv("PYPACK_REMOTE_SECONDS", "1")
                _with_proxy(patched, proxy)
                failed = subprocess.run(
                    command(remote, s3 / "s", tokenizer_file, "--workers", "1", "--no-preflight"),
                    capture_output=True, text=True, check=False,
                )  # fmt: skip
            assert failed.returncode == 1
            assert error in failed.stderr
            assert f"{s3}/in/b.jsonl.zst: " in failed.stderr
            assert "Traceback" not in failed.stderr
    objects().close()
    done = tokenize([str(s3 / "in")], s3 / "s", tokenizer, few_units.options)
    assert (done.documents, done.rejected) == (few_units.result.documents, few_units.result.rejected)


def test_what_is_refused(s3: Url, tokenizer_file: Path, tokenizer: Tokenizer, tmp_path: Path) -> None:
    text = write(tmp_path / "a.jsonl", json_lines([{"text": "words"}]))

    def refused(*arguments: str) -> str:
        run = [*PYPACK, "tokenize", *arguments, "--tokenizer", str(tokenizer_file)]
        done = subprocess.run(run, capture_output=True, text=True, check=False)
        assert done.returncode == 2, done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr

    assert "holds a user or password" in refused(text, "-o", "s3://key:hidden@bucket/x")
    assert "hidden" not in refused("s3://key:hidden@bucket/x.jsonl", "-o", str(tmp_path / "s"))
    assert "can be read only" in refused(text, "-o", "hf://datasets/a/b")
    assert "whole bucket" in refused(text, "-o", "s3://bucket")
    objects().write(s3 / "strange/a.txt", b"")
    assert "that are not a store's (a.txt)" in refused(text, "-o", str(s3 / "strange"))
    tokenize([text], s3 / "s", tokenizer)
    assert "already holds a finished store" in refused(text, "-o", str(s3 / "s"))
    assert "or replace it with --overwrite" in refused(text, "-o", str(s3 / "s"))


def test_an_unfinished_job_is_started_over(s3: Url, tokenizer: Tokenizer, tmp_path: Path) -> None:
    texts = [write(tmp_path / f"{i}.jsonl", json_lines([{"text": f"words {i}"}] * 9)) for i in range(4)]
    options = TokenizeOptions(unit_bytes=300)
    tokenize(texts, s3 / "s", tokenizer, options, partition=Partition(0, 2))
    with pytest.raises(OutputError, match=r"holds 2 of 4 units of a job that differs"):
        tokenize(texts[:3], s3 / "s", tokenizer, options)
    done = tokenize(texts[:3], s3 / "s", tokenizer, options, overwrite=True)
    assert (done.documents, done.resumed_documents) == (27, 0)


def test_nothing_that_is_written_has_credentials(
    s3: Url, tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-very-secret-key")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a-very-secret-id")
    objects().close()
    objects().write(s3 / "in/a.jsonl", json_lines([{"text": "words"}]))
    tokenize([str(s3 / "in")], s3 / "s", tokenizer)
    made = objects_below(s3)
    assert made
    assert not any(b"very-secret" in data for data in made.values())
    assert not any(os.environ["AWS_ENDPOINT_URL"].encode() in data for data in made.values())
    monkeypatch.undo()
    objects().close()


def test_a_large_file_of_many_shards_goes_on_elsewhere(
    s3: Url, few_units: Corpus, tokenizer_file: Path
) -> None:
    """The journal of a unit of several shards lies with the objects, so that another machine goes on."""
    unit = unit_of_several_shards(few_units)
    environment = {**os.environ, "PYPACK_CRASH_AT": f"manifest:{unit}"}
    subprocess.run(command(few_units, s3 / "s", tokenizer_file), env=environment, stderr=-3, stdout=-3)
    attempts = [entry.path for entry in objects().list(s3 / "s/attempts")]
    assert any("journal" in name for name in attempts)
    told = subprocess.run(command(few_units, s3 / "s", tokenizer_file), capture_output=True, text=True)
    assert "finished by an earlier run" in told.stdout
    assert objects_below(s3 / "s") == few_units.store


def test_errors_of_a_service_keep_their_kind_between_processes() -> None:
    import pickle

    for kind in (RemoteError, RefusedError):
        error = pickle.loads(pickle.dumps(kind("s3://b/x", "why")))
        assert (type(error), str(error), error.url) == (kind, "s3://b/x: why", "s3://b/x")
