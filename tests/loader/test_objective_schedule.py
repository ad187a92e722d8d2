"""A schedule of objectives: which step has which, its state and events, and what is refused."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
from fixtures.loader_data import make_source
from hypothesis import given
from hypothesis import strategies as st
from reference.objective_schedule import objective_at

from pypack import Loader, Phase, Schedule, Source
from pypack.loader import change_objectives, change_selection
from pypack.objectives import MaskedLM, ObjectivePhase, ObjectiveSchedule
from pypack.objectives.schedule import whole_shares

PLAIN = {"mask_id": 59_999, "special_ids": [7, 8, 9], "vocab_size": 60_000}
weights = st.fixed_dictionaries(
    {"a": st.integers(0, 5), "b": st.sampled_from([0.25, 1, 1.5]), "c": st.just(1)}
)


def hybrid(causal=1, masked=3, rate=0.15):
    """BabyLM's winner: causal and masked batches of one run."""
    return ObjectiveSchedule(
        {"causal": None, "masked": MaskedLM(rate, **PLAIN)}, {"causal": causal, "masked": masked}
    )


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return make_source(tmp_path_factory.mktemp("hybrid") / "a.store", documents=300)


@given(
    phases=st.lists(st.tuples(weights, st.integers(1, 30)), min_size=1, max_size=3),
    lasts=st.booleans(),
    events=st.dictionaries(st.integers(0, 60), weights, max_size=3),
)
def test_which_step_has_which(phases, lasts, events):
    if lasts:
        phases[-1] = (phases[-1][0], None)
    schedule = ObjectiveSchedule(
        dict.fromkeys("abc"), [ObjectivePhase(shares, steps) for shares, steps in phases]
    )
    rising = sorted(events.items())
    order = schedule.order(rising)
    for step in range(70):
        assert order.at(step) == objective_at("abc", phases, rising, step)


def test_shares_are_exact():
    """Of 1 causal to 15 masked, the winner's ratio, every sixteen steps hold one causal batch."""
    order = hybrid(1, 15).order()
    for first in range(0, 320, 16):
        names = [order.at(step) for step in range(first, first + 16)]
        assert names.count("causal") == 1
    assert whole_shares([0.0625, 0.9375]) == [1, 15]
    assert whole_shares([0.1, 0.2, 0.7]) == [1, 2, 7]
    assert [hybrid(1, 1).order().at(step) for step in range(4)] == ["causal", "masked"] * 2


def test_each_batch_has_the_arrays_of_its_objective(source):
    loader = Loader(*source, batch_sequences=4, objective=hybrid(), seed=3)
    plain = Loader(*source, batch_sequences=4, seed=3)
    masked = Loader(*source, batch_sequences=4, objective=MaskedLM(**PLAIN), seed=3)
    seen = []
    for batch in loader:
        alone = (plain if batch.objective == "causal" else masked).batch_at(batch.step)
        for name in ("input_ids", "labels", "position_ids", "segment_ids"):
            np.testing.assert_array_equal(getattr(batch, name), getattr(alone, name))
        assert batch == loader.batch_at(batch.step)
        assert batch.objective == loader.objective_at(batch.step) == batch.to_dict()["objective"]
        seen.append(batch.objective)
    assert 0.2 < seen.count("causal") / len(seen) < 0.3
    for options in ({"prefetch": 0}, {"prefetch": 5, "num_threads": 3}):
        again = Loader(*source, batch_sequences=4, objective=hybrid(), seed=3, **options)
        assert [batch.objective for batch in again] == seen
    halves = [
        Loader(*source, batch_sequences=4, objective=hybrid(), seed=3, rank=r, world_size=2) for r in (0, 1)
    ]
    for rank, half in enumerate(halves):
        for step in range(4):
            np.testing.assert_array_equal(half.batch_at(step).labels, loader.batch_at(step).labels[rank::2])
            assert half.batch_at(step).objective == seen[step]
    assert pickle.loads(pickle.dumps(loader)).batch_at(3) == loader.batch_at(3)


