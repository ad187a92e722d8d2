"""Stores of more shards than can be mapped at once."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from conftest import SCALE
from fixtures.loader_data import make_store
from fixtures.made_up_jobs import made_up_job

import pypack
from pypack import Loader, TokenStore

MOST = 4


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TokenStore:
    make_store(tmp_path / "s", [7, 30, 12, 45, 3] * 40, shard_tokens=60)
    monkeypatch.setattr("pypack.store.many_shards.MOST_MAPPED_SHARDS", MOST)
    monkeypatch.setattr("pypack.store.opening.MOST_MAPPED_SHARDS", MOST)
    return TokenStore.open(tmp_path / "s")


def mapped(store: TokenStore) -> int:
    return store.kernel_view.num_mapped


def test_shards_are_mapped_when_they_are_read_and_let_go(store: TokenStore, tmp_path: Path) -> None:
    assert store.info is not None
    assert len(store.info.shards) > 50
    assert mapped(store) == 0
    assert store.num_tokens == sum(shard.tokens for shard in store.info.shards)
    for i in range(len(store)):
        store[i]
        assert mapped(store) <= MOST + 1
    assert store.verify() == []
    assert mapped(store) <= MOST + 1
    held = [store[i] for i in range(len(store))]  # each keeps its shard
    del store
    again = make_store(tmp_path / "t", [7, 30, 12, 45, 3] * 40, shard_tokens=10**6)
    assert all(np.array_equal(a, b) for a, b in zip(held, again, strict=True))
    assert [len(row) for row in held] == again.lengths.tolist()


@pytest.mark.parametrize("prefetch", [0, 2])
def test_a_loader_over_many_shards_gives_what_one_over_few_gives(
    store: TokenStore, tmp_path: Path, prefetch: int
) -> None:
    few = make_store(tmp_path / "t", [7, 30, 12, 45, 3] * 40, shard_tokens=10**6)
    plan = pypack.pack(few.lengths, 64)
    loaders = [
        Loader(one, plan, batch_sequences=8, seed=1, epochs=2, prefetch=prefetch) for one in (store, few)
    ]
    for a, b in zip(*loaders, strict=True):
        assert np.array_equal(a.input_ids, b.input_ids)
        assert np.array_equal(a.labels, b.labels)
    store[0]  # lets go of what no batch reads any more
    assert mapped(store) <= MOST + 1
    joined = TokenStore.open([store, store])
    assert all(np.array_equal(joined[i], few[i % len(few)]) for i in range(0, len(joined), 7))
    assert mapped(joined) <= MOST + 1


def test_several_threads_read_at_once(store: TokenStore) -> None:
    expected = [row.copy() for row in store]
    wrong = []

    def read(first: int) -> None:
        for i in range(first, first + 2000):
            if not np.array_equal(store[i * 37 % len(store)], expected[i * 37 % len(store)]):
                wrong.append(i)

    threads = [threading.Thread(target=read, args=(i * 11,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_shard_that_does_not_fit_is_named_when_it_is_mapped(store: TokenStore, tmp_path: Path) -> None:
    assert store.info is not None
    first, second, third = (store.path / shard.name for shard in store.info.shards[:3])
    fourth = store.path / store.info.shards[3].name
    os.truncate(f"{first}.bin", 10)
    Path(f"{second}.idx").unlink()
    Path(f"{third}.bin").unlink()
    os.mkfifo(f"{third}.bin")
    Path(f"{fourth}.idx").write_bytes(Path(f"{first}.idx").read_bytes())
    places = np.cumsum([0, *(shard.documents for shard in store.info.shards)])
    messages = (r"00000\.idx: \d+ documents and 5 tokens", r"00001\.idx: cannot open", "not a regular file")
    for shard, message in enumerate(messages):
        with pytest.raises(ValueError, match=message):
            store[int(places[shard])]
    with pytest.raises(ValueError, match="00000"):
        store.lengths  # noqa: B018
    plan = pypack.pack([len(store[i]) for i in range(int(places[4]), int(places[5]))], 64)
    # Whether the store has only grown since, the lengths say: those of the first shard cannot be read.
    with pytest.raises(ValueError, match=r"00000\.idx"):
        Loader(store, plan, batch_sequences=1)


_MANY = """
import sys, time
from pypack import TokenStore, Loader, pack
began = time.perf_counter()
store = TokenStore.open(sys.argv[1])
opened = time.perf_counter()
assert store.verify() == []
batch = next(iter(Loader(store, pack(store.lengths, 64), batch_sequences=64, seed=0)))
print(store.num_documents, opened - began, store.kernel_view.num_mapped)
"""


_MERGE = """
import sys, time
from pathlib import Path
from pypack.jobs.description import read_description
from pypack.jobs.merge import merge
from pypack.jobs.open_place import place_at
place = place_at(Path(sys.argv[1]))
began = time.process_time()
job = read_description(place)
assert job is not None
merge(place, job)
most = next(line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)
print(time.process_time() - began, 1024 * int(most.split()[1]))
"""
_SMALL = 80_000_000  # bytes that a process has with what it imports


def _merged(folder: Path, units: int) -> None:
    """Merges a job; its time and its memory are a little for each unit."""
    done = subprocess.run([sys.executable, "-c", _MERGE, folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    seconds, memory = map(float, done.stdout.split())
    assert seconds < 60 * units / 100_000 + 5
    assert memory < _SMALL + 4000 * units


def test_a_store_of_very_many_shards_opens_loads_and_verifies(tmp_path: Path) -> None:
    """5,000 shards, 100,000 at scale: beyond what can be mapped."""
    shards = 100_000 if SCALE > 1 else 5_000
    made_up_job(tmp_path / "s", shards)
    _merged(tmp_path / "s", shards)
    done = subprocess.run(
        [sys.executable, "-c", _MANY, tmp_path / "s"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    documents, _, mapped_shards = done.stdout.split()
    assert int(documents) == 2 * shards
    assert int(mapped_shards) <= min(shards, 4097)


def test_a_job_of_very_many_units_is_merged(tmp_path: Path) -> None:
    """Of which few have documents: 2,000 units, a million at PYPACK_TEST_SCALE=10."""
    units = 1_000_000 if SCALE >= 10 else 2_000
    made_up_job(tmp_path / "s", units, every=100)
    _merged(tmp_path / "s", units)
    assert len(TokenStore.open(tmp_path / "s")) == units // 50
