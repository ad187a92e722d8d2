"""Stores that grow within a run: what was given stays given, and the rest comes, then the new documents."""

from __future__ import annotations

import itertools
import json
import pickle

import numpy as np
import pytest
from fixtures.loader_data import bucketed, make_store, web_lengths
from hypothesis import assume, given
from hypothesis import strategies as st

import pypack
from pypack import Loader, Phase, Plan, Schedule, Source


def through_json(state):
    return json.loads(json.dumps(state))


def grown_sources(path, sizes, extended, plan_of):
    """Sources of the first so many documents each, every plan extended from the one before."""
    lengths = web_lengths(sizes[-1], seed=len(str(path)))
    sources, plan = [], None
    for size in sizes:
        store = make_store(path / f"{size}.store", lengths[:size])
        plan = plan_of(store) if plan is None else extended(plan, store, plan_of)
        sources.append(Source(store, plan))
    return sources


def extended(plan, store, _):
    return pypack.extend_plan(plan, store.lengths)


def extended_by_lengths(plan, store, plan_of):
    """As extend_plan does it, of plans with rows of several lengths."""
    old = plan.counts.documents
    whole = plan_of(store)
    new = whole.span_document >= old
    order = np.concatenate([np.zeros(0, int), np.flatnonzero(new)])
    part = pypack.plan.PlanPart(old, plan.num_sequences, plan.lengths_fingerprint, plan.fingerprint)

    def joined(mine, theirs):
        return np.concatenate([mine, theirs[order]])

    return Plan(
        np.arange(whole.num_sequences + 1, dtype=np.int64),
        joined(plan.span_document, whole.span_document),
        joined(plan.span_start, whole.span_start),
        joined(plan.span_length, whole.span_length),
        joined(plan.sequence_capacity, whole.sequence_capacity),
        sequence_length=plan.sequence_length,
        strategy="pad",
        options=whole.options,
        counts=whole.counts,
        lengths_fingerprint=whole.lengths_fingerprint,
        extends=[*plan.extends, part],
    )


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    path = tmp_path_factory.mktemp("grown")
    return grown_sources(path, (40, 55, 90), extended, lambda store: pypack.pack(store.lengths, 32))


@pytest.fixture(scope="module")
def lengths(tmp_path_factory):
    path = tmp_path_factory.mktemp("lengths")
    sources = grown_sources(
        path, (30, 50, 70), extended_by_lengths, lambda store: bucketed(store, [16, 32, 64])
    )
    for source in sources:
        source.plan.verify(source.store.lengths)
    return sources


def rows_of(loader, step):
    pairs = zip(loader.epochs_at(step).tolist(), loader.sequences_at(step).tolist(), strict=True)
    return [pair for pair in pairs if pair[1] >= 0]


@pytest.mark.parametrize("kind", ["plain", "lengths"])
@given(
    tail=st.sampled_from(["pad", "spread", "drop", "wrap"]),
    curriculum=st.sampled_from(["natural", "grow-p2"]),
    stops=st.tuples(st.integers(0, 50), st.integers(0, 50)),
    tokens=st.sampled_from([64, 128]),
    locality=st.sampled_from([0, 3]),
)
def test_an_epoch_goes_on(request, kind, tail, curriculum, stops, tokens, locality):
    sources = request.getfixturevalue(kind)
    if kind == "lengths" and tail == "wrap":  # is refused, see below
        tail = "pad"
    options = {"tail": tail, "batch_tokens": tokens, "prefetch": 0, "locality": locality}
    if kind == "lengths":
        options["curriculum"] = curriculum
    given_out, state, before = [], None, None
    for source, steps in zip(sources, [*stops, 70], strict=True):
        loader = Loader(source, **options)
        if state is not None:
            loader.load_state_dict(through_json(state))  # it is accepted by itself
            assert loader.step == before.step
            size = before.plan.num_sequences
            expected = [] if before.pass_end() == before.step else rows_to_epoch_end(before)
            if tail != "wrap":
                found = [rows_of(loader, k) for k in range(loader.step, loader.step + len(expected))]
                assert found == expected
                first = loader.order.pass_start(before.step) == before.step
                end = loader.step + len(expected)
                rest = [pair for k in range(end, loader.pass_end()) for pair in rows_of(loader, k)]
                if not first:
                    new = range(size, source.plan.num_sequences)
                    assert {s for _, s in rest} <= set(new)
                    assert tail == "drop" or sorted(s for _, s in rest) == list(new)
            loader = pickle.loads(pickle.dumps(loader))
        for _ in range(steps):
            start = loader.step
            assert 0 < loader.pass_end() - start <= len(loader)
            batch = next(iter(loader))
            given_out += rows_of(loader, start)
            assert batch.tokens > 0
        state, before = loader.state_dict(), loader
    assert loader.stats.to_dict()["steps"] == 70
    assert len(set(given_out)) == len(given_out)
    epochs = [epoch for epoch, _ in given_out]
    assert epochs == sorted(epochs)
    if tail != "drop":
        whole = [{s for e, s in given_out if e == epoch} for epoch in range(epochs[-1])]
        sizes = [source.plan.num_sequences for source in sources]
        for one in whole:
            assert one == set(range(len(one)))
            assert len(one) in sizes
        assert whole == sorted(whole, key=len)
    again = Loader(sources[-1], **options)
    again.load_state_dict(through_json(state))
    for step in range(loader.step, loader.step + 5):
        assert again.rows_at(step)[1].tolist() == loader.rows_at(step)[1].tolist()


