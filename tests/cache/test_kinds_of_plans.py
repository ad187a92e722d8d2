"""Plans and stores of every kind give the same batches by URL as by path."""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixtures.range_server import RangeServer, range_server
from fixtures.remote_data import LENGTH, kill_fetcher, same_batch, same_batches, write_store
from numpy.typing import NDArray

import pypack
from pypack.objectives import FillInMiddle, SpanCorruption, pack_pairs
from pypack.packing.knots import Knots, tie_knots
from pypack.packing.packing import pack
from pypack.packing.strategies import STRATEGIES

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*hold no token that is learned"),  # pieces of a token
    # Those of knots and sentinels, which no document holds by chance.
    pytest.mark.filterwarnings("ignore:.*beyond the vocabulary"),
]

_SMALL = 600  # documents: a shard is some blocks of plan arrays still


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`a.store` and `b.store`, with masks, groups and weights; `c.store` without."""
    folder = tmp_path_factory.mktemp("small")
    for seed, name in enumerate("abc"):
        write_store(folder / f"{name}.store", _SMALL, seed=seed, beside=name != "c")
    return folder


@pytest.fixture(scope="module")
def small_server(small: Path) -> Iterator[RangeServer]:
    with range_server(small) as server:
        yield server


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One for all of these: the store is fetched by the first."""
    folder = tmp_path_factory.mktemp("of_kinds") / "cache"
    yield folder
    kill_fetcher(folder)


@pytest.fixture(scope="module")
def lengths(small: Path) -> NDArray[np.int32]:
    """Of `a.store`."""
    return pypack.TokenStore.open(small / "a.store").lengths


def loaders(
    small: Path, server: RangeServer, cache: Path, plan: pypack.Plan, **options: Any
) -> tuple[pypack.Loader, pypack.Loader]:
    """A loader of a plan by URLs, and one by paths."""
    name = f"{len(list(small.glob('*.plan')))}.plan"
    plan.save(small / name)
    options = {"batch_sequences": 8, "seed": 5} | options

    def loader(place: str) -> pypack.Loader:
        store = pypack.TokenStore.open(f"{place}/a.store", cache=cache)
        plan = pypack.Plan.open(f"{place}/{name}", cache=cache)
        source = pypack.Source(store, plan, store_mask=options.get("objective") is None and not plan.literals)
        return pypack.Loader(source, **options)

    return loader(server.url), loader(str(small))


def same(loaders: tuple[pypack.Loader, pypack.Loader]) -> None:
    """Fails where the batches of two loaders differ, in order or by number."""
    there, here = loaders
    assert there.remote is not None
    assert here.remote is None
    assert same_batches(there, here) == here.steps_per_epoch > 3
    same_batch(there.batch_at(2), here.batch_at(2))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy(
    small: Path, small_server: RangeServer, cache: Path, lengths: NDArray[np.int32], strategy: Any
) -> None:
    plan = pack(lengths, LENGTH, strategy=strategy)
    same(loaders(small, small_server, cache, plan, batch_tokens=8 * LENGTH, batch_sequences=None))


@pytest.mark.parametrize("over", ["best_fit", "stream"])
@pytest.mark.parametrize("layout", ["padded", "varlen"])
def test_plans_with_literals(
    small: Path, small_server: RangeServer, cache: Path, lengths: NDArray[np.int32], over: Any, layout: Any
) -> None:
    knots = Knots(knot_ids=tuple(range(60000, 60004)), seed=3)
    plan = tie_knots(pack(lengths, LENGTH, strategy=over, room=knots.most_literals), lengths, knots)
    assert plan.num_literals > 1000
    same(loaders(small, small_server, cache, plan, layout=layout, arrays=["labels", "loss_mask"]))


