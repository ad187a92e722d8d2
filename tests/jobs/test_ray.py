"""Jobs on a Ray cluster of two node processes on this machine: of which one is killed, or the driver is.

Starting Ray takes its time: these run where PYPACK_TEST_RAY is set, as .ci/run does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from conftest import SCALE
from fixtures.corpus_files import json_lines, write
from fixtures.jobs import Corpus, tree_bytes
from fixtures.object_servers import free_port, moto
from fixtures.objects_below import objects_below

from pypack.jobs.options import WorkOptions
from pypack.jobs.ray_task import head_of, make_unit, retried
from pypack.jobs.tokenize import TokenizeOptions, tokenize
from pypack.remote import Url, objects
from pypack.tokenizer.tokenizer import Tokenizer

_PYPACK = [sys.executable, "-c", "import sys; from pypack.cli import main; sys.exit(main())"]
_QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}
_POINTS = ("start", "shard", "manifest", "commit")
needs_ray = pytest.mark.skipif(not os.environ.get("PYPACK_TEST_RAY"), reason="PYPACK_TEST_RAY is not set")


class Node:
    """A node of a cluster: its processes are one group, which can be killed."""

    def __init__(self, *arguments: str, prefix: list[str] | None = None) -> None:
        command = [sys.executable, "-c", "from ray.scripts.scripts import main; main()", "start", "--block"]
        options = ["--num-cpus", "2", "--object-store-memory", str(80 << 20), "--disable-usage-stats"]
        self.process = subprocess.Popen(
            [*(prefix or []), *command, *options, *arguments],
            env={**os.environ, **_QUIET}, stdout=-3, stderr=-3, start_new_session=True,
        )  # fmt: skip

    def kill(self) -> None:
        """All its processes at once, as a machine that loses its power. Workers have groups of their own."""
        for pid in _descendants(self.process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()


def _descendants(root: int) -> list[int]:
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            parents[int(path.parent.name)] = int(fields[1])
    found, seen = [root], {root}
    for one in found:
        new = [pid for pid, parent in parents.items() if parent == one and pid not in seen]
        found += new
        seen.update(new)
    return found


@pytest.fixture(scope="module")
def cluster() -> Iterator[tuple[str, Node]]:
    """The address of a cluster, and the node of it that may be killed."""
    pytest.importorskip("ray")
    port = free_port()
    address = f"127.0.0.1:{port}"
    here = ("--node-ip-address", "127.0.0.1")
    head = Node(
        "--head", "--port", str(port), "--node-ip-address", "127.0.0.1", "--include-dashboard", "false"
    )
    second = None
    try:
        time.sleep(5)
        second = Node("--address", address, *here)
        yield address, second
    finally:
        head.kill()
        if second is not None:
            second.kill()


def command(corpus: Corpus, store: Path, tokenizer_file: Path, *more: str) -> list[str]:
    options = corpus.options
    return [
        *_PYPACK, "tokenize", *corpus.inputs, "-o", str(store), "--tokenizer", str(tokenizer_file),
        "--keep", ",".join(options.keep), "--shard-tokens", str(options.shard_tokens),
        "--unit-bytes", str(options.unit_bytes), "--max-rejects", "90%", *more,
    ]  # fmt: skip


@needs_ray
def test_a_cluster_of_which_a_node_a_worker_and_the_driver_are_killed(
    cluster: tuple[str, Node], many_units: Corpus, tokenizer_file: Path, tmp_path: Path
) -> None:
    address, second = cluster
    on_ray = ("--engine", "ray", "--ray-address", address)
    environment = {**os.environ, **_QUIET}
    store = tmp_path / "s"

    def manifests() -> int:
        return len([name for name in store.glob("units/*.json") if "ref" not in name.name])

    def until(count: int, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + 240
        while manifests() < count and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.02)

    # The driver is killed: what was finished stays, and another one goes on.
    driver = subprocess.Popen(command(many_units, store, tokenizer_file, *on_ray), env=environment, stdout=-3)
    until(2, driver)
    driver.kill()
    driver.wait()
    assert not (store / "store.json").exists()
    # A node goes while the next one works.
    driver = subprocess.Popen(command(many_units, store, tokenizer_file, *on_ray), env=environment, stdout=-3)
    until(manifests() + 2, driver)
    second.kill()
    assert driver.wait(300) == 0
    assert tree_bytes(store) == many_units.store


@needs_ray
def test_another_engine_goes_on(
    many_units: Corpus, tokenizer: Tokenizer, tokenizer_file: Path, tmp_path: Path
) -> None:
    """One of this machine alone, which ends with the job; its worker dies of a unit, and is replaced."""
    from pypack.jobs.partition import Partition

    tokenize(many_units.inputs, tmp_path / "s", tokenizer, many_units.options, partition=Partition(1, 4))
    environment = {**os.environ, **_QUIET, "PYPACK_CRASH_AT": f"commit:2:{tmp_path / 'crashed'}"}
    run = command(many_units, tmp_path / "s", tokenizer_file, "--engine", "ray")
    done = subprocess.run(run, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "finished by an earlier run" in done.stdout
    assert (tmp_path / "crashed").exists()
    assert tree_bytes(tmp_path / "s") == many_units.store


@needs_ray
@pytest.mark.parametrize("point", _POINTS if SCALE > 1 else _POINTS[-1:])
def test_a_worker_that_dies_at_a_point_at_s3(
    point: str, s3: Url, few_units: Corpus, tokenizer_file: Path, tmp_path: Path
) -> None:
    """Its unit is made again by another one, or found done; the objects are those of a folder."""
    environment = {**os.environ, **_QUIET, "PYPACK_CRASH_AT": f"{point}:1:{tmp_path / 'crashed'}"}
    run = command(few_units, Path("s"), tokenizer_file, "--engine", "ray")
    run[run.index("-o") + 1] = str(s3 / "s")
    done = subprocess.run(run, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "crashed").exists()
    assert objects_below(s3 / "s") == few_units.store


@needs_ray
def test_a_driver_that_is_told_to_end_says_so(
    cluster: tuple[str, Node], many_units: Corpus, tokenizer_file: Path, tmp_path: Path
) -> None:
    """Ray's own handler of SIGTERM does not take the place of the command's."""
    run = command(many_units, tmp_path / "s", tokenizer_file, "--engine", "ray", "--ray-address", cluster[0])
    process = subprocess.Popen(run, env={**os.environ, **_QUIET}, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (tmp_path / "s/job.json").exists():  # by then it is connected, or about to be
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 143, errors
    assert "terminated; the same command goes on" in errors


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


@needs_ray
def test_a_cluster_that_is_not_there(many_units: Corpus, tokenizer_file: Path, tmp_path: Path) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    run = command(many_units, tmp_path / "s", tokenizer_file, "--engine", "ray", "--ray-address", nobody)
    environment = {**os.environ, **_QUIET}
    done = subprocess.run(run, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"the Ray cluster at {nobody} does not answer" in done.stderr
    assert "Traceback" not in done.stderr


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@pytest.fixture
def two_hosts() -> Iterator[list[str]]:
    """Two network namespaces, 10.99.0.1 and .2, on one bridge with this one, 10.99.0.254."""
    names = [f"pypack{os.getpid()}{i}" for i in range(2)]
    bridge = f"pp{os.getpid()}"
    try:
        _ip("link", "add", bridge, "type", "bridge")
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no network namespaces here: {getattr(error, 'stderr', error)!r}")
    try:
        _ip("addr", "add", "10.99.0.254/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        for i, name in enumerate(names):
            inside, outside = f"pi{os.getpid()}{i}", f"po{os.getpid()}{i}"
            _ip("netns", "add", name)
            _ip("link", "add", outside, "type", "veth", "peer", "name", inside, "netns", name)
            _ip("link", "set", outside, "master", bridge, "up")
            _ip("-n", name, "addr", "add", f"10.99.0.{i + 1}/24", "dev", inside)
            _ip("-n", name, "link", "set", inside, "up")
            _ip("-n", name, "link", "set", "lo", "up")
        yield names
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
        subprocess.run(["ip", "link", "del", bridge], capture_output=True, check=False)


@needs_ray
def test_two_hosts_that_share_an_object_store(
    two_hosts: list[str], few_units: Corpus, tokenizer_file: Path
) -> None:
    """Each host has a network of its own; all that they share is the cluster and the service of objects.

    (They are one machine still: the file system is the same, and not used.)
    """
    pytest.importorskip("ray")
    with moto("0.0.0.0") as found:
        port = found["AWS_ENDPOINT_URL"].rpartition(":")[2]
        there = {**found, "AWS_ENDPOINT_URL": f"http://10.99.0.254:{port}"}
        with mock.patch.dict(os.environ, there):
            store = Url.of("s3://bucket/a.store")
            for path in few_units.inputs:
                objects().upload(Url.of("s3://bucket/in") / Path(path).name, path)
            remote = Corpus(["s3://bucket/in"], few_units.options, {}, few_units.result)
            head = Node(
                "--head", "--port", "6399", "--node-ip-address", "10.99.0.1", "--include-dashboard", "false",
                prefix=["ip", "netns", "exec", two_hosts[0]],
            )  # fmt: skip
            second = Node(
                "--address", "10.99.0.1:6399", "--node-ip-address", "10.99.0.2",
                prefix=["ip", "netns", "exec", two_hosts[1]],
            )  # fmt: skip
            try:
                run = command(
                    remote, store, tokenizer_file, "--engine", "ray", "--ray-address", "10.99.0.1:6399"
                )
                inside = ["ip", "netns", "exec", two_hosts[0], *run]
                deadline = time.monotonic() + 240
                while True:  # until the cluster has begun
                    done = subprocess.run(
                        inside, env={**os.environ, **_QUIET}, capture_output=True, text=True
                    )
                    if done.returncode == 0 or time.monotonic() > deadline:
                        break
                    time.sleep(2)
                assert done.returncode == 0, done.stderr
            finally:
                second.kill()
                head.kill()
            made = {entry.path: objects().read(store / entry.path) for entry in objects().list(store)}
    shards = {name: data for name, data in few_units.store.items() if name.endswith((".bin", ".idx"))}
    assert {name: made[name] for name in shards} == shards


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
