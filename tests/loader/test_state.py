"""States of loaders whose weights were changed often: small, and yet what follows is the same."""

from __future__ import annotations

import json
import pickle
from unittest import mock

import numpy as np
import pytest
from fixtures.loader_data import bucketed, make_source, make_store, web_lengths
from hypothesis import given
from hypothesis import strategies as st

from pypack import Loader, Phase, Schedule, Source
from pypack.loader import state

NAMES = ("web", "code", "math", "wiki")


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    path = tmp_path_factory.mktemp("state")
    return {
        name: Source(*make_source(path / f"{name}.store", documents=n, sequence_length=32, seed=n))
        for name, n in zip(NAMES, (300, 80, 40, 60), strict=True)
    }


@pytest.fixture(scope="module")
def sources_of_lengths(tmp_path_factory):
    """Sources with rows of 16, 32 and 64 tokens in one plan each."""
    path = tmp_path_factory.mktemp("lengths")
    stores = {n: make_store(path / f"{n}.store", web_lengths(300, seed)) for seed, n in enumerate(NAMES[:3])}
    return {name: Source(store, bucketed(store, [16, 32, 64])) for name, store in stores.items()}


def budget(size):
    return mock.patch.object(state, "STATE_BYTES", size)


def through_json(state):
    return json.loads(json.dumps(state, sort_keys=True))


def rows(loader, step):
    sources, sequences = loader.rows_at(step)
    return list(zip(sources.tolist(), sequences.tolist(), strict=True))


def change_of(names):
    return (
        st.lists(st.sampled_from([0, 0.1, 1, 1 / 3, 7]), min_size=len(names), max_size=len(names))
        .filter(any)
        .map(lambda weights: dict(zip(names, weights, strict=True)))
    )


@st.composite
def runs(draw, names, several_lengths):
    """A schedule, and for some of its steps what happens before them: a change of weights, how far ahead,
    and whether the loader is stopped and resumed there."""
    weights = change_of(names)
    phases = []
    for _ in range(draw(st.integers(1, 3))):
        end = draw(st.none() | weights)
        limits = draw(st.none() | st.sampled_from(["renormalize", "stop"]))
        phases.append(
            Phase(
                steps=draw(st.integers(1, 20)),
                weights=draw(weights),
                weights_end=end,
                weights_by=draw(st.sampled_from(["tokens", "sequences"])),
                curriculum=draw(st.sampled_from(["uniform", "grow-p2"])) if several_lengths else "natural",
                max_epochs={} if limits is None else {names[0]: 0.3, names[1]: 1.5},
                on_limit=limits or "renormalize",
            )
        )
    steps = sum(phase.steps for phase in phases)
    events = {
        step: (draw(weights), draw(st.sampled_from([0, 0, 0, 3])))
        for step in draw(st.sets(st.integers(0, steps - 1), max_size=20))
    }
    stops = draw(st.sets(st.integers(0, steps - 1), max_size=4))
    return Schedule(phases), events, stops


def change(loader, step, event):
    """Makes a change, where the run is not over by then: the same in all loaders."""
    weights, ahead = event
    try:
        loader.set_weights(weights, from_step=step + ahead)
    except ValueError as error:
        assert "of a run of" in str(error)


