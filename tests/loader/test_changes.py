"""Runs that change between saving and loading: told in words, and gone on with exactly."""

from __future__ import annotations

import itertools
import json
import pickle
import warnings

import pytest
from fixtures.loader_data import bucketed, make_source, make_store, web_lengths
from hypothesis import assume, given
from hypothesis import strategies as st

import pypack
from pypack import Loader, Phase, Schedule, Source

NAMES = ("a", "b", "c")


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    path = tmp_path_factory.mktemp("changes")
    return {
        name: Source(*make_source(path / f"{name}.store", documents=n, sequence_length=32, seed=n))
        for name, n in zip(NAMES, (120, 60, 40), strict=True)
    }


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    store = make_store(tmp_path_factory.mktemp("plain") / "a.store", [8] * 37)
    return store, pypack.pack(store.lengths, 8, "pad")


@pytest.fixture(scope="module")
def lengths(tmp_path_factory):
    store = make_store(tmp_path_factory.mktemp("lengths") / "a.store", web_lengths(60))
    return Source(store, bucketed(store, [16, 32, 64]))


def through_json(state):
    return json.loads(json.dumps(state))


def state_at(loader, step):
    return through_json(loader.state_dict(step))


def check_goes_on(old, new, step):
    """Every source's draws before the step of the old run and from where the new one stands have no gap."""
    ends = {}
    here = ((old, k) for k in range(step))
    there = ((new, k) for k in range(new.step, min(new.num_steps, new.step + 40)))
    for loader, at in itertools.chain(here, there):
        for bucket, epoch, start, count in loader.order.at(at).draws:
            place = loader.order.source_buckets[bucket]
            key = loader.order.names[place.source], place.length
            last = ends.get(key, (0, 0))
            assert (epoch, start) in (last, (last[0] + 1, 0)), (key, at)
            ends[key] = (epoch, start + count)


weights = st.fixed_dictionaries({"a": st.integers(1, 9), "b": st.integers(0, 5)})


@given(
    parts=st.lists(st.tuples(st.integers(1, 15), weights), min_size=1, max_size=3),
    longer=st.integers(0, 20),
    more=st.lists(st.tuples(st.integers(1, 15), weights, st.booleans()), max_size=2),
    at=st.integers(0, 45),
    new_source=st.booleans(),
    change=st.none() | st.tuples(st.integers(0, 44), weights),
)
def test_longer_runs_go_on(sources, parts, longer, more, at, new_source, change):
    two = {name: sources[name] for name in "ab"}
    phases = [Phase(steps=n, weights=w) for n, w in parts]
    total = sum(n for n, _ in parts)
    assume(at <= total)
    last = Phase(steps=parts[-1][0] + longer, weights=parts[-1][1])
    added = [
        Phase(
            steps=n,
            weights={**w, **({"c": 3} if new_source and ramp else {})},
            weights_end=w if ramp else None,
        )
        for n, w, ramp in more
    ]
    longer_run = Schedule([*phases[:-1], last, *added])
    old = Loader(two, schedule=Schedule(phases), batch_sequences=6)
    if change is not None and change[0] < total:
        old.set_weights(change[1], from_step=change[0])
    state = state_at(old, at)
    new = Loader(sources if new_source else two, schedule=longer_run, batch_sequences=6)
    if at >= total + longer + sum(n for n, *_ in more) and longer_run != old.schedule:
        return
    new.load_state_dict(state)
    assert new.step == at
    check_goes_on(old, new, at)
    again = Loader(sources if new_source else two, schedule=longer_run, batch_sequences=6)
    again.load_state_dict(through_json(new.state_dict()))
    for step in range(at, new.num_steps):
        assert [part.tolist() for part in again.rows_at(step)] == [
            part.tolist() for part in new.rows_at(step)
        ]


def test_the_same_said_differently_is_the_same(sources):
    said = [
        ({"schedule": Schedule([Phase(steps=20, weights={"a": 1})]), "batch_sequences": 8}),
        ({"schedule": Schedule([Phase(tokens=20 * 256, weights={"a": 1})]), "batch_tokens": 256}),
        ({"schedule": Schedule([Phase(steps=20, weights={"a": 1}, batch_tokens=256)]), "batch_tokens": 64}),
        (
            {
                "schedule": Schedule([Phase(fraction=0.5, weights={"a": 1})], total_steps=40),
                "batch_tokens": 256,
            }
        ),
    ]
    for one, other in itertools.permutations(said, 2):
        loader = Loader(sources, **other)
        loader.load_state_dict(state_at(Loader(sources, **one), 7))
        assert loader.step == 7
        assert loader.first_step == 0
    plain = Loader(sources["a"], batch_tokens=256)
    plain.load_state_dict(state_at(Loader(sources["a"], batch_sequences=8), 7))
    assert plain.step == 7
    old = state_at(Loader(sources["a"], batch_sequences=8), 7)
    old["order"] = {"batch_tokens": 256} | {k: v for k, v in old["order"].items() if k != "batch_sequences"}
    Loader(sources["a"], batch_sequences=8).load_state_dict(old)


