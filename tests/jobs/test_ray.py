"""Jobs on a Ray cluster of two node processes on this machine: of which one is killed, or the driver is.

Starting Ray takes its time: these run where PYPACK_TEST_RAY is set, as .ci/run does."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest
from conftest import SCALE
from fixtures.corpus_files import json_lines, write
from fixtures.forwarding import Proxy, forwarding
from fixtures.jobs import Corpus, tree_bytes
from fixtures.jobs_at_objects import command, unit_of_several_shards
from fixtures.moments import Moments
from fixtures.object_servers import free_port, moto
from fixtures.objects_below import objects_below
from fixtures.range_server import range_server
from fixtures.ray_nodes import JOINED, QUIET, Node, listens, working
from fixtures.remote_data import wait_until

from pypack.jobs.tokenize import tokenize
from pypack.remote import Url, objects
from pypack.tokenizer.tokenizer import Tokenizer

_POINTS = ("start", "shard", "journal", "manifest", "commit")
_LOOK = 1 << 12  # bytes
needs_ray = pytest.mark.skipif(not os.environ.get("PYPACK_TEST_RAY"), reason="PYPACK_TEST_RAY is not set")


@pytest.fixture(scope="module")
def cluster() -> Iterator[tuple[str, Node, Node]]:
    """The address of a cluster, its head, and the node of it that may be killed."""
    pytest.importorskip("ray")
    port = free_port()
    address = f"127.0.0.1:{port}"
    here = ("--node-ip-address", "127.0.0.1")
    head = Node(
        "--head", "--port", str(port), "--node-ip-address", "127.0.0.1", "--include-dashboard", "false"
    )
    second = None
    try:
        wait_until(lambda: listens(port), 60)
        second = Node("--address", address, *here)
        environment = {**os.environ, **QUIET}
        subprocess.run([sys.executable, "-c", JOINED, address], env=environment, check=True, timeout=120)
        yield address, head, second
    finally:
        head.kill()
        if second is not None:
            second.kill()


@pytest.fixture
def held(many_units: Corpus, tokenizer: Tokenizer, tmp_path: Path) -> Iterator[tuple[Corpus, Proxy]]:
    """A corpus of which one unit cannot be made before its server is told to answer: a job of it does not end
    before a test has done its worst."""
    records = json_lines([{"text": f"some words {i}", "id": i} for i in range(400)])
    write(tmp_path / "late/late.jsonl", records)

    def fault(method: str, path: str, headers: dict[str, str]) -> str | None:
        asked = headers.get("range", "").partition("-")[2]
        return "503" if asked and int(asked) > _LOOK else None  # at the beginning it is looked whose it is

    with range_server(tmp_path / "late") as server, forwarding(server.url) as proxy:
        inputs = [*many_units.inputs, f"{proxy.url}/late.jsonl"]
        result = tokenize(inputs, tmp_path / "whole", tokenizer, many_units.options)
        proxy.fault = fault
        yield replace(many_units, inputs=inputs, store=tree_bytes(tmp_path / "whole"), result=result), proxy


def _manifests(store: Path) -> int:
    return len([name for name in store.glob("units/*.json") if "ref" not in name.name])


@needs_ray
def test_a_cluster_of_which_a_node_a_worker_and_the_driver_are_killed(
    cluster: tuple[str, Node, Node], held: tuple[Corpus, Proxy], tokenizer_file: Path, tmp_path: Path
) -> None:
    address, head, second = cluster
    corpus, proxy = held
    store, rng = tmp_path / "s", random.Random(SCALE)
    run = command(
        corpus, store, tokenizer_file, "--engine", "ray", "--ray-address", address, "--no-preflight"
    )

    def driver() -> subprocess.Popen[bytes]:
        return subprocess.Popen(run, env={**os.environ, **QUIET}, stdout=-3)

    # The driver is killed: what was finished stays, and another one goes on.
    one = driver()
    wait_until(lambda: _manifests(store) >= 2, 240)
    one.kill()
    assert one.wait() == -signal.SIGKILL
    assert not (store / "store.json").exists()
    # Workers go at random moments while the next one works, and then a node.
    other = driver()
    for _ in range(max(2, min(3, round(SCALE)))):  # Ray begins a task anew three times
        wait_until(lambda: working(head) != [], 120)
        time.sleep(rng.uniform(0, 1))
        for worker in working(head)[:1]:
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
    second.kill()
    assert other.poll() is None
    proxy.fault = lambda method, path, headers: None
    assert other.wait(300) == 0
    assert tree_bytes(store) == corpus.store


@needs_ray
@pytest.mark.parametrize("where", ["s3", "folder"] if SCALE > 1 else ["s3"])
def test_a_driver_that_is_killed_at_a_random_moment(
    where: str, s3: Url, few_units: Corpus, tokenizer_file: Path, tmp_path: Path
) -> None:
    """Of a cluster of its own. Processes of this machine go on with what it has begun."""
    moments = Moments(f"{where} {SCALE}", 10)
    killed = jobs = 0
    while killed < max(1, round(SCALE)):
        jobs += 1
        store = s3 / f"{jobs}" if where == "s3" else tmp_path / f"{jobs}"
        run = command(few_units, store, tokenizer_file, "--engine", "ray")
        process = subprocess.Popen(run, env={**os.environ, **QUIET}, stdout=-3, stderr=-3)
        moments.wait()
        process.kill()
        if process.wait(30) == -signal.SIGKILL:
            killed += 1
        else:
            moments.was_late()
        subprocess.run(command(few_units, store, tokenizer_file, "--workers", "2"), stdout=-3, stderr=-3)
        made = objects_below(store) if isinstance(store, Url) else tree_bytes(store)
        assert made == few_units.store


@needs_ray
@pytest.mark.parametrize("point", _POINTS if SCALE > 1 else _POINTS[-1:])
def test_another_engine_goes_on(
    point: str, many_units: Corpus, tokenizer: Tokenizer, tokenizer_file: Path, tmp_path: Path
) -> None:
    """One of this machine alone, which ends with the job; its worker dies of a unit, and is replaced."""
    from pypack.jobs.partition import Partition

    tokenize(many_units.inputs, tmp_path / "s", tokenizer, many_units.options, partition=Partition(1, 4))
    environment = {**os.environ, **QUIET, "PYPACK_CRASH_AT": f"{point}:2:{tmp_path / 'crashed'}"}
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
    place = f"{point}:{unit_of_several_shards(few_units)}:{tmp_path / 'crashed'}"
    environment = {**os.environ, **QUIET, "PYPACK_CRASH_AT": place}
    run = command(few_units, s3 / "s", tokenizer_file, "--engine", "ray")
    done = subprocess.run(run, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "crashed").exists()
    assert objects_below(s3 / "s") == few_units.store


@needs_ray
def test_a_driver_that_is_told_to_end_says_so(
    cluster: tuple[str, Node, Node], many_units: Corpus, tokenizer_file: Path, tmp_path: Path
) -> None:
    """Ray's own handler of SIGTERM does not take the place of the command's."""
    run = command(many_units, tmp_path / "s", tokenizer_file, "--engine", "ray", "--ray-address", cluster[0])
    process = subprocess.Popen(run, env={**os.environ, **QUIET}, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (tmp_path / "s/job.json").exists():  # by then it is connected, or about to be
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 143, errors
    assert "terminated; the same command goes on" in errors


@needs_ray
def test_a_cluster_that_is_not_there(many_units: Corpus, tokenizer_file: Path, tmp_path: Path) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    run = command(many_units, tmp_path / "s", tokenizer_file, "--engine", "ray", "--ray-address", nobody)
    environment = {**os.environ, **QUIET}
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
                    done = subprocess.run(inside, env={**os.environ, **QUIET}, capture_output=True, text=True)
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
