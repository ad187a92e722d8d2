"""Steps left out of a run: what comes is the run without them, on every rank, resumed anywhere."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
from fixtures.loader_data import bucketed, make_source, make_store, web_lengths
from hypothesis import given
from hypothesis import strategies as st

from pypack import Loader, Phase, Schedule, Source
from pypack.schedule.skips import Skips

torch_data = pytest.importorskip("torch.utils.data")


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    path = tmp_path_factory.mktemp("skips")
    return {
        name: Source(*make_source(path / f"{name}.store", documents=n, sequence_length=32, seed=n))
        for name, n in (("a", 120), ("b", 60))
    }


@pytest.fixture(scope="module")
def lengths(tmp_path_factory):
    store = make_store(tmp_path_factory.mktemp("lengths") / "a.store", web_lengths(200))
    return Source(store, bucketed(store, [16, 32, 64]))


SCHEDULE = Schedule([Phase(steps=20, weights={"a": 3, "b": 1}), Phase(steps=15, weights={"b": 1})])
stretches = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 6)), max_size=4).map(
    lambda pairs: [(first, first + count) for first, count in pairs]
)


def through_json(state):
    return json.loads(json.dumps(state))


def rows(loader, step):
    return [part.tolist() for part in loader.rows_at(step)]


def left(skip, steps):
    return [k for k in range(steps) if not any(a <= k < b for a, b in skip)]


@given(skip=stretches, steps=st.integers(0, 60))
def test_numbers_of_steps(skip, steps):
    skips = Skips(skip)
    kept = left(skip, 200)
    assert [skips.plain(k) for k in range(steps)] == kept[:steps]
    assert [skips.here(k) for k in kept[:steps]] == list(range(steps))
    assert skips.here(steps) == sum(k < steps for k in kept)
    assert all(b < c for (_, b), (c, _) in zip(skips.stretches, skips.stretches[1:], strict=False))


@pytest.mark.parametrize("kind", ["epochs", "wrap", "lengths", "schedule"])
@given(skip=stretches, stop=st.integers(0, 80), world_size=st.sampled_from([1, 2]), events=st.booleans())
def test_the_run_without_them(sources, lengths, kind, skip, stop, world_size, events):
    data, options = {
        "epochs": (sources["a"], {"batch_sequences": 8, "epochs": 3}),
        "wrap": (sources["a"], {"batch_sequences": 6, "epochs": 3, "tail": "wrap"}),
        "lengths": (lengths, {"batch_tokens": 256, "epochs": 2}),
        "schedule": (sources, {"batch_sequences": 8, "schedule": SCHEDULE}),
    }[kind]
    options = {**options, "prefetch": 0}
    if events and kind == "schedule":
        options["events"] = [(5, {"b": 1}), (8, {"a": 1, "b": 1})]
    whole = Loader(data, **options)
    skip = [(a, min(b, whole.num_steps)) for a, b in skip if a < whole.num_steps]
    expected = left(skip, whole.num_steps)
    stop = min(stop, len(expected))
    ranks = [{"rank": r, "world_size": world_size} for r in range(world_size)]
    for rank in ranks if whole.num_steps else ():
        all_steps = Loader(data, **options, **rank)
        loader = Loader(data, **options, **rank, skip=skip)
        assert loader.num_steps == len(expected)
        assert loader.skips == Skips(skip).stretches
        given_out = []
        while loader.step < stop:
            length, start = len(loader), loader.pass_end() - len(loader)
            assert start <= loader.step < start + length
            for batch in loader:
                assert batch.step == len(given_out)
                given_out.append(np.asarray(batch.input_ids))
                if loader.step == stop:
                    break
        # What it does not know of, it learns from the state.
        again = Loader(data, **options, **rank)
        again.load_state_dict(through_json(loader.state_dict()))
        again = pickle.loads(pickle.dumps(again))
        assert (again.step, again.skips, again.events) == (stop, loader.skips, loader.events)
        while again.step < len(expected):
            given_out += [np.asarray(batch.input_ids) for batch in again]
        assert len(given_out) == len(expected)
        for step, ids in zip(expected, given_out, strict=True):
            np.testing.assert_array_equal(ids, all_steps.batch_at(step).input_ids)
        for step, plain in enumerate(expected):
            assert rows(loader, step) == rows(all_steps, plain)


@pytest.mark.parametrize("workers", [0, 2])
def test_under_data_loaders(sources, workers):
    options = {"batch_sequences": 8, "prefetch": 0, "epochs": 3}
    plain, loader = Loader(sources["a"], **options), Loader(sources["a"], **options, skip=[(3, 5), (9, 20)])
    given_out = []
    data = torch_data.DataLoader(loader.torch_dataset(), batch_size=None, num_workers=workers)
    while loader.step < loader.num_steps:
        given_out += [batch.input_ids for batch in data]
    for step, ids in zip(left(loader.skips, plain.num_steps), given_out, strict=True):
        np.testing.assert_array_equal(ids, plain.batch_at(step).input_ids)


def test_where_a_loss_jumped(sources):
    options = {"batch_sequences": 8, "schedule": SCHEDULE, "prefetch": 0}
    plain = Loader(sources, **options)
    state = through_json(plain.state_dict(10))
    loader = Loader(sources, **options)
    loader.load_state_dict(state)
    assert loader.documents_at(12).document_ids.tolist() == plain.documents_at(12).document_ids.tolist()
    loader.skip_steps(11, 14)
    assert loader.skips == [(11, 14)]
    assert [rows(loader, k) for k in (10, 11)] == [rows(plain, 10), rows(plain, 14)]
    loader.skip_steps(12, 15)  # numbers as they are now
    assert loader.skips == [(11, 14), (15, 18)]
    assert rows(loader, 12) == rows(plain, 18)
    # The same by the configuration of a new run.
    other = Loader(sources, **options, skip=[(11, 14), (15, 18)])
    other.load_state_dict(state)
    assert (other.step, other.skips) == (10, loader.skips)
    # A change of weights from a step on holds for the steps that come.
    loader.set_weights({"a": 1}, from_step=12)
    assert loader.events == [(18, {"a": 1.0})]
    assert loader.batch_at(12).source_ids.max() == 0
    again = Loader(sources, **options)
    again.load_state_dict(through_json(loader.state_dict()))
    for step in range(loader.step, loader.num_steps):
        assert rows(again, step) == rows(loader, step)
    replayed = Loader(sources, **options, skip=loader.skips, events=loader.events)
    assert [rows(replayed, k) for k in range(29)] == [rows(loader, k) for k in range(29)]


def test_more_may_be_left_out_ahead_but_nothing_that_was_given(sources):
    options = {"batch_sequences": 8, "epochs": 4}
    state = through_json(Loader(sources["a"], **options, skip=[(2, 4)]).state_dict(10))
    more = Loader(sources["a"], **options, skip=[(2, 4), (12, 20)])
    more.load_state_dict(state)
    assert (more.step, more.skips) == (10, [(2, 4), (12, 20)])
    assert rows(more, 10) == rows(Loader(sources["a"], **options), 20)
    late = Loader(sources["a"], **options, skip=[(6, 20)])
    with pytest.raises(ValueError, match="leaves out steps 6 to 11, which the run had given"):
        late.load_state_dict(state)
    assert late.skips == [(6, 20)]
    with pytest.warns(UserWarning, match="only what comes from there on"):
        late.load_state_dict(state, strict=False)
    assert late.skips == [(2, 4), (12, 20)]


def test_a_batch_of_another_size_keeps_what_is_ahead(sources):
    state = Loader(sources["a"], batch_sequences=4, skip=[(2, 4), (20, 22)]).state_dict(10)
    loader = Loader(sources["a"], batch_sequences=8, skip=[(30, 31)])
    with (
        pytest.warns(UserWarning, match="goes on at step 6"),
        pytest.warns(UserWarning, match=r"leaves out steps \[\(20, 22\)\] of a run whose steps are others"),
    ):
        loader.load_state_dict(state, strict=False)
    assert loader.skips == [(30, 31)]


def test_what_cannot_be_left_out_is_refused(sources):
    options = {"batch_sequences": 8, "epochs": 1}
    steps = Loader(sources["a"], **options).num_steps
    for skip, message in (
        ([(3, 3)], "must rise"),
        ([(-1, 3)], "must rise"),
        ([3], "list of"),
        ([(1, 2.5)], "list of"),
        ([(1, steps + 1)], f"the run has {steps} steps"),
        ([(0, steps)], "leaves out all"),
    ):
        with pytest.raises(ValueError, match=message):
            Loader(sources["a"], **options, skip=skip)
    with pytest.raises(ValueError, match="shuffle=False"):
        Loader(sources["a"], batch_sequences=8, shuffle=False, skip=[(1, 2)])
    with pytest.raises(ValueError, match="shuffle=False"):
        Loader(sources["a"], batch_sequences=8, shuffle=False).skip_steps(1, 2)
    loader = Loader(sources["a"], **options)
    next(iter(loader))
    with pytest.raises(ValueError, match="given out already"):
        loader.skip_steps(0, 2)
    with pytest.raises(ValueError, match="of a run of"):
        loader.skip_steps(1, 100)
    assert loader.skips == []
    with pytest.raises(ValueError, match="no state"):
        loader.load_state_dict(
            {**loader.state_dict(), "order": {**loader.state_dict()["order"], "skip": [3]}}
        )
