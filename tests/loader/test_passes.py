"""Passes over a loader: one position for training, and passes that are all the same for evaluation."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from fixtures.loader_data import bucketed, make_source, make_store, web_lengths
from hypothesis import given
from hypothesis import strategies as st

import pypack
from pypack import Loader, Phase, Schedule, Source


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return make_source(tmp_path_factory.mktemp("passes") / "a.store")


def steps(batches):
    return [batch.step for batch in batches]


def test_two_passes_at_a_time_are_refused(source):
    loader = Loader(*source, batch_sequences=9)
    with pytest.raises(RuntimeError, match="another pass over this loader was begun"):
        list(zip(loader, loader, strict=False))
    first = iter(loader)
    at = next(first).step
    second = iter(loader)
    assert next(second).step == at + 1
    with pytest.raises(RuntimeError, match="second Loader"):
        next(first)
    assert next(second).step == at + 2


def test_a_pass_that_was_left_does_not_disturb_the_next(source):
    loader = Loader(*source, batch_sequences=9)
    left = []
    for _ in range(4):
        passing = iter(loader)
        left.append(passing)
        next(passing)
    assert steps(loader) == list(range(4, len(loader)))


def test_a_finished_loader_says_so(source):
    loader = Loader(*source, batch_sequences=9, epochs=1)
    assert len(list(loader)) == len(loader)
    for _ in range(2):
        with pytest.warns(UserWarning, match=r"evaluation make one without schedule and with shuffle=False"):
            assert list(loader) == []


@given(rows=st.integers(1, 40), prefetch=st.integers(0, 3), world_size=st.sampled_from([1, 2, 4]))
def test_evaluation_is_every_row_in_plan_order_each_time(source, rows, prefetch, world_size):
    rows = max(rows, 2) * world_size
    plan = source[1]
    ranks = [
        Loader(
            *source,
            batch_sequences=rows,
            shuffle=False,
            prefetch=prefetch,
            rank=r,
            world_size=world_size,
        )
        for r in range(world_size)
    ]
    for _ in range(3):
        order = []
        for parts in zip(*ranks, strict=True):
            assert all(part.tokens for part in parts)
            drawn = np.stack([ranks[r].sequences_at(p.step) for r, p in enumerate(parts)], 1)
            order += [s for s in drawn.reshape(-1).tolist() if s >= 0]
        assert order == list(range(plan.num_sequences))
        for _batch in ranks[0]:
            break
    assert len(ranks[0]) == -(-plan.num_sequences // rows)
    assert ranks[0].repeated_sequences == 0


def test_evaluation_passes_are_independent(source):
    loader = Loader(*source, batch_sequences=9, shuffle=False)
    pairs = list(zip(loader, loader, strict=True))
    assert [a.step for a, _ in pairs] == [b.step for _, b in pairs] == list(range(len(loader)))
    assert {batch.epoch for batch in loader} == {0}
    assert loader.step == 0
    assert steps([loader[k] for k in range(len(loader))]) == list(range(len(loader)))
    copy = pickle.loads(pickle.dumps(loader))
    assert copy.batch_at(3).input_ids.tolist() == loader.batch_at(3).input_ids.tolist()
    loader.seek(len(loader))  # what workers do at the end of a pass
    loader.set_epoch(5)
    assert steps(loader) == list(range(len(loader)))
    copy.load_state_dict(loader.state_dict())
    with pytest.raises(ValueError, match="every pass begins at the start"):
        loader.seek(3)


def test_evaluation_of_several_lengths_follows_the_plan(tmp_path):
    store = make_store(tmp_path / "a.store", web_lengths(300, seed=2))
    source = Source(store, bucketed(store, [16, 32, 64]))
    loader = Loader(source, batch_tokens=128, shuffle=False)
    assert [s for k in range(len(loader)) for s in loader.sequences_at(k).tolist() if s >= 0] == list(
        range(source.plan.num_sequences)
    )
    decomposed = Source(store, pypack.pack(store.lengths, 64, "decompose", min_length=16))
    lengths = [batch.input_ids.shape[1] for batch in Loader(decomposed, batch_tokens=128, shuffle=False)]
    assert lengths == sorted(lengths, reverse=True)


def test_evaluation_that_must_repeat_says_so(tmp_path):
    store = make_store(tmp_path / "a.store", [8] * 13)
    plan = pypack.pack(store.lengths, 8, "pad")
    with pytest.warns(UserWarning, match=r"3 are given to two ranks. With global batches of at least 8"):
        Loader(store, plan, batch_sequences=4, world_size=4, shuffle=False)
    assert Loader(store, plan, batch_sequences=8, world_size=4, shuffle=False).repeated_sequences == 0


@pytest.mark.parametrize(
    "options",
    [
        {"schedule": Schedule([Phase(steps=3)])},
        {"epochs": 2},
        {"curriculum": "uniform"},
        {"cycles": 2},
        {"locality": 8},
        {"tail": "wrap"},
    ],
)
def test_what_evaluation_has_not_is_refused(source, options):
    with pytest.raises(ValueError, match=rf"{next(iter(options))}.*shuffle=False"):
        Loader(*source, batch_sequences=4, shuffle=False, **options)


def test_one_epoch_of_evaluation_may_be_said(source):
    loader = Loader(*source, batch_sequences=9, shuffle=False, epochs=1)
    assert [len(list(loader)) for _ in range(3)] == [len(loader)] * 3


def test_states_of_training_and_evaluation_are_told_apart_in_words(source):
    training, evaluation = (
        Loader(*source, batch_sequences=4),
        Loader(*source, batch_sequences=4, shuffle=False),
    )
    state = training.state_dict(3)
    with pytest.raises(
        ValueError, match="the state is of a loader that trains, this is one with shuffle=False"
    ):
        evaluation.load_state_dict(state)
    with pytest.raises(
        ValueError, match=r"the state is of one with shuffle=False, .* this is a loader that tr"
    ):
        training.load_state_dict(evaluation.state_dict())


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda loader: pickle.loads(pickle.dumps(loader))]
)
def test_a_copy_in_the_middle_of_a_pass_goes_on_by_itself(source, copied):
    loader = Loader(*source, batch_sequences=4, seed=3)
    batches = iter(loader)
    before = [next(batches).step for _ in range(3)]
    other = copied(loader)
    steps = len(loader)
    assert before == [0, 1, 2]
    assert [batch.step for batch in other] == list(range(3, steps))
    assert loader.step == loader.stats.steps == 3
    assert [batch.step for batch in batches] == list(range(3, steps))
    assert (loader.step, other.step, other.stats.steps) == (steps, steps, steps)