def test_wrap_within_lengths_waits_for_an_epoch(lengths):
    old, new = (Loader(source, batch_tokens=64, tail="wrap") for source in lengths[:2])
    new.load_state_dict(through_json(old.state_dict(0)))
    with pytest.raises(ValueError, match="the store has grown"):
        new.load_state_dict(through_json(old.state_dict(7)))


def rows_to_epoch_end(loader):
    """What a loader would have given to the end of its epoch, had its store not grown."""
    if loader.order.pass_start(loader.step) == loader.step:
        return []
    return [rows_of(loader, step) for step in range(loader.step, loader.pass_end())]


@given(
    stops=st.tuples(st.integers(0, 30), st.integers(0, 30)),
    weights=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    by=st.sampled_from(["tokens", "sequences"]),
    limit=st.none() | st.sampled_from([1.5, 3]),
    change=st.none() | st.integers(0, 80),
)
def test_sources_of_a_schedule_go_on(plain, lengths_source, stops, weights, by, limit, change):
    phase = Phase(
        steps=90,
        weights={"a": weights[0], "b": weights[1]},
        weights_by=by,
        max_epochs={} if limit is None else {"a": limit},
    )
    drawn, state, loader = {}, None, None
    for source, steps in zip(plain, [*stops, 40], strict=True):
        sources = {"a": source, "b": lengths_source}
        options = {"schedule": Schedule([phase]), "batch_sequences": 4, "prefetch": 0}
        new = Loader(sources, **options)
        if state is not None:
            assume(loader.step < min(loader.num_steps, new.num_steps))
            new.load_state_dict(through_json(state))
            assert new.step == loader.step
            new = pickle.loads(pickle.dumps(new))
        loader = new
        if change is not None and loader.step <= change < loader.num_steps:
            loader.set_weights({"a": 1, "b": 1}, from_step=change)
        assert len(json.dumps(loader.state_dict())) < 1024
        for _ in range(steps):
            if loader.step >= loader.num_steps:
                break
            step = loader.step
            next(iter(loader))
            places = zip(
                *(part.tolist() for part in loader.rows_at(step)),
                loader.epochs_at(step).tolist(),
                strict=True,
            )
            for number, sequence, epoch in places:
                drawn.setdefault(number, []).append((epoch, sequence))
        state = loader.state_dict()
    sizes = [source.plan.num_sequences for source in plain]
    for number, pairs in drawn.items():
        assert len(set(pairs)) == len(pairs)
        epochs = sorted({epoch for epoch, _ in pairs})
        assert epochs == list(range(len(epochs)))
        for epoch in epochs[:-1]:
            one = {s for e, s in pairs if e == epoch}
            assert one == set(range(len(one)))
            assert number == 1 or len(one) in sizes
        if limit is not None and number == 0:
            assert max(epochs) <= limit


@pytest.fixture(scope="module")
def lengths_source(tmp_path_factory):
    store = make_store(tmp_path_factory.mktemp("b") / "b.store", web_lengths(60, seed=5))
    return Source(store, pypack.pack(store.lengths, 32))


def test_old_sequences_come_in_the_order_that_they_would_have_come_in(plain, lengths_source):
    options = {
        "schedule": Schedule([Phase(steps=30, weights={"a": 1, "b": 1}, weights_by="sequences")]),
        "batch_sequences": 4,
    }
    old = Loader({"a": plain[0], "b": lengths_source}, **options)
    new = Loader({"a": plain[1], "b": lengths_source}, **options)
    new.load_state_dict(through_json(old.state_dict(5)))

    def of_a(loader, first):
        pairs = itertools.chain(*(zip(*loader.rows_at(k), strict=True) for k in range(first, 30)))
        return [int(sequence) for number, sequence in pairs if number == 0]

    size = plain[0].plan.num_sequences
    rest = size - sum(n for (name, _), n in old.order.drawn(5).items() if name == "a")
    expected = of_a(old, 5)[:rest]
    found = of_a(new, 5)
    assert found[: len(expected)] == expected
    assert set(found[rest : rest + plain[1].plan.num_sequences - size]) <= set(
        range(size, plain[1].plan.num_sequences)
    )
    with pytest.raises(ValueError, match="came before step 5"):
        new.batch_at(4)


