"""A cache that is smaller than what is read: what is needed last goes, and the batches are the same."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from fixtures.range_server import RangeServer, range_server
from fixtures.remote_data import cache_folder, kill_fetcher, write_large_store, write_plan, write_store

import pypack
from pypack.packing.packing import pack

LIMIT = 32 << 20


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of 76 MB with plans."""
    folder = tmp_path_factory.mktemp("large")
    store = write_store(folder / "a.store", 50_000)
    for strategy in ("stream", "best_fit"):
        write_plan(folder / f"{strategy}.plan", store, strategy)
    return folder


@pytest.fixture(scope="module")
def large_server(large: Path) -> Any:
    with range_server(large) as server:
        yield server


def used(cache: Path) -> int:
    files = [path for path in cache_folder(cache).glob("*/*/*") if path.name.isdigit()]
    total = 0
    for file in files:
        with suppress(FileNotFoundError):  # it goes meanwhile
            total += file.stat().st_blocks * 512
    return total


@pytest.mark.parametrize(("plan", "locality", "steps"), [("stream", 100, 400), ("best_fit", 0, 12)])
def test_a_cache_smaller_than_the_store(
    large: Path, large_server: RangeServer, tmp_path: Path, plan: str, locality: int, steps: int
) -> None:
    cache = tmp_path / "cache"
    options = {"batch_sequences": 8, "seed": 1, "locality": locality}
    store = pypack.TokenStore.open(f"{large_server.url}/a.store", cache=cache, cache_bytes=LIMIT)
    remote = pypack.Loader(store, f"{large_server.url}/{plan}.plan", **options)
    local = pypack.Loader(large / "a.store", large / f"{plan}.plan", **options)
    most = 0
    pairs = zip(remote, local, strict=False)
    for _, (mine, theirs) in zip(range(steps), pairs, strict=False):
        assert (mine.input_ids == theirs.input_ids).all()
        most = max(most, used(cache))
    kill_fetcher(cache)
    assert 0 < most < 3 * LIMIT  # eight open runs keep eight segments of 8 MiB, whatever the limit
    cost = remote.remote
    assert cost is not None
    assert (cost.hit_share < 0.6) == (locality == 0)


def test_the_limit_is_kept(tmp_path: Path) -> None:
    tokens = 1 << 26
    lengths = write_large_store(tmp_path / "a.store", 3, tokens, 2048)
    pack(lengths, 2048, strategy="stream").save(tmp_path / "a.plan")
    cache, limit, most = tmp_path / "cache", 160 << 20, 0
    with range_server(tmp_path) as server:
        store = pypack.TokenStore.open(f"{server.url}/a.store", cache=cache, cache_bytes=limit)
        loader = pypack.Loader(store, f"{server.url}/a.plan", batch_sequences=64, locality=1000)
        for batch in loader:
            if batch.step % 100 == 0:
                most = max(most, used(cache))
        kill_fetcher(cache)
        given = server.bytes_given()
    total = 3 * 2 * tokens
    assert limit // 2 < most < limit + (16 << 20)
    assert total < given < 1.7 * total  # a segment that goes may hold the next run, too


def test_two_ranks_of_one_cache_that_is_too_small(
    large: Path, large_server: RangeServer, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    options: dict[str, Any] = {"batch_sequences": 8, "seed": 1, "locality": 300, "world_size": 2}
    store = pypack.TokenStore.open(f"{large_server.url}/a.store", cache=cache, cache_bytes=LIMIT)
    plan = f"{large_server.url}/stream.plan"
    here = [pypack.Loader(large / "a.store", large / "stream.plan", rank=r, **options) for r in (0, 1)]
    there = [pypack.Loader(store, plan, rank=r, **options) for r in (0, 1)]
    large_server.forget()
    for step in range(0, 900, 3):
        for mine, theirs in zip(there, here, strict=True):
            assert (mine.batch_at(step).input_ids == theirs.batch_at(step).input_ids).all()
    kill_fetcher(cache)
    # What is still needed does not go: little is fetched more than once.
    assert large_server.bytes_given() < 2.5 * (large / "a.store" / "00000.bin").stat().st_size * 3


def test_the_order_in_which_segments_go() -> None:
    from pypack.cache.residents import Residents

    class Group:
        blocks = 10

        def __init__(self) -> None:
            self.dropped: list[int] = []

        def segment_of(self, block: int) -> int:
            return block

        def present_bytes(self, segment: int) -> int:
            return 0 if segment in self.dropped else 8 << 20

        def drop(self, segment: int) -> None:
            self.dropped.append(segment)

    group = Group()
    residents = Residents({1: group}, lambda: 80 << 20)  # type: ignore[dict-item]  # all that is asked of it
    for segment in range(10):
        residents.note((1, segment))
    distances = {(1, block): ahead for block, ahead in enumerate([0, 1, 5, 300, 40, 80, 7])}
    assert residents.make_room(8 << 20, 50, distances, [(1, 9)])
    assert group.dropped[0] == 7  # needed by nobody, and the oldest
    # What is fetched ahead takes nothing from steps that are known.
    assert not residents.make_room(40 << 20, 50, distances, [(1, 9)])
    assert group.dropped == [7, 8]
    # The step that is made takes it from those that come last.
    assert residents.make_room(40 << 20, 0, distances, [(1, 9)])
    assert group.dropped == [7, 8, 3, 5, 4]
    # The step that is made has what it needs, whatever the limit; nothing else has.
    assert residents.make_room(200 << 20, 1, distances, [])
    assert not residents.make_room(200 << 20, 2, distances, [])
    assert not {0, 1} & set(group.dropped)
