"""Loader: epochs, ranks, resuming, refusals."""

from __future__ import annotations

import json
import pickle
import time

import numpy as np
import pytest
from fixtures.loader_data import make_source, make_store, replaced, web_lengths, with_rows_for_all
from hypothesis import given
from hypothesis import strategies as st

import pypack
from pypack import Loader, Phase, Schedule, Source


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return make_source(tmp_path_factory.mktemp("loader") / "a.store")


def assert_equal(one, other):
    mine, others = one.to_dict(), other.to_dict()
    assert mine.keys() == others.keys()
    for name, value in mine.items():
        np.testing.assert_array_equal(value, others[name], err_msg=name)


def given_out(loader):
    return [s for step in range(loader.steps_per_epoch) for s in loader.sequences_at(step).tolist()]


@given(rows=st.integers(1, 90), seed=st.integers(0, 2**64 - 1), world_size=st.sampled_from([1, 2, 3, 6]))
def test_an_epoch_gives_every_sequence_once(source, rows, seed, world_size):
    plan = source[1]
    rows *= world_size
    ranks = [
        Loader(*source, batch_sequences=rows, seed=seed, rank=r, world_size=world_size)
        for r in range(world_size)
    ]
    drawn = [s for loader in ranks for s in given_out(loader)]
    # Ranks without a sequence in the last step get one of the first of the epoch again, which is counted.
    again = ranks[0].repeated_sequences
    assert again == max(0, world_size - ((plan.num_sequences - 1) % rows + 1))
    one = Loader(*source, batch_sequences=rows, seed=seed)
    repeated = given_out(one)[:again]
    empty = drawn.count(-1)
    assert empty == -plan.num_sequences % rows - again
    assert sorted(drawn) == [-1] * empty + sorted([*range(plan.num_sequences), *repeated])


def test_every_token_of_the_plan_is_loaded_once(source):
    store, plan = source
    for layout in ("padded", "varlen"):
        tokens = np.concatenate(
            [
                batch.input_ids[batch.segment_ids > 0]
                for batch in Loader(store, plan, batch_sequences=7, layout=layout)
            ]
        )
        assert sorted(tokens.tolist()) == sorted(t for document in store for t in document.tolist())


def test_dropped_tail_is_counted(source):
    loader = Loader(*source, batch_sequences=8, tail="drop")
    drawn = given_out(loader)
    assert loader.dropped_sequences == source[1].num_sequences % 8 > 0
    assert len(set(drawn)) == len(drawn) == source[1].num_sequences - loader.dropped_sequences
    assert -1 not in drawn


def test_ranks_share_the_global_batch(source):
    for world_size in (2, 3, 4):
        one = Loader(*source, batch_sequences=12)
        ranks = [
            Loader(*source, batch_sequences=12, rank=r, world_size=world_size) for r in range(world_size)
        ]
        for step in range(2 * one.steps_per_epoch):
            parts = [loader.sequences_at(step) for loader in ranks]
            assert np.stack(parts, 1).reshape(-1).tolist() == one.sequences_at(step).tolist()


def test_epochs_differ_and_seeds_differ(source):
    loader = Loader(*source, batch_sequences=5)
    orders = {
        tuple(s for k in range(len(one)) for s in one.sequences_at(epoch * len(one) + k).tolist())
        for one in (loader, Loader(*source, batch_sequences=5, seed=1))
        for epoch in range(3)
    }
    assert len(orders) == 6


def test_passes_are_epochs(source):
    loader = Loader(*source, batch_sequences=9, epochs=2)
    first, second = list(loader), list(loader)
    with pytest.warns(UserWarning, match="given all of its .* shuffle=False"):
        third = list(loader)
    assert [b.step for b in first + second] == list(range(2 * len(loader)))
    assert ({b.epoch for b in first}, {b.epoch for b in second}, third) == ({0}, {1}, [])
    with pytest.raises(IndexError, match="step"):
        loader.batch_at(2 * len(loader))
    loader.set_epoch(1)
    assert_equal(next(iter(loader)), second[0])
    assert_equal(loader[-1], second[-1])


@given(stop=st.integers(0, 60), world_size=st.sampled_from([1, 2, 4]), more=st.integers(1, 5))
def test_resuming_goes_on_where_it_stopped(source, stop, world_size, more):
    options = {"batch_sequences": 8, "seed": 3}
    whole = Loader(*source, **options)
    running = Loader(*source, **options)
    taken = 0
    while taken < stop:
        for _ in running:
            taken += 1
            if taken == stop:
                break
    state = json.loads(json.dumps(running.state_dict()))
    assert len(json.dumps(state)) < 1024
    ranks = []
    for rank in range(world_size):
        loader = Loader(*source, **options, rank=rank, world_size=world_size, layout="varlen", num_threads=2)
        loader.load_state_dict(state)
        ranks.append(loader)
    for step in range(stop, stop + more):
        drawn = np.stack([loader.sequences_at(loader.step) for loader in ranks], 1).reshape(-1)
        assert drawn.tolist() == with_rows_for_all(whole, step, world_size)
        for loader in ranks:
            if (batch := next(iter(loader), None)) is not None:
                assert batch.step == step


