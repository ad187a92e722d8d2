"""What Ray is given of a job, without Ray: connections, tasks, and what these try again."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from fixtures.corpus_files import json_lines, write

from pypack.jobs.options import WorkOptions
from pypack.jobs.ray_task import head_of, make_unit, retried
from pypack.jobs.tokenize import TokenizeOptions, tokenize
from pypack.tokenizer.tokenizer import Tokenizer


def test_a_connection_is_begun_once_and_left_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a library that stands for Ray: it is connected to before the job is planned, and in a thread that
    lives as long as the connection, as the processes of a cluster that is started here end with it."""
    import threading
    import types

    from pypack.jobs import ray_cluster

    told: list[str] = []
    threads: list[threading.Thread] = []
    fake = types.ModuleType("ray")

    def init(**_: Any) -> None:
        told.append("init")
        threads.append(threading.current_thread())

    def remote(**_: Any) -> Any:
        return lambda function: types.SimpleNamespace(remote=lambda *args: told.append(function(*args)))

    fake.init, fake.remote = init, remote  # type: ignore[attr-defined]
    fake.is_initialized = lambda: False  # type: ignore[attr-defined]
    fake.cluster_resources = lambda: {"CPU": 5.0}  # type: ignore[attr-defined]
    fake.shutdown = lambda: told.append("shutdown")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ray", fake)

    @ray_cluster.connects_early
    def job(engine: str, ray_address: str | None, num_threads: int | None) -> None:
        with ray_cluster.connecting(ray_address, num_threads) as connection:
            assert connection.connected() is fake
            assert told == ["init", {}, {}]  # two processes are started, of two processors each
            assert threads[0].is_alive()

    job(engine="ray", ray_address=None, num_threads=2)
    assert told[-1] == "shutdown"
    assert told.count("init") == 1
    assert not threads[0].is_alive()


@pytest.fixture
def begun(tokenizer: Tokenizer, tmp_path: Path) -> tuple[str, Path]:
    """What a task is told of a job of two units, of which one is made; and where that job is."""
    from pypack.jobs.description import read_description
    from pypack.jobs.open_place import place_at
    from pypack.jobs.partition import Partition

    inputs = [write(tmp_path / f"{i}.jsonl", json_lines([{"text": f"words {i}"}] * 9)) for i in range(2)]
    options = TokenizeOptions(unit_bytes=300)
    tokenize(inputs, tmp_path / "s", tokenizer, options, partition=Partition(0, 2))
    place = place_at(tmp_path / "s")
    job = read_description(place)
    assert job is not None
    return head_of(job.job, place.to_json(), tokenizer, WorkOptions(num_threads=1)), tmp_path / "s"


def test_a_task_makes_its_unit_and_returns_little(begun: tuple[str, Path]) -> None:
    head, store = begun
    assert len(head) < 20_000
    found = make_unit(head, 1, 0, None)
    assert found["progress"]["run_documents"] == 9
    assert (store / "units/000001.json").exists()
    assert make_unit(head, 1, 0, None)["progress"]["run_documents"] == 0  # found made
    assert make_unit(head, 1, 0, 1) == {}


def test_a_machine_that_differs_is_refused(begun: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    import pypack.jobs.ray_task as ray_task
    from pypack.jobs.workers import unpacked_error

    head, store = begun
    monkeypatch.setattr(ray_task, "_last", None)
    with monkeypatch.context() as patched:
        patched.setattr(ray_task, "VERSION", "9.9")
        error = unpacked_error(make_unit(head, 1, 0, None)["error"])
        assert "the version of pypack differs from the job's (there" in str(error)
    data = (store / "tokenizer.json").read_bytes()
    (store / "tokenizer.json").write_bytes(data.replace(b'"merges":', b'"merges" :', 1))
    monkeypatch.setattr(ray_task, "_last", None)
    assert "error" not in make_unit(head, 1, 0, None)  # the same tokenizer, spelled otherwise
    (store / "tokenizer.json").write_bytes(data.replace(b"<|endoftext|>", b"<|endoftexT|>"))
    monkeypatch.setattr(ray_task, "_last", None)
    assert "the tokenizer differs" in str(unpacked_error(make_unit(head, 1, 0, None)["error"]))
    (store / "job.json").unlink()
    monkeypatch.setattr(ray_task, "_last", None)
    assert "there is no job" in str(unpacked_error(make_unit(head, 1, 0, None)["error"]))


def test_a_disk_that_fails_for_a_while_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    import pypack.jobs.ray_task as ray_task

    monkeypatch.setattr(ray_task, "_FIRST_PAUSE", 0.001)
    tries: list[int] = []

    def fails(times: int, error: Exception) -> str:
        tries.append(1)
        if len(tries) <= times:
            raise error
        return "made"

    assert retried(lambda: fails(3, OSError(28, "No space left on device"))) == "made"
    tries.clear()
    with pytest.raises(OSError, match="No space"):
        retried(lambda: fails(4, OSError(28, "No space left on device")))
    for final in (FileNotFoundError(2, "gone"), ValueError("wrong")):
        tries.clear()
        with pytest.raises(type(final)):
            retried(lambda final=final: fails(1, final))
        assert len(tries) == 1