@pytest.mark.parametrize(
    ("phases", "options", "message"),
    [
        ([Phase(steps=20, weights={"a": 1}), Phase(steps=40, weights={"b": 1})], {}, None),
        (
            [Phase(steps=21, weights={"a": 1}), Phase(steps=20, weights={"b": 1})],
            {},
            "phase 0 has 21 steps, was 20",
        ),
        ([Phase(steps=20, weights={"a": 1})], {}, "the schedule has only 1 phases, was 2"),
        (
            [Phase(steps=20, weights={"a": 2}), Phase(steps=20, weights={"b": 1})],
            {},
            r"phase 0 has weights \{'a': 2\}, was \{'a': 1\}",
        ),
        (
            [Phase(steps=20, weights={"a": 1}), Phase(steps=20, weights={"b": 1}, batch_sequences=16)],
            {},
            "phase 1 has batches of 512 tokens, was 256",
        ),
        (
            [Phase(steps=20, weights={"a": 1}), Phase(steps=20, weights={"b": 1})],
            {"batch_sequences": 4},
            "batch_sequences is 4 here, was 8",
        ),
        (
            [Phase(steps=20, weights={"a": 1}), Phase(steps=20, weights={"b": 1})],
            {"seed": 1},
            "seed is 1 here",
        ),
    ],
)
def test_other_runs_are_refused_in_words(sources, phases, options, message):
    old = Loader(
        sources,
        schedule=Schedule([Phase(steps=20, weights={"a": 1}), Phase(steps=20, weights={"b": 1})]),
        batch_sequences=8,
    )
    state = state_at(old, 10)
    new = Loader(sources, schedule=Schedule(phases), **{"batch_sequences": 8, **options})
    if message is None:
        new.load_state_dict(state)
        return
    with pytest.raises(ValueError, match=message):
        new.load_state_dict(state)
    assert new.step == 0
    with pytest.warns(UserWarning, match=message):
        new.load_state_dict(state, strict=False)
    if "seed" not in options:
        assert new.step == (20 if options else 10)
        check_goes_on(old, new, 10)


def test_a_ramp_that_was_begun_cannot_be_longer(sources):
    def loader(steps):
        ramp = Phase(steps=steps, weights={"a": 1}, weights_end={"b": 1})
        return Loader(sources, schedule=Schedule([ramp]), batch_sequences=8)

    with pytest.raises(ValueError, match="phase 0 has 30 steps, was 20"):
        loader(30).load_state_dict(state_at(loader(20), 10))
    loader(30).load_state_dict(state_at(loader(20), 0))
    with pytest.warns(UserWarning, match="nothing comes again"):
        loader(30).load_state_dict(state_at(loader(20), 10), strict=False)


def test_sources_are_told_in_words(sources, tmp_path):
    schedule = Schedule([Phase(steps=20, weights={"a": 1})])
    state = state_at(Loader(sources, schedule=schedule, batch_sequences=8), 3)
    grown = Source(*make_source(tmp_path / "grown.store", documents=130, sequence_length=32, seed=120))
    for changed, message in (
        ({**sources, "a": grown}, "source 'a' has another plan or another store.*A store that has grown"),
        ({"a": sources["a"], "d": sources["b"], "c": sources["c"]}, "'b' is gone.*'d' is new"),
        (dict(reversed(sources.items())), "the same in another order"),
    ):
        with pytest.raises(ValueError, match=message):
            Loader(changed, schedule=schedule, batch_sequences=8).load_state_dict(state)


def test_old_states_are_told_by_their_digests(sources):
    loader = Loader(sources, schedule=Schedule([Phase(steps=20, weights={"a": 1})]), batch_sequences=8)
    state = {k: v for k, v in state_at(loader, 3).items() if k in ("version", "step", "events", "order")}
    loader.load_state_dict(state)
    longer = Loader(sources, schedule=Schedule([Phase(steps=30, weights={"a": 1})]), batch_sequences=8)
    with pytest.raises(ValueError, match=r"schedule is .* was "):
        longer.load_state_dict(state)


