"""A loader over URLs gives the batches of one over local files, and fetches little for it."""

from __future__ import annotations

import copy
import json
import logging
import pickle
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import SCALE
from fixtures.range_server import RangeServer, range_server
from fixtures.remote_data import same_batch, same_batches, write_large_store

import pypack
from pypack.packing.packing import pack

WHOLE = min(4, max(1, int(SCALE)))
pytestmark = pytest.mark.filterwarnings("ignore:.*hold no token that is learned")  # pieces of a token

PARAMETERS: list[dict[str, Any]] = [
    {"plan": "stream", "locality": 50},
    {"plan": "best_fit", "layout": "varlen", "arrays": ["labels", "loss_mask"]},
    {"plan": "best_fit", "balance": "deal", "world_size": 2, "rank": 1, "prefetch": 0},
    {"plan": "stream", "shuffle": False, "read_ahead": 0},
]


def both(
    corpus: Path, server: RangeServer, cache: Path, plan: str = "stream", **options: Any
) -> tuple[pypack.Loader, pypack.Loader]:
    """A loader by URLs, and one by paths."""
    options = {"batch_sequences": 8, "seed": 5} | options
    store = pypack.TokenStore.open(f"{server.url}/a.store", cache=cache)
    remote = pypack.Loader(store, f"{server.url}/{plan}.plan", **options)
    return remote, pypack.Loader(corpus / "a.store", corpus / f"{plan}.plan", **options)


@pytest.mark.parametrize("options", PARAMETERS)
def test_batches_are_those_of_the_local_loader(
    corpus: Path, server: RangeServer, cache: Path, options: dict[str, Any]
) -> None:
    remote, local = both(corpus, server, cache, **options)
    assert same_batches(remote, local) == local.steps_per_epoch
    same_batch(remote.batch_at(3), local.batch_at(3))
    for one, other in zip(remote.documents_at(1), local.documents_at(1), strict=True):
        assert one == other


def test_no_byte_is_fetched_twice(corpus: Path, server: RangeServer, cache: Path) -> None:
    remote, local = both(corpus, server, cache)
    same_batches(remote, local)
    given = Counter(
        (one.path, block)
        for one in server.log()
        if one.path.endswith((".bin", ".idx", ".npy"))
        for block in range(one.start // 4096, -(-one.stop // 4096))
    )
    assert given
    assert set(given.values()) == {1}
    assert sum(1 for _ in remote) == local.steps_per_epoch  # the next epoch
    server.forget()
    assert sum(1 for _ in remote) == local.steps_per_epoch
    assert server.log() == []


def test_a_new_loader_finds_what_the_last_has_fetched(corpus: Path, server: RangeServer, cache: Path) -> None:
    remote, local = both(corpus, server, cache)
    same_batches(remote, local)
    server.forget()
    again, local = both(corpus, server, cache)
    same_batches(again, local)
    assert {one.path for one in server.log()} == {"a.store/store.json", "stream.plan/plan.json"}


@pytest.mark.parametrize("shards", [1, 12])
def test_the_first_batch_takes_less_than_64_mib(tmp_path: Path, cache: Path, shards: int) -> None:
    tokens = (1 << 26) * WHOLE
    lengths = write_large_store(tmp_path / "large.store", shards, tokens, 2048)
    pack(lengths, 2048, strategy="stream").save(tmp_path / "large.plan")
    with range_server(tmp_path) as server:
        store = pypack.TokenStore.open(f"{server.url}/large.store", cache=cache)
        loader = pypack.Loader(store, f"{server.url}/large.plan", batch_sequences=8, locality=1000)
        cost = loader.remote
        assert cost is not None
        batch = next(iter(loader))
        assert batch.tokens == 8 * 2048
        given = server.bytes_given()
    assert given < 64 << 20
    assert cost.total_bytes > shards * 2 * tokens
    assert cost.first_bytes < 64 << 20


def test_a_state_goes_on_here_and_there(corpus: Path, server: RangeServer, cache: Path) -> None:
    remote, local = both(corpus, server, cache)
    for _, _ in zip(range(7), remote, strict=False):
        pass
    state = json.loads(json.dumps(remote.state_dict()))
    local.load_state_dict(state)
    again, _ = both(corpus, server, cache)
    again.load_state_dict(state)
    assert again.step == local.step == 7
    assert same_batches(again, local) == local.steps_per_epoch - 7


def test_copies_and_pickles_hold_no_blocks(corpus: Path, server: RangeServer, cache: Path) -> None:
    remote, local = both(corpus, server, cache)
    for twin in (copy.copy(remote), pickle.loads(pickle.dumps(remote))):
        same_batch(twin.batch_at(2), local.batch_at(2))
    assert len(pickle.dumps(remote)) < 20_000


def test_the_store_by_itself(corpus: Path, server: RangeServer, cache: Path) -> None:
    remote = pypack.TokenStore.open(f"{server.url}/a.store", cache=cache)
    local = pypack.TokenStore.open(corpus / "a.store")
    np.testing.assert_array_equal(remote[77], local[77])
    np.testing.assert_array_equal(remote.loss_mask(77), local.loss_mask(77))
    np.testing.assert_array_equal(remote.lengths, local.lengths)
    np.testing.assert_array_equal(remote.learned_lengths, local.learned_lengths)
    np.testing.assert_array_equal(remote.groups, local.groups)
    some = np.array([5, 7999, 4000])
    assert remote.document_weights is not None
    assert local.document_weights is not None
    np.testing.assert_array_equal(remote.document_weights.of(some), local.document_weights.of(some))
    assert remote.verify() == []
    assert server.url in repr(remote)


def test_the_plan_by_itself(corpus: Path, server: RangeServer, cache: Path) -> None:
    remote = pypack.Plan.open(f"{server.url}/best_fit.plan", cache=cache)
    local = pypack.Plan.open(corpus / "best_fit.plan")
    assert remote[17] == local[17]
    assert remote.stats == local.stats
    assert remote == local
    remote.verify(pypack.TokenStore.open(corpus / "a.store").lengths)


def test_it_says_what_it_will_cost(
    corpus: Path, server: RangeServer, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "pypack"):
        remote, local = both(corpus, server, cache, locality=50)
    assert local.remote is None
    cost = remote.remote
    assert cost is not None
    assert str(cost) in caplog.text
    files = [*(corpus / "a.store").iterdir(), *(corpus / "stream.plan").glob("*.npy")]
    assert cost.total_bytes == sum(file.stat().st_size for file in files if file.suffix != ".json")
    assert cost.hit_share == 1
    before = cost.cached_share
    next(iter(remote))
    after = remote.remote
    assert after is not None
    assert after.cached_share > before
