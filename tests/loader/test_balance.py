"""Balanced ranks: what each takes by definition, and the same however it is asked for."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from fixtures.loader_data import make_source, make_store, with_rows_for_all
from hypothesis import given
from hypothesis import strategies as st

import pypack
from pypack import Loader


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return make_source(tmp_path_factory.mktemp("balance") / "a.store", documents=700)


@pytest.fixture(scope="module")
def ties(tmp_path_factory):
    """Rows of one document each, of three lengths: every cost is that of many rows."""
    lengths = np.random.default_rng(0).choice([64, 64, 63, 40], 700).tolist()
    store = make_store(tmp_path_factory.mktemp("ties") / "a.store", lengths)
    return store, pypack.pack(store.lengths, 64)


@pytest.fixture(scope="module")
def equal(tmp_path_factory):
    store = make_store(tmp_path_factory.mktemp("equal") / "a.store", [64] * 300)
    return store, pypack.pack(store.lengths, 64)


def costs_of(plan):
    return [
        sum(int(plan.span_length[i]) ** 2 for i in range(first, last))
        for first, last in itertools.pairwise(plan.sequence_offsets.tolist())
    ]


@pytest.mark.parametrize("name", ["source", "ties", "equal"])
@given(
    rows=st.integers(1, 24),
    world_size=st.integers(2, 9) | st.just(32),
    seed=st.integers(0, 2**64 - 1),
    step=st.integers(0, 60),
)
def test_dealt_rows_are_those_of_the_definition(request, name, rows, world_size, seed, step):
    source = request.getfixturevalue(name)
    plan = source[1]
    rows = min(rows, plan.num_sequences // world_size)
    options = {"batch_sequences": rows * world_size, "seed": seed}
    one = Loader(*source, **options)
    whole = with_rows_for_all(one, step, world_size)
    costs = [0, *costs_of(plan)]  # of the empty row -1, and of all others
    falling = sorted(range(len(whole)), key=lambda i: (-costs[whole[i] + 1], i))
    for rank in range(world_size):
        loader = Loader(*source, **options, rank=rank, world_size=world_size, balance="deal")
        assert loader.sequences_at(step).tolist() == [whole[i] for i in falling[rank::world_size]]


@pytest.mark.parametrize("balance", ["deal", "lpt"])
def test_the_loader_deals_as_balance_does(source, balance):
    whole = Loader(*source, batch_sequences=40).sequences_at(2)
    order = pypack.balance(
        np.array(costs_of(source[1]), float)[whole], 8, 5, strategy=balance, even=1.005
    ).order[0]
    for rank in range(8):
        loader = Loader(*source, batch_sequences=40, rank=rank, world_size=8, balance=balance)
        assert loader.sequences_at(2).tolist() == whole[order[rank]].tolist()


@pytest.mark.parametrize("balance", ["deal", "lpt"])
@pytest.mark.parametrize("options", [{"prefetch": 1}, {"prefetch": 4}, {"prefetch": 2, "read_ahead": 5}])
def test_a_pass_gives_what_every_step_gives(source, balance, options):
    ranks = {"rank": 1, "world_size": 4, "balance": balance, "batch_sequences": 16}
    asked = Loader(*source, **ranks)
    passed = 0
    for batch in Loader(*source, **ranks, **options):
        expected = asked.batch_at(batch.step)
        np.testing.assert_array_equal(batch.input_ids, expected.input_ids)
        np.testing.assert_array_equal(batch.document_ids, expected.document_ids)
        passed += 1
    assert passed == len(asked)