def test_a_state_goes_on_with_its_changes(source):
    loader = Loader(*source, batch_sequences=4, objective=hybrid(1, 1))
    whole = Loader(*source, batch_sequences=4, objective=hybrid(1, 1))
    change_objectives(whole, {"causal": 0, "masked": 1}, from_step=6)
    change_objectives(whole, {"causal": 3, "masked": 1}, from_step=9)
    given_out = []
    for batch in loader:
        given_out.append(batch)
        if batch.step == 5:
            change_objectives(loader, {"causal": 0, "masked": 1})
        if batch.step == 7:
            change_objectives(loader, {"causal": 3, "masked": 1}, from_step=9)
    assert [batch.objective for batch in given_out[:9]] == ["causal", "masked"] * 3 + ["masked"] * 3
    assert [batch.objective for batch in given_out[9:13]].count("causal") == 3
    for batch in given_out:
        assert batch == whole.batch_at(batch.step)
    state = json.loads(json.dumps(loader.state_dict(step=7)))
    assert state["objectives"] == [[6, {"causal": 0.0, "masked": 1.0}], [9, {"causal": 3.0, "masked": 1.0}]]
    again = Loader(*source, batch_sequences=4, objective=hybrid(1, 1))
    again.load_state_dict(state)
    assert again.objective_events == loader.objective_events
    for batch in again:
        assert batch == given_out[batch.step]
    assert again.step == len(given_out)
    assert pickle.loads(pickle.dumps(again)).objective_events == again.objective_events
    again.load_state_dict(Loader(*source, batch_sequences=4, objective=hybrid(1, 1)).state_dict())
    assert again.objective_events == []


def test_skipped_steps_keep_the_objectives_of_the_others(source):
    whole = Loader(*source, batch_sequences=4, objective=hybrid())
    cut = Loader(*source, batch_sequences=4, objective=hybrid(), skip=[(2, 5)])
    for step in range(2, 8):
        assert cut.objective_at(step) == whole.objective_at(step + 3)
        np.testing.assert_array_equal(cut.batch_at(step).labels, whole.batch_at(step + 3).labels)


def test_with_a_schedule_of_sources_and_another_selection(source, tmp_path):
    sources = {"web": Source(*source)}
    schedule = Schedule([Phase(weights={"web": 1}, steps=40)])
    loader = Loader(sources, schedule=schedule, batch_sequences=4, objective=hybrid())
    names = [loader.objective_at(step) for step in range(40)]
    change_selection(loader, source[1], source="web", from_step=20)
    assert [loader.objective_at(step) for step in range(40)] == names
    assert loader.batch_at(30).objective == names[30]


def test_what_does_not_go_is_refused(source):
    for phases, message in [
        ({"other": 1}, "phase 0: there is no objective 'other'; the objectives are"),
        ([], "at least one phase"),
        ([ObjectivePhase({"causal": 1}), ObjectivePhase({"masked": 1})], "phase 0 needs steps"),
    ]:
        with pytest.raises(ValueError, match=message):
            ObjectiveSchedule({"causal": None, "masked": MaskedLM(**PLAIN)}, phases)
    for shares, message in [
        ({"a": 0}, "not all 0"),
        ({"a": -1, "b": 2}, "at least 0"),
        ({"a": 1.000001, "b": 3.1}, "repeat only after"),
        ({}, "numbers by name"),
    ]:
        with pytest.raises(ValueError, match=message):
            ObjectivePhase(shares)
    with pytest.raises(TypeError, match="is one of pypack"):
        ObjectiveSchedule({"a": "MaskedLM"}, {"a": 1})
    loader = Loader(*source, batch_sequences=4, objective=hybrid())
    with pytest.raises(ValueError, match="there is no objective 'other'"):
        change_objectives(loader, {"other": 1})
    next(iter(loader))
    with pytest.raises(ValueError, match="step 0 was given out already"):
        change_objectives(loader, {"causal": 1}, from_step=0)
    with pytest.raises(ValueError, match="the loader has no ObjectiveSchedule"):
        change_objectives(Loader(*source, batch_sequences=4), {"causal": 1})
    state = loader.state_dict()
    with pytest.raises(ValueError, match="objective"):
        Loader(*source, batch_sequences=4, objective=hybrid(rate=0.2)).load_state_dict(state)
    with pytest.raises(ValueError, match="field 'objectives'"):
        loader.load_state_dict({**state, "objectives": [[3, {"other": 1}]]})