@given(
    tail=st.sampled_from(["pad", "wrap", "spread", "drop"]),
    sizes=st.lists(st.integers(1, 20), min_size=2, max_size=4),
    stretches=st.lists(st.integers(0, 12), min_size=3, max_size=3),
)
def test_another_batch_goes_on_with_the_next_row(plain, tail, sizes, stretches):
    expected = Loader(*plain, batch_sequences=1)
    given_out, state = [], None
    for rows, steps in zip(sizes, [*stretches, 40], strict=False):
        loader = Loader(*plain, batch_sequences=rows, tail=tail, prefetch=0)
        if state is not None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # where the size is the same there is none
                loader.load_state_dict(through_json(state), strict=False)
            loader = pickle.loads(pickle.dumps(loader))
        for _ in range(steps):
            start = loader.step
            ahead, length = loader.pass_end() - start, len(loader)
            assert 0 < ahead <= length
            batch = next(iter(loader))
            pairs = zip(loader.epochs_at(start).tolist(), loader.sequences_at(start).tolist(), strict=True)
            given_out += [(e, s) for e, s in pairs if s >= 0]
            assert batch.tokens > 0
        state = loader.state_dict()
    drawn = len(given_out)
    stream = [(k // 37, int(expected.sequences_at(k)[0])) for k in range(drawn + 40 * 20)]
    if tail != "drop":
        assert given_out == stream[:drawn]
    else:
        assert len(set(given_out)) == drawn
        assert given_out == [pair for pair in stream if pair in set(given_out)]


@given(
    tail=st.sampled_from(["pad", "wrap", "spread", "drop"]),
    curriculum=st.sampled_from(["natural", "grow-p2", "uniform"]),
    cycles=st.integers(1, 3),
    sizes=st.lists(st.sampled_from([64, 128, 192, 256]), min_size=2, max_size=4),
    stretches=st.lists(st.integers(0, 40), min_size=3, max_size=3),
)
def test_another_batch_within_lengths_goes_on(lengths, tail, curriculum, cycles, sizes, stretches):
    given_out, drawn, state = [], {}, None
    orders = {"tail": tail, "curriculum": curriculum, "cycles": cycles}
    for tokens, steps in zip(sizes, [*stretches, 90], strict=False):
        loader = Loader(lengths, batch_tokens=tokens, **orders, prefetch=0)
        if state is not None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                loader.load_state_dict(through_json(state), strict=False)
            loader = pickle.loads(pickle.dumps(loader))
        for _ in range(steps):
            start = loader.step
            ahead, length = loader.pass_end() - start, len(loader)
            assert 0 < ahead <= length
            batch = next(iter(loader))
            draws = loader.order.at(start)
            for bucket, epoch, first, count in draws.draws:
                assert loader.order.source_buckets[bucket].length == draws.row_length
                drawn.setdefault(draws.row_length, []).append((epoch, first, count))
            pairs = zip(loader.epochs_at(start).tolist(), loader.sequences_at(start).tolist(), strict=True)
            pairs = [(e, s) for e, s in pairs if s >= 0]
            assert batch.epoch == min(pairs)[0]
            given_out += pairs
        state = loader.state_dict()
    assert len(set(given_out)) == len(given_out)
    for stretches_of_length in drawn.values():  # each length goes on where it was
        for (e, first, count), (epoch, start, _) in itertools.pairwise(stretches_of_length):
            assert (epoch, start) in ((e, first + count), (e + 1, 0))
    if tail == "wrap":
        return
    epochs = [epoch for epoch, _ in given_out]
    assert epochs == sorted(epochs)
    if tail != "drop":
        for epoch in range(max(epochs, default=0)):
            assert {s for e, s in given_out if e == epoch} == set(range(lengths.plan.num_sequences))


def test_another_batch_within_lengths_at_an_epoch(lengths):
    old, new = (Loader(lengths, batch_tokens=n) for n in (64, 128))
    with pytest.warns(UserWarning, match="nothing comes again"):
        new.load_state_dict(state_at(old, 2 * len(old)), strict=False)
    assert (new.step, new.first_step) == (2 * len(new), 0)
    with pytest.raises(ValueError, match="batch_tokens is 128 here, was 64"):
        new.load_state_dict(state_at(old, 3))


def test_states_stay_small(sources):
    phases = [Phase(steps=5, weights={"a": 1 / 3, "b": 2 / 3}, weights_end={"b": k + 1}) for k in range(40)]
    for number in (1, 3, 40):
        loader = Loader(sources, schedule=Schedule(phases[:number]), batch_sequences=8)
        assert len(json.dumps(loader.state_dict(3))) < 1024


@pytest.mark.parametrize(
    "damage",
    [
        {"phases": 3},
        {"phases": []},
        {"phases": [[1]]},
        {"phases": [["x", 1, {}]]},
        {"drawn": 3},
        {"drawn": [["x"]]},
        {"drawn": []},
        {"ahead": [[1, 2]]},
    ],
)
def test_damaged_words_are_refused(sources, damage):
    old = Loader(sources, schedule=Schedule([Phase(steps=20, weights={"a": 1})]), batch_sequences=8)
    new = Loader(sources, schedule=Schedule([Phase(steps=30, weights={"a": 1})]), batch_sequences=8)
    with pytest.raises(ValueError, match="state"):
        new.load_state_dict(state_at(old, 10) | damage)
    loader = Loader(sources["a"], batch_sequences=8)
    for resumed in (3, [1, 2], [-1, 0, 0], ["a", 0, 0]):
        with pytest.raises(ValueError, match="state"):
            loader.load_state_dict(loader.state_dict() | {"resumed": resumed})