def check_resumes(sources, run, options, state_bytes, world_size):
    schedule, events, stops = run
    options = {"schedule": schedule, "seed": 3, "prefetch": 0, **options}
    whole = Loader(sources, **options)
    going = [Loader(sources, **options, rank=r, world_size=world_size) for r in range(world_size)]
    given_out = []
    step = 0
    while step < whole.num_steps:
        if step in stops:
            with budget(state_bytes):
                state = through_json(going[0].state_dict())
            going = [Loader(sources, **options, rank=r, world_size=world_size) for r in range(world_size)]
            for rank in going:
                rank.load_state_dict(state)
            assert going[0].events == whole.events[len(whole.events) - len(going[0].events) :]
            if state_bytes == 0:
                assert sum(at <= step for at, _ in going[0].events) <= 1
        if step in events:
            for loader in (whole, *going):
                change(loader, step, events[step])
        if step >= whole.num_steps:
            break
        for loader in (whole, *going):
            assert next(iter(loader)).step == step
        # What follows, as far as it is known by now, and what is to be given next.
        assert {loader.num_steps for loader in going} == {whole.num_steps}
        for at in {step, min(step + 5, whole.num_steps - 1), whole.num_steps - 1}:
            expected = rows(whole, at)
            assert [rows(rank, at) for rank in going] == [expected[r::world_size] for r in range(world_size)]
        given_out.append(rows(whole, step))
        step += 1
    # The log gives all of it again, also to a loader that then loads a state that has forgotten most of it.
    log = json.loads(json.dumps(whole.events))
    again = Loader(sources, **options, events=log)
    with budget(0):
        again.load_state_dict(through_json(whole.state_dict()))
    assert again.first_step == 0
    assert again.step == step
    assert again.events == whole.events
    assert [rows(again, at) for at in range(step)] == given_out


@given(data=st.data(), state_bytes=st.sampled_from([0, 0, 500, 1024]), world_size=st.sampled_from([1, 2]))
def test_resumed_runs_go_on_exactly(sources, data, state_bytes, world_size):
    run = data.draw(runs(NAMES, several_lengths=False))
    check_resumes(sources, run, {"batch_sequences": 6}, state_bytes, world_size)


@given(data=st.data(), state_bytes=st.sampled_from([0, 800]))
def test_resumed_runs_of_several_lengths_go_on_exactly(sources_of_lengths, data, state_bytes):
    run = data.draw(runs(NAMES[:3], several_lengths=True))
    check_resumes(sources_of_lengths, run, {"batch_tokens": 256}, state_bytes, 2)


def test_a_state_is_small_after_any_number_of_changes(sources):
    rng = np.random.default_rng(0)
    schedule = Schedule([Phase(steps=10**6, weights=dict.fromkeys(NAMES, 1))])
    options = {"schedule": schedule, "batch_sequences": 8, "prefetch": 0}
    loader = Loader(sources, **options)
    sizes = []
    for _ in range(1000):
        loader.set_weights(dict(zip(NAMES, rng.random(4), strict=True)))
        next(iter(loader))
        sizes.append(len(json.dumps(loader.state_dict())))
    assert max(sizes) < 1024
    assert len(loader.events) == 1000
    assert len(loader.state_dict()["events"]) > 2  # as many of the newest as fit
    copy = Loader(sources, **options)
    copy.load_state_dict(through_json(loader.state_dict()))
    assert copy.first_step > 900
    assert [rows(copy, at) for at in (999, 1000, 99_999)] == [rows(loader, at) for at in (999, 1000, 99_999)]


def test_a_small_log_is_kept_whole(sources):
    schedule = Schedule([Phase(steps=100, weights={"web": 1})])
    loader = Loader(sources, schedule=schedule, batch_sequences=4, prefetch=0)
    for step in range(5):
        loader.set_weights({"web": 1, "code": step})
        next(iter(loader))
    copy = Loader(sources, schedule=schedule, batch_sequences=4)
    copy.load_state_dict(through_json(loader.state_dict()))
    assert copy.first_step == 0
    assert [rows(copy, at) for at in range(100)] == [rows(loader, at) for at in range(100)]


@pytest.fixture
def forgetful(sources):
    """A loader at step 30 that knows the changes from step 29 on alone, its options, and the whole log."""
    options = {
        "schedule": Schedule([Phase(steps=100, weights={"web": 1})]),
        "batch_sequences": 4,
        "prefetch": 0,
    }
    loader = Loader(sources, **options)
    for step in range(30):
        loader.set_weights({"web": 1, "code": 1 + step})
        next(iter(loader))
    with budget(0):
        state = loader.state_dict()
    resumed = Loader(sources, **options)
    resumed.load_state_dict(state)
    return resumed, options, loader.events


