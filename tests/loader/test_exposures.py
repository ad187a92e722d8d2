"""What a run has given: by document, as a source again; and another selection from a step on."""

import json

import numpy as np
import pytest

from pypack import Loader, Phase, Schedule, Source
from pypack.loader import change_selection, document_exposures, replay
from pypack.objectives import MaskedLM
from tests.fixtures.scored_store import make_scored_store


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    path = tmp_path_factory.mktemp("exposures")
    return [make_scored_store(path / f"{n}.store", documents=150, seed=n) for n in (1, 2)]


@pytest.fixture
def sources(stores):
    return {
        "web": Source.select(stores[0], 64, where="lang != 'fr'"),
        "code": Source.select(stores[1], 64),
    }


def mixture(**options):
    return Schedule([Phase(steps=30, weights={"web": 3, "code": 1}), Phase(steps=20, weights={"web": 1})])


def test_exposures_are_what_batches_hold(sources, stores):
    loader = Loader(sources, schedule=mixture(), batch_sequences=6)
    found = document_exposures(loader, 17, first=2)
    expected = {name: np.zeros(150, np.int64) for name in sources}
    for step in range(2, 17):
        batch = loader.batch_at(step)
        for number, name in enumerate(sources):
            mine = batch.source_ids == number
            np.add.at(expected[name], batch.document_ids[mine], batch.span_lengths[mine])
    for name in sources:
        assert found[name].tolist() == expected[name].tolist()
    parted = Loader(sources, schedule=mixture(), batch_sequences=6, rank=1, world_size=2)
    assert document_exposures(parted, 17, first=2)["web"].tolist() == found["web"].tolist()


def test_what_was_given_is_given_again(sources, stores):
    loader = Loader(sources, schedule=mixture(), batch_sequences=6)
    given = document_exposures(loader, 25)
    seen = replay(loader, 25)
    assert list(seen) == ["web", "code"]
    for name, store in zip(seen, stores, strict=True):
        seen[name].plan.verify(store.lengths)
        tokens = np.zeros(150, np.int64)
        for batch in Loader(seen[name], batch_sequences=4, epochs=1):
            np.add.at(tokens, batch.document_ids, batch.span_lengths)
        assert tokens.tolist() == given[name].tolist()
    Loader(
        {"new": sources["code"], "seen": seen["web"]},
        schedule=Schedule([Phase(steps=3, weights={"new": 3, "seen": 1})]),
        batch_sequences=8,
    ).batch_at(2)
    assert list(replay(loader, 50, first=30)) == ["web"]


def test_a_replay_is_saved_and_opened(sources, stores, tmp_path):
    loader = Loader(sources["web"], batch_sequences=6)
    seen = replay(loader, 3 * len(loader) // 2)[""]
    assert seen.plan.repeats
    seen.plan.save(tmp_path / "seen.plan")
    opened = Source(stores[0], tmp_path / "seen.plan")
    assert opened.fingerprint == seen.fingerprint


def documents_of(loader, steps):
    return [loader.batch_at(step).document_ids.tolist() for step in steps]


def test_a_selection_changes_at_a_step_and_the_run_resumes(sources, stores):
    other = Source.select(stores[0], 64, where="score > 0.5").plan
    plain = Loader(sources, schedule=mixture(), batch_sequences=6)
    loader = Loader(sources, schedule=mixture(), batch_sequences=6)
    batches = iter(loader)
    for _ in range(5):
        next(batches)
    assert change_selection(loader, other, source="web", from_step=12) == "web@12"
    assert documents_of(loader, range(12)) == documents_of(plain, range(12))
    chosen = set(other.documents.tolist())
    later = [loader.batch_at(step) for step in range(12, 50)]
    names = loader.source_names
    shares = {name: sum(int((b.source_ids == names.index(name)).sum()) > 0 for b in later) for name in names}
    assert shares["web"] == 0
    assert shares["web@12"] == 38
    for batch in later:
        mine = batch.document_ids[batch.source_ids == names.index("web@12")]
        assert set(mine.tolist()) <= chosen
    assert {step for step, _ in loader.events} == {12, 30}
    for _ in range(10):  # the pass goes on with what has changed
        given = next(batches)
    assert given.step == 14
    state = json.loads(json.dumps(loader.state_dict()))
    both = {**sources, "web@12": Source(stores[0], other)}
    resumed = Loader(both, schedule=mixture(), batch_sequences=6)
    resumed.load_state_dict(state)
    assert resumed.step == 15
    assert documents_of(resumed, range(15, 50)) == documents_of(loader, range(15, 50))
    assert documents_of(resumed, range(10, 15)) == documents_of(loader, range(10, 15))


def test_changes_of_selections_that_cannot_be_made_are_refused(sources, stores):
    other = Source.select(stores[0], 64, where="score > 0.5").plan
    loader = Loader(sources, schedule=mixture(), batch_sequences=6)
    for _, _ in zip(range(3), loader, strict=False):
        pass
    for options, message in (
        ({"source": "nope"}, "there is no source 'nope'"),
        ({"source": "web", "from_step": 1}, "was given out already"),
        ({"source": "web", "from_step": 90}, "of a run of 50 steps"),
        ({"source": "code", "from_step": 9}, "fingerprint|store has"),
    ):
        with pytest.raises(ValueError, match=message):
            change_selection(loader, other, **options)
    drifting = Schedule([Phase(steps=9, weights={"web": 1, "code": 1}, weights_end={"web": 1})])
    with pytest.raises(ValueError, match="drift"):
        change_selection(Loader(sources, schedule=drifting, batch_sequences=6), other, source="web")
    with pytest.raises(ValueError, match="needs a loader with a schedule"):
        change_selection(Loader(sources["web"], batch_sequences=6), other)


def test_a_selection_changes_under_an_objective(sources, stores):
    """The new source is masked as the old one, and the state goes on in a loader with both."""
    other = Source.select(stores[0], 64, where="score > 0.5").plan
    plain = MaskedLM(0.3, mask_id=3, special_ids=[7], vocab_size=60_000)
    options = {"schedule": mixture(), "batch_sequences": 6, "objective": plain}
    loader = Loader(sources, **options)
    assert change_selection(loader, other, source="web", from_step=12) == "web@12"
    assert 0.1 < (loader.batch_at(20).labels != -100).mean() < 0.4
    resumed = Loader({**sources, "web@12": Source(stores[0], other)}, **options)
    resumed.load_state_dict(json.loads(json.dumps(loader.state_dict())))
    assert resumed.batch_at(20) == loader.batch_at(20)
    spans = [[0, 2]] * len(stores[0])
    one = {"web": sources["web"]}
    schedule = Schedule([Phase(steps=20, weights={"web": 1})])
    named = MaskedLM(0.3, mask_id=3, special_ids=[7], vocab_size=60_000, spans=spans)
    loader = Loader(one, schedule=schedule, batch_sequences=6, objective=named)
    with pytest.raises(ValueError, match=r"spans=.*make it with both sources"):
        change_selection(loader, other)
