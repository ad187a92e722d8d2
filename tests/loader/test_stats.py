"""What a loader counts: tokens and documents of every source, epoch by epoch."""

from __future__ import annotations

import gc
import weakref
from collections import Counter

import pytest
from fixtures.loader_data import make_source

from pypack import Loader, Phase, Schedule, Source


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    path = tmp_path_factory.mktemp("stats")
    return {
        name: Source(*make_source(path / f"{name}.store", documents=n, sequence_length=32, seed=n))
        for name, n in (("web", 60), ("code", 25))
    }


def epochs_of(stats, name):
    return {row["epoch"]: (row["tokens"], row["documents"]) for row in stats["sources"][name]["epochs"]}


@pytest.mark.parametrize("layout", ["padded", "varlen"])
def test_epochs_of_one_source(sources, layout):
    source = sources["web"]
    loader = Loader(source, batch_sequences=7, epochs=3, layout=layout)
    for _ in range(3):
        list(loader)
    whole = (source.plan.num_tokens, source.plan.num_spans)
    assert epochs_of(loader.stats(), "") == {0: whole, 1: whole, 2: whole}
    assert loader.stats() == loader.stats.to_dict()


def test_an_epoch_that_ends_within_a_step_is_told_from_the_next(sources):
    schedule = Schedule([Phase(steps=90, weights={"web": 1, "code": 2})])
    ranks = [
        Loader(sources, schedule=schedule, batch_sequences=8, rank=r, world_size=2, balance="deal")
        for r in range(2)
    ]
    for loader in ranks:
        list(loader)
    stats = [loader.stats.to_dict() for loader in ranks]
    crossed = 0
    for number, (name, source) in enumerate(sources.items()):
        given = Counter()
        for step in range(90):
            draws = [
                d for d in loader.order.at(step).draws if loader.order.source_buckets[d[0]].source == number
            ]
            crossed += len(draws) > 1
            for _, epoch, _, count in draws:
                given[epoch] += count
        found = Counter()
        for one in stats:
            for epoch, (_, documents) in epochs_of(one, name).items():
                found[epoch] += documents
            totals = one["sources"][name]
            assert totals["tokens"] == sum(row["tokens"] for row in totals["epochs"])
        whole = source.plan.num_sequences
        assert len(given) > 2
        assert set(given) == set(found)
        for epoch, count in given.items():
            if count == whole:  # every span once
                assert found[epoch] == source.plan.num_spans
            else:
                assert found[epoch] < source.plan.num_spans
    assert crossed > 0


def test_a_loader_is_gone_with_its_last_reference(sources):
    """No cycles: the mapping of a store is given back without a garbage collection."""
    gc.collect()
    gc.disable()
    try:
        loader = Loader(sources["web"], batch_sequences=7)
        next(iter(loader))
        gone = weakref.ref(loader)
        del loader
        assert gone() is None
    finally:
        gc.enable()