def test_states_of_other_orders_are_refused(source, tmp_path):
    loader = Loader(*source, batch_sequences=8)
    state = Loader(*source, batch_sequences=4, seed=9).state_dict() | {"step": 3}
    with pytest.raises(ValueError, match=r"batch_sequences is 8 here, was 4 .*seed is 0 here, was 9"):
        loader.load_state_dict(state)
    with pytest.warns(UserWarning, match=r"seed is 0 here, was 9 .*may come again"):
        loader.load_state_dict(state, strict=False)
    assert loader.step == 3
    other = Loader(source[0], pypack.pack(source[0].lengths, 32), batch_sequences=8)
    with pytest.raises(ValueError, match=r"sources is .* here"):
        other.load_state_dict(loader.state_dict())
    with pytest.raises(ValueError, match="version 99"):
        loader.load_state_dict({**state, "version": 99})
    short = Loader(*source, batch_sequences=8, epochs=1)
    with pytest.raises(ValueError, match="does not fit this loader: step"):
        short.load_state_dict({**loader.state_dict(), "step": 10_000})


def test_a_plan_of_another_store_is_refused(source, tmp_path):
    other = make_store(tmp_path / "b.store", web_lengths(50, seed=5))
    with pytest.raises(ValueError, match=r"lengths fingerprint .*pack again"):
        Loader(other, source[1], batch_sequences=4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "either batch_tokens or batch_sequences"),
        ({"batch_tokens": 64, "batch_sequences": 1}, "either"),
        ({"batch_tokens": 100}, r"no multiple of the sequence length 64; the nearest is 128"),
        ({"batch_tokens": 3}, r"nearest is 64"),
        ({"batch_sequences": 0}, "at least 1"),
        (
            {"batch_sequences": 6, "world_size": 4},
            r"6 sequences .* 4 ranks; possible world sizes: \[1, 2, 3, 6\]",
        ),
        (
            {"batch_sequences": 4, "rank": 4, "world_size": 4},
            "rank must be from 0 to world_size - 1 = 3, got 4",
        ),
        ({"batch_sequences": 4, "layout": "flat"}, "'padded' or 'varlen', got 'flat'"),
        ({"batch_sequences": 4, "dtype": "int16"}, "'int64' or 'int32'"),
        ({"batch_sequences": 4, "arrays": ["label"]}, "got 'label'"),
        ({"batch_sequences": 4, "tail": "keep"}, "one of 'pad', 'wrap', 'spread', 'drop', got 'keep'"),
        ({"batch_sequences": 4, "epochs": 0}, "epochs"),
        ({"batch_sequences": 4, "seed": -1}, "seed"),
        ({"batch_sequences": 4, "num_threads": 0}, "num_threads"),
        ({"batch_sequences": 10_000, "tail": "drop"}, "drop them all"),
        ({"batch_sequences": 4, "curriculum": "p2"}, "curriculum must be one of 'uniform'"),
        ({"batch_sequences": 4, "cycles": 0}, "cycles must be at least 1"),
        ({"batch_sequences": 2.5}, "batch_sequences must be a whole number, got 2.5"),
        ({"batch_sequences": 4, "rank": "1"}, "rank must be a whole number, got '1'"),
        ({"batch_sequences": 4, "world_size": 0}, "world_size must be at least 1, got 0"),
        ({"batch_sequences": 4, "prefetch": 1.5}, "prefetch must be a whole number"),
        ({"batch_sequences": 4, "read_ahead": -1}, "read_ahead must be at least 0"),
        ({"batch_sequences": 4, "arrays": "labels"}, r"arrays is a list of names, got 'labels'"),
    ],
)
def test_wrong_arguments_are_refused(source, options, message):
    with pytest.raises(ValueError, match=message):
        Loader(*source, **options)


def test_counts_may_be_whole_floats(source):
    asked = Loader(*source, batch_tokens=512, epochs=1)
    written = Loader(*source, batch_tokens=512.0, epochs=np.int64(1))
    assert written.state_dict() == asked.state_dict()
    assert written.batch_at(1).input_ids.tolist() == asked.batch_at(1).input_ids.tolist()


def test_wrong_sources_are_refused(source):
    with pytest.raises(TypeError, match=r"takes a store and its plan, a Source, or sources by name, got \["):
        Loader([pypack.Source(*source)], batch_sequences=4)
    with pytest.raises(TypeError, match=r"the source 'web' must be a Source\(store, plan\), got \("):
        Loader({"web": source}, batch_sequences=4)


@pytest.mark.parametrize("state", [None, {}, {"model": 1}, {"version": 1, "step": 3}])
def test_what_is_no_state_is_refused(source, state):
    with pytest.raises(ValueError, match="no state of a loader"):
        Loader(*source, batch_sequences=4).load_state_dict(state)


def test_batch_tokens_count_the_global_batch(source):
    loader = Loader(*source, batch_tokens=8 * 64, world_size=2, rank=1)
    assert loader.batch_at(0).input_ids.shape == (4, 64)


