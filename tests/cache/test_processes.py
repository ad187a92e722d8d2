"""The processes of a host share a cache: one fetches for all, and any of them may be killed."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from conftest import SCALE
from fixtures.cache_ranks import digest_of, kills_fetchers, ranks_started
from fixtures.forwarding import forwarding
from fixtures.range_server import RangeServer
from fixtures.remote_data import (
    cache_folder,
    fetchers,
    kill_fetcher,
    same_batch,
    same_batches,
    wait_until,
    write_plan,
    write_store,
)

import pypack
from pypack.cache import Cache
from pypack.cache.readers import Readers

WHOLE = min(4, max(1, int(SCALE)))
pytestmark = pytest.mark.filterwarnings("ignore:.*hold no token that is learned")  # pieces of a token

OPTIONS: dict[str, Any] = {"batch_sequences": 16, "seed": 5, "locality": 50}


def opened(server: RangeServer, cache: Path, **options: Any) -> pypack.Loader:
    store = pypack.TokenStore.open(f"{server.url}/a.store", cache=cache)
    return pypack.Loader(store, f"{server.url}/stream.plan", **(OPTIONS | options))


def local(corpus: Path, **options: Any) -> pypack.Loader:
    return pypack.Loader(corpus / "a.store", corpus / "stream.plan", **(OPTIONS | options))


def fetched_twice(server: RangeServer) -> dict[Any, int]:
    given = Counter(
        (one.path, block)
        for one in server.log()
        if one.path.endswith((".bin", ".idx", ".npy"))
        for block in range(one.start // 4096, -(-one.stop // 4096))
    )
    return {place: count for place, count in given.items() if count > 1}


def test_four_ranks_fetch_each_block_once(corpus: Path, server: RangeServer, cache: Path) -> None:
    processes = ranks_started(server.url, cache, 4)
    found = [process.communicate(timeout=120)[0].strip() for process in processes]
    expected = [digest_of(local(corpus, rank=rank, world_size=4)) for rank in range(4)]
    assert found == expected
    assert fetched_twice(server) == {}


def test_the_fetcher_may_be_killed_at_any_time(corpus: Path, server: RangeServer, cache: Path) -> None:
    """While it waits for answers, which is certain; then now and then, and at scale more often."""
    with forwarding(server.url) as proxy:
        proxy.fault, killed = kills_fetchers(cache, 2)
        processes = ranks_started(proxy.url, cache, 2)
        found = [process.communicate(timeout=120)[0].strip() for process in processes]
    wanted = [digest_of(local(corpus, rank=rank, world_size=2)) for rank in range(2)]
    assert found == wanted
    assert len(killed) == 2
    for _ in range(WHOLE - 1):
        processes = ranks_started(server.url, cache.with_name(f"{cache.name}{_}"), 2)
        while any(process.poll() is None for process in processes):
            time.sleep(random.uniform(0.05, 1))
            kill_fetcher(cache.with_name(f"{cache.name}{_}"))
        assert [process.communicate(timeout=60)[0].strip() for process in processes] == wanted


def test_a_killed_rank_is_forgotten_and_the_fetcher_ends(
    server: RangeServer, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYPACK_CACHE_IDLE", "0.7")  # of ten seconds
    (process,) = ranks_started(server.url, cache, 1)
    wait_until(lambda: len(fetchers(cache)) == 1)
    process.kill()
    process.communicate()
    readers = cache_folder(cache) / "readers"
    wait_until(lambda: list(readers.iterdir()) == [])
    wait_until(lambda: fetchers(cache) == [])


def test_locks_and_readers_of_the_dead_are_in_nobodys_way(
    corpus: Path, server: RangeServer, cache: Path
) -> None:
    folder = Cache.at(cache).folder
    (folder / "fetcher.lock").write_text("held by a process of last week")
    (folder / "readers" / "1-2-3").write_bytes(b"")
    (folder / "readers" / "1-2-4").write_bytes(bytes(100_000))
    same_batch(opened(server, cache).batch_at(0), local(corpus).batch_at(0))


def segments(cache: Path) -> list[Path]:
    return [path for path in cache_folder(cache).glob("*/*/*") if path.name.isdigit()]


@pytest.mark.parametrize("damage", ["cut", "removed"])
def test_damaged_files_of_a_cache_are_fetched_again(
    corpus: Path, server: RangeServer, cache: Path, damage: str
) -> None:
    assert same_batches(opened(server, cache), local(corpus)) > 0
    found = [path for path in segments(cache) if path.stat().st_size > 1 << 20]
    assert found
    for path in found:
        if damage == "cut":
            os.truncate(path, 1000)
        else:
            path.unlink()
    server.forget()
    assert same_batches(opened(server, cache), local(corpus)) > 0
    assert server.bytes_given() > sum(1 << 20 for _ in found)


def test_a_file_that_is_cut_while_it_is_mapped(corpus: Path, server: RangeServer, cache: Path) -> None:
    remote, here = opened(server, cache), local(corpus)
    assert same_batches(remote, here) > 0
    for path in segments(cache):
        os.truncate(path, 1000)
    time.sleep(0.2)
    assert same_batches(remote, here) > 0


def test_after_a_restart_of_the_host_blocks_are_checked_and_not_fetched(
    corpus: Path, server: RangeServer, cache: Path
) -> None:
    assert same_batches(opened(server, cache), local(corpus)) > 0
    kill_fetcher(cache)
    wait_until(lambda: fetchers(cache) == [])
    for states in cache_folder(cache).glob("*/states"):
        with states.open("r+b") as file:  # of another boot
            file.seek(48)
            file.write(bytes(range(16)))
    changed = max(segments(cache), key=lambda path: path.stat().st_size)
    with changed.open("r+b") as file:  # what had not reached the disk
        file.seek(100)
        file.write(bytes(5000))
    server.forget()
    assert same_batches(opened(server, cache), local(corpus)) > 0
    given = [one for one in server.log() if not one.path.endswith(".json")]
    assert 0 < sum(one.stop - one.start for one in given) <= 4 << 20


def test_two_stores_in_one_cache(tmp_path: Path, server: RangeServer, corpus: Path, cache: Path) -> None:
    if not (corpus / "b.store").exists():
        write_plan(corpus / "b.plan", write_store(corpus / "b.store", 500, seed=1))
    one = pypack.TokenStore.open(f"{server.url}/a.store", cache=cache)
    other = pypack.TokenStore.open(f"{server.url}/b.store", cache=cache)
    for number in (0, 7, 499):
        for remote, name in ((one, "a.store"), (other, "b.store")):
            assert (remote[number] == pypack.TokenStore.open(corpus / name)[number]).all()


def test_the_cache_is_the_users_own(cache: Path) -> None:
    folder = Cache.at(cache).folder
    for made in (folder, folder.parent):
        assert made.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o755)
    with pytest.raises(ValueError, match="nobody else may enter"):
        Cache.at(cache)
    with pytest.raises(ValueError, match="cache_bytes: 5; a cache needs at least"):
        Cache.at(cache, 5)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # Python 3.12 and later warn of threads
@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_workers_of_a_data_loader(corpus: Path, server: RangeServer, cache: Path, start: str) -> None:
    pytest.importorskip("torch")
    from torch.utils.data import DataLoader

    remote, here = opened(server, cache), local(corpus)
    same_batch(remote.batch_at(0), here.batch_at(0))  # first here, then in forked children
    workers = 2 if start == "fork" else min(2, WHOLE)  # each imports torch, if it is spawned
    loaded = DataLoader(
        remote.torch_dataset(), batch_size=None, num_workers=workers, multiprocessing_context=start
    )
    assert same_batches(loaded, here) == here.steps_per_epoch
    assert fetched_twice(server) == {}


def test_threads_of_one_process(corpus: Path, server: RangeServer, cache: Path) -> None:
    remote, here = opened(server, cache), local(corpus)
    expected = [here.batch_at(step) for step in range(12)]
    failures: list[BaseException] = []

    def read() -> None:
        try:
            for step, batch in enumerate(expected):
                same_batch(remote.batch_at(step), batch)
                assert (remote.sources[""].store[step] == here.sources[""].store[step]).all()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_killed_process_leaves_no_fetcher_behind_that_holds_its_signals(
    server: RangeServer, cache: Path
) -> None:
    (process,) = ranks_started(server.url, cache, 1)
    wait_until(lambda: len(fetchers(cache)) == 1)
    os.kill(fetchers(cache)[0], signal.SIGINT)  # Ctrl-C is not its own
    assert process.communicate(timeout=60)[0]
    measures = json.loads((cache_folder(cache) / "measures.json").read_text())
    assert measures["gets"] > 0


def test_who_comes_is_seen_at_once(tmp_path: Path) -> None:
    """And not at the next look around, half a second later: the first batch of every loader waits for it."""
    readers = Readers(tmp_path)
    readers.look()
    os.utime(tmp_path, ns=(0, 0))  # long ago
    readers.look()
    assert not readers.have_changed()
    (tmp_path / "1-2-3").write_bytes(b"")
    assert readers.have_changed()
    readers.look()
    assert readers.have_changed()  # so soon that another may have come in the same moment
    os.utime(tmp_path, ns=(10**18, 10**18))
    readers.look()
    assert not readers.have_changed()