def test_literals_are_dealt_to_ranks_and_shown(
    small: Path, small_server: RangeServer, cache: Path, lengths: NDArray[np.int32]
) -> None:
    knots = Knots(trace_ids=tuple(range(50000, 50005)), trace_letters=tuple(range(100, 126)))
    plan = tie_knots(pack(lengths, LENGTH, strategy="stream", room=knots.most_literals), lengths, knots)
    there, here = loaders(small, small_server, cache, plan, balance="lpt", world_size=2, rank=1)
    same((there, here))
    remote = there.sources[""].plan
    assert remote.literals is not None
    assert plan.literals is not None
    assert len(remote.literals) == len(plan.literals)
    for sequence in (0, 7, len(plan) - 1):
        assert remote.literals.of_sequence(remote, sequence) == plan.literals.of_sequence(plan, sequence)
    remote.verify(lengths)
    assert remote == plan
    assert remote.literals.fingerprint == plan.literals.fingerprint


def test_plans_with_room(
    small: Path, small_server: RangeServer, cache: Path, lengths: NDArray[np.int32]
) -> None:
    objective = FillInMiddle(0.7, prefix_id=1, middle_id=2, suffix_id=3, special_ids=[0])
    plan = pack(lengths, LENGTH, strategy="best_fit", room=3)
    assert plan.room > 0
    same(loaders(small, small_server, cache, plan, objective=objective))


def test_plans_with_two_capacities(
    small: Path, small_server: RangeServer, cache: Path, lengths: NDArray[np.int32]
) -> None:
    objective = SpanCorruption(sentinel_ids=list(range(60099, 59999, -1)), end_id=1, start_id=0)
    plan = pack_pairs(lengths, objective, 512)
    same(loaders(small, small_server, cache, plan, objective=objective, batch_sequences=4))
    store = pypack.TokenStore.open(f"{small_server.url}/a.store", cache=cache)
    with pytest.warns(UserWarning, match=f"beyond the vocabulary of {re.escape(store.place)} "):
        pypack.Loader(store, plan, objective=objective, batch_sequences=4)


@pytest.mark.parametrize("order", ["aBc", "Acb", "AB", "bAc"])
def test_a_list_of_stores_here_and_there(
    small: Path, small_server: RangeServer, cache: Path, order: str
) -> None:
    """Those in capitals are behind a URL."""
    here = [small / f"{name.lower()}.store" for name in order]
    mixed = [
        f"{small_server.url}/{name.lower()}.store" if name.isupper() else path
        for name, path in zip(order, here, strict=True)
    ]
    local = pypack.TokenStore.open(here)
    there = pypack.TokenStore.open(mixed, cache=cache)
    np.testing.assert_array_equal(there.lengths, local.lengths)
    assert there.lengths_fingerprint == local.lengths_fingerprint
    for document in (0, _SMALL - 1, _SMALL, len(local) - 1):
        np.testing.assert_array_equal(there[document], local[document])
        np.testing.assert_array_equal(there.loss_mask(document), local.loss_mask(document))
    np.testing.assert_array_equal(there.groups, local.groups)
    assert there.document_weights is not None
    assert local.document_weights is not None
    np.testing.assert_array_equal(there.document_weights.all(), local.document_weights.all())
    plan = pack(local.lengths, LENGTH, strategy="best_fit")
    options: dict[str, Any] = {"batch_sequences": 8, "arrays": ["labels", "loss_mask"], "world_size": 2}
    loader = pypack.Loader(there, plan, **options)
    assert same_batches(loader, pypack.Loader(local, plan, **options)) > 30
    assert loader.remote is not None
    again = pickle.loads(pickle.dumps(there))
    np.testing.assert_array_equal(again[_SMALL], local[_SMALL])
    assert small_server.url in repr(there)
    assert there.verify() == []


def test_a_list_of_stores_of_two_caches_is_refused(
    small: Path, small_server: RangeServer, cache: Path, tmp_path: Path
) -> None:
    stores = [
        pypack.TokenStore.open(f"{small_server.url}/{name}.store", cache=folder)
        for name, folder in (("a", cache), ("b", tmp_path / "other"))
    ]
    joined = pypack.TokenStore.open(stores)
    plan = pack(joined.lengths, LENGTH)
    with pytest.raises(ValueError, match="several caches"):
        pypack.Loader(joined, plan, batch_sequences=8)
    kill_fetcher(tmp_path / "other")