def test_a_batch_of_another_size_at_the_same_time(plain):
    old = Loader(plain[0], batch_sequences=4)
    new = Loader(plain[1], batch_sequences=6)
    state = through_json(old.state_dict(5))
    with pytest.raises(ValueError, match=r"batch_sequences is 6 here, was 4.*the store has grown"):
        new.load_state_dict(state)
    with pytest.warns(UserWarning, match="nothing comes again"):
        new.load_state_dict(state, strict=False)
    given_out = [pair for k in range(5) for pair in rows_of(old, k)]
    given_out += [pair for k in range(new.step, new.pass_end()) for pair in rows_of(new, k)]
    assert sorted(given_out) == [(0, s) for s in range(plain[1].plan.num_sequences)]


def test_what_is_left_out_ahead_stays_left_out(plain):
    old = Loader(plain[0], batch_sequences=4, skip=[(2, 3), (7, 8)])
    new = Loader(plain[1], batch_sequences=4)
    new.load_state_dict(through_json(old.state_dict(4)))
    assert (new.step, new.skips) == (4, old.skips)
    assert rows_of(new, 6) == rows_of(old, 6)


def test_plans_packed_anew_are_refused_in_words(plain):
    anew = Source(plain[1].store, pypack.pack(plain[1].store.lengths, 32))
    state = Loader(plain[0], batch_sequences=4).state_dict(3)
    with pytest.raises(ValueError, match=r"another plan or another store.*extend_plan"):
        Loader(anew, batch_sequences=4).load_state_dict(state)
    # Nor is a store that has shrunk again one that has grown.
    state = Loader(plain[1], batch_sequences=4).state_dict(3)
    with pytest.raises(ValueError, match="another plan or another store"):
        Loader(plain[0], batch_sequences=4).load_state_dict(state)


@pytest.mark.parametrize("damage", [{"parts": 3}, {"parts": [["x"]]}, {"parts": [[1, 2]]}, {"parts": []}])
def test_damaged_states_are_refused(plain, damage):
    loader = Loader(plain[1], batch_sequences=4)
    loader.load_state_dict(Loader(plain[0], batch_sequences=4).state_dict(3))
    state = through_json(loader.state_dict())
    if damage["parts"] != []:
        with pytest.raises(ValueError, match="state"):
            Loader(plain[1], batch_sequences=4).load_state_dict({**state, **damage})


@pytest.mark.parametrize(
    "damage", [3, {"a": 3}, {"a": [[1]]}, {"a": [[32, 0, 0, 5]]}, {"z": [[32, 0, 0, 5]]}]
)
def test_damaged_states_of_schedules_are_refused(plain, lengths_source, damage):
    options = {"schedule": Schedule([Phase(steps=30, weights={"a": 1, "b": 1})]), "batch_sequences": 4}
    loader = Loader({"a": plain[1], "b": lengths_source}, **options)
    loader.load_state_dict(Loader({"a": plain[0], "b": lengths_source}, **options).state_dict(3))
    state = through_json(loader.state_dict())
    with pytest.raises(ValueError, match="state"):
        loader.load_state_dict({**state, "grown": damage})
    loader.load_state_dict(state)


@given(step=st.integers(0, 40), world_size=st.integers(2, 4), tail=st.sampled_from(["pad", "wrap", "spread"]))
def test_every_rank_goes_on(plain, step, world_size, tail):
    options = {"batch_sequences": 12, "tail": tail}
    state = through_json(Loader(plain[0], **options).state_dict(step))
    one = Loader(plain[1], **options)
    one.load_state_dict(state)
    ranks = [Loader(plain[1], **options, rank=r, world_size=world_size) for r in range(world_size)]
    for rank in ranks:
        rank.load_state_dict(state)
    for k in range(step, step + 12):
        whole, parts = rows_of(one, k), [rows_of(rank, k) for rank in ranks]
        assert all(parts)
        given_out = sorted(itertools.chain(*parts))
        assert set(whole) <= set(given_out)
        assert len(given_out) == max(len(whole), world_size)
        for rank in ranks:
            assert rank.batch_at(k).tokens > 0