def test_steps_before_what_a_state_holds_are_refused(sources, forgetful):
    loader, options, log = forgetful
    assert (loader.step, loader.first_step, len(loader.events)) == (30, 29, 1)
    for ask in (
        lambda: loader.batch_at(28),
        lambda: loader.rows_at(0),
        lambda: loader.seek(28),
        lambda: loader.set_epoch(0),
        lambda: loader.preview(),
        lambda: loader.state_dict(5),
    ):
        with pytest.raises(ValueError, match=r"before step 29.*make the Loader with events="):
            ask()
    assert loader.step == 30
    assert loader.batch_at(29).step == 29
    copy = pickle.loads(pickle.dumps(loader))
    assert (copy.first_step, rows(copy, 40)) == (29, rows(loader, 40))
    # Another run's log does not lead to what the state holds, and is not taken for its past.
    other = Loader(sources, **options, events=[(3, {"math": 1}), *log[10:]])
    other.load_state_dict(loader.state_dict())
    assert other.first_step == 29
    assert rows(other, 50) == rows(loader, 50)
    own = Loader(sources, **options, events=log[:-3])
    own.load_state_dict(loader.state_dict())
    assert own.first_step == 29  # it lacks changes before the oldest that the state holds


def test_a_forgetful_state_of_another_order_brings_only_its_changes(sources, forgetful):
    loader, options, _ = forgetful
    other = Loader(sources, **options, seed=1)
    with pytest.warns(UserWarning, match="without the older changes"):
        other.load_state_dict(loader.state_dict(), strict=False)
    assert (other.step, other.first_step, other.events) == (30, 0, loader.events)
    assert rows(other, 0) == rows(Loader(sources, **options, seed=1), 0)


def test_sources_in_another_order_are_another_order(sources, forgetful):
    loader, options, _ = forgetful
    turned = Loader(dict(reversed(sources.items())), **options)
    with pytest.raises(ValueError, match="sources is"):
        turned.load_state_dict(loader.state_dict())


def test_damaged_states_are_refused(sources, forgetful):
    loader, options, _ = forgetful
    state = loader.state_dict()
    for base in (
        {},
        {**state["base"], "drawn": []},
        {**state["base"], "ahead": [[1, 0, 0, 0]]},
        {**state["base"], "drawn": [[1, 0, 0]]},
        {**state["base"], "drawn": [[-1, 0, 0, 0]]},
        5,
    ):
        with pytest.raises(ValueError, match="state"):
            Loader(sources, **options).load_state_dict({**state, "base": base})
    with pytest.raises(ValueError, match="no state of a loader"):
        Loader(sources, **options).load_state_dict({**state, "events": []})


def test_a_log_is_checked(sources, forgetful):
    _, options, _ = forgetful
    for events, message in (
        ([(3, {"wiki": 1, "news": 1})], "no source 'news'"),
        ([(3, {"web": -1})], "from 0 up"),
        ([(100, {"web": 1})], "step 100 of a run of 100"),
        ([(-1, {"web": 1})], "step -1 of a run of 100"),
        ([(1.5, {"web": 1})], "whole number"),
    ):
        with pytest.raises(ValueError, match=message):
            Loader(sources, **options, events=events)
    with pytest.raises(ValueError, match="need a loader with a schedule"):
        Loader(sources["web"], batch_sequences=4, events=[(3, {"": 1})])


def test_a_refused_change_leaves_the_run_as_it_was(sources):
    schedule = Schedule([Phase(steps=60, weights={"web": 1}, max_epochs={"math": 1}, on_limit="error")])
    loader = Loader(sources, schedule=schedule, batch_sequences=8)
    state = loader.state_dict()
    with pytest.raises(ValueError, match="'math' reaches max_epochs=1"):
        loader.set_weights({"math": 1}, from_step=5)
    assert loader.state_dict() == state
    assert rows(loader, 50) == rows(Loader(sources, schedule=schedule, batch_sequences=8), 50)