def test_pickled_loader_gives_the_same_batches(source, tmp_path):
    store, plan = source
    plan.save(tmp_path / "a.plan")
    for one in (plan, pypack.Plan.open(tmp_path / "a.plan")):
        loader = Loader(store, one, batch_sequences=8)
        loader.seek(5)
        data = pickle.dumps(loader)
        copy = pickle.loads(data)
        assert copy.step == 5
        assert_equal(copy.batch_at(5), loader.batch_at(5))
    assert len(data) < 4000  # a plan on disk travels as its path


def test_sequences_are_checked_where_they_are_read(source):
    store, plan = source
    assert replaced(plan).num_sequences == plan.num_sequences
    with pytest.raises(IndexError):
        Loader(store, plan, batch_sequences=8, epochs=1).batch_at(-1)


def test_first_batch_comes_at_once(source):
    store, plan = source
    start = time.perf_counter()
    Loader(store, plan, batch_sequences=8).batch_at(0)
    assert time.perf_counter() - start < 0.05


@pytest.mark.parametrize("balance", ["deal", "lpt"])
def test_balanced_ranks_share_the_same_batch_more_evenly(source, balance):
    plan = source[1]
    cost = np.array(
        [
            sum(
                int(plan.span_length[i]) ** 2
                for i in range(plan.sequence_offsets[s], plan.sequence_offsets[s + 1])
            )
            for s in range(plan.num_sequences)
        ]
    )

    def spread(how):
        slowest = 0
        for step in range(one.steps_per_epoch - 1):
            ranks = [
                Loader(*source, batch_sequences=16, rank=r, world_size=4, balance=how).sequences_at(step)
                for r in range(4)
            ]
            assert sorted(np.concatenate(ranks)) == sorted(one.sequences_at(step))
            slowest += max(cost[rows].sum() for rows in ranks)
        return slowest

    one = Loader(*source, batch_sequences=16)
    assert spread(balance) < 0.97 * spread("none")


@pytest.mark.parametrize(("remainder", "rows"), [("pad", 3), ("drop", 2)])
def test_remainders_are_padded_or_dropped(source, remainder, rows):
    one = Loader(*source, batch_sequences=10)
    ranks = [Loader(*source, batch_sequences=10, rank=r, world_size=4, remainder=remainder) for r in range(4)]
    drawn = [loader.sequences_at(0).tolist() for loader in ranks]
    assert [len(part) for part in drawn] == [rows] * 4
    given_out = sorted(s for part in drawn for s in part if s >= 0)
    expected = one.sequences_at(0).tolist()
    assert given_out == sorted(expected if remainder == "pad" else expected[:8])
    next(iter(ranks[0]))
    assert ranks[0].stats.dropped_rows == (0 if remainder == "pad" else 2)


@pytest.mark.parametrize("options", [{"prefetch": 0}, {"prefetch": 1}, {"prefetch": 3, "read_ahead": 7}])
def test_a_pass_raises_what_a_batch_raises(source, options):
    store, plan = source
    document = plan.span_document.copy()
    document[-1] = store.num_documents
    damaged = Loader(store, replaced(plan, span_document=document), batch_sequences=8, **options)
    whole = Loader(store, plan, batch_sequences=8)
    bad = next(k for k in range(len(whole)) if plan.num_sequences - 1 in whole.sequences_at(k))
    given = []
    with pytest.raises(IndexError, match="document"):
        for batch in damaged:
            given.append(batch)
    assert [batch.step for batch in given] == list(range(bad))
    assert damaged.step == bad  # what was made ahead does not count
    for batch in given:
        assert_equal(batch, whole.batch_at(batch.step))


def test_locality_keeps_neighbours_together_and_epochs_whole(source):
    loader = Loader(*source, batch_sequences=5, locality=4)
    plain = Loader(*source, batch_sequences=5)
    assert sorted(given_out(loader)) == sorted(given_out(plain))
    assert given_out(loader) != given_out(plain)
    first = [s for step in range(6) for s in loader.sequences_at(step).tolist()]
    assert len({s // 4 for s in first}) <= 8


def test_a_state_that_does_not_fit_leaves_the_loader_as_it_was(source):
    loader = Loader(
        {"a": Source(*source)}, schedule=Schedule([Phase(steps=20, weights={"a": 1})]), batch_sequences=8
    )
    loader.seek(4)
    before = loader.state_dict()
    for changes in ({"step": 21}, {"events": [[2, {"b": 1.0}]]}, {"step": -1}):
        with pytest.raises(ValueError, match=r"does not fit this loader|no source 'b'"):
            loader.load_state_dict(before | changes)
        assert loader.state_dict() == before


def test_steps_are_whole_numbers(source):
    loader = Loader(*source, batch_sequences=8)
    assert type(loader.batch_at(np.int64(5)).step) is int
    for step in (5.0, "5"):
        with pytest.raises(TypeError, match="integer"):
            loader.batch_at(step)
    with pytest.raises(TypeError, match="whole numbers"):
        loader.rows_at(5.0)
    with pytest.raises(IndexError, match="step -1 of an endless loader"):
        loader.batch_at(-1)
