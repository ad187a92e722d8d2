"""Schedules over sources: mixtures, phases, curricula, limits, changes during a run."""

from __future__ import annotations

import json
import pickle
from collections import Counter

import numpy as np
import pytest
from fixtures.loader_data import bucketed, make_source, make_store, web_lengths
from hypothesis import given
from hypothesis import strategies as st

import pypack
from pypack import Loader, Phase, Schedule, ShapeCycle, Source

NAMES = ("web", "code", "math")


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    path = tmp_path_factory.mktemp("schedule")
    return {
        name: Source(*make_source(path / f"{name}.store", documents=n, sequence_length=32, seed=n))
        for name, n in zip(NAMES, (300, 80, 40), strict=True)
    }


@pytest.fixture(scope="module")
def lengths_source(tmp_path_factory):
    """One source with rows of 16, 32 and 64 tokens in one plan."""
    store = make_store(tmp_path_factory.mktemp("lengths") / "a.store", web_lengths(500, seed=4))
    return Source(store, bucketed(store, [16, 32, 64]))


def drawn_sources(loader, step):
    return np.bincount(loader.rows_at(step)[0], minlength=len(loader.sources))


phases = st.lists(
    st.tuples(
        st.integers(1, 25),
        st.lists(st.integers(0, 20), min_size=3, max_size=3).filter(any),
        st.none() | st.lists(st.integers(0, 20), min_size=3, max_size=3).filter(any),
        st.sampled_from([None, 4, 8]),
    ),
    min_size=1,
    max_size=4,
)


def make_schedule(parts, **options):
    return Schedule(
        [
            Phase(
                steps=steps,
                weights=dict(zip(NAMES, start, strict=True)),
                weights_end=None if end is None else dict(zip(NAMES, end, strict=True)),
                weights_by="sequences",
                batch_sequences=rows,
                **options,
            )
            for steps, start, end, rows in parts
        ]
    )


@given(parts=phases, seed=st.integers(0, 2**32))
def test_shares_are_exact_at_every_step(sources, parts, seed):
    loader = Loader(sources, schedule=make_schedule(parts), batch_sequences=12, seed=seed)
    target, drawn, step = np.zeros(3), np.zeros(3), 0
    for steps, start, end, rows in parts:
        start, end = np.array(start) / sum(start), np.array(end or start) / sum(end or start)
        for t in range(steps):
            target += (rows or 12) * (start + (end - start) * (t + 0.5) / steps)
            counts = drawn_sources(loader, step)
            assert counts.sum() == (rows or 12)
            drawn += counts
            assert np.abs(drawn - target).max() < 1.001
            step += 1
    assert step == len(loader) == loader.num_steps


def test_epochs_of_a_source_give_every_sequence_once(sources):
    schedule = Schedule([Phase(steps=400, weights={"web": 3, "code": 4, "math": 5})])
    loader = Loader(sources, schedule=schedule, batch_sequences=4)
    order = {i: [] for i in range(3)}
    for step in range(400):
        draws = loader.order.at(step)
        for pool, epoch, start, count in draws.draws:
            order[loader.order.source_buckets[pool].source].append((epoch, start, count))
        rows = list(zip(*loader.rows_at(step), strict=True))
        assert len(rows) == 4
    for pieces in order.values():  # draws follow one another without gap, through the epochs
        at = (0, 0)
        for epoch, start, count in pieces:
            assert (epoch, start) in (at, (at[0] + 1, 0))
            at = (epoch, start + count)
    seen = Counter()
    one_epoch = next(
        step
        for step in range(400)
        if any(d[1] and loader.order.source_buckets[d[0]].source == 2 for d in loader.order.at(step).draws)
    )
    for step in range(one_epoch):
        seen.update(s for i, s in zip(*loader.rows_at(step), strict=True) if i == 2)
    assert set(seen.values()) == {1}


def test_weights_by_tokens_count_tokens(tmp_path):
    full, half = make_store(tmp_path / "a", [64] * 50), make_store(tmp_path / "b", [32] * 50)
    sources = {
        "full": Source(full, pypack.pack(full.lengths, 64, "pad")),
        "half": Source(half, pypack.pack(half.lengths, 64, "pad")),
    }
    schedule = Schedule([Phase(steps=60, weights={"full": 1, "half": 1})])
    loader = Loader(sources, schedule=schedule, batch_sequences=3)
    for batch in loader:
        tokens = np.bincount(batch.source_ids, batch.span_lengths)
        assert tokens.tolist() == [64, 64]
    stats = loader.stats.to_dict()
    totals = {n: (counts["tokens"], counts["documents"]) for n, counts in stats["sources"].items()}
    assert totals == {"full": (3840, 60), "half": (3840, 120)}
    assert stats["tokens"] == 7680
    assert stats["padding"] == 60 * 64
    assert stats["bytes_read"] == 2 * 7680


@pytest.mark.parametrize("on_limit", ["renormalize", "stop", "error"])
def test_sources_stop_at_their_limit(sources, on_limit):
    size = sources["math"].plan.num_sequences
    phase = Phase(
        steps=300,
        weights={"web": 6, "math": 2},
        weights_by="sequences",
        max_epochs={"math": 2},
        on_limit=on_limit,
    )
    if on_limit == "error":
        with pytest.raises(ValueError, match=r"source 'math' reaches max_epochs=2 at step \d+ of 300"):
            Loader(sources, schedule=Schedule([phase]), batch_sequences=4)
        return
    loader = Loader(sources, schedule=Schedule([phase]), batch_sequences=4)
    counts = np.array([drawn_sources(loader, step) for step in range(loader.num_steps)])
    spent = counts[:, 2].sum()
    assert 2 * size - 2 <= spent <= 2 * size
    if on_limit == "stop":
        assert loader.num_steps == pytest.approx(2 * size, abs=2)
        assert len(list(loader)) == loader.num_steps
    else:
        assert loader.num_steps == 300
        assert counts[-10:].tolist() == [[4, 0, 0]] * 10


@pytest.mark.parametrize(
    ("weights", "weights_end"),
    [({"web": 1, "code": 1}, {"code": 1}), ({"code": 1}, {"web": 1, "code": 1}), ({"code": 1}, {"web": 1})],
)
def test_a_ramp_from_or_to_a_spent_source_goes_on_with_the_others(sources, weights, weights_end):
    phase = Phase(steps=300, weights=weights, weights_end=weights_end, max_epochs={"code": 1})
    loader = Loader(sources, schedule=Schedule([phase]), batch_sequences=4)
    assert loader.num_steps == 300
    drawn = np.concatenate([loader.rows_at(step)[0] for step in range(300)])
    code = sources["code"].num_sequences(32)
    assert code - 4 <= np.count_nonzero(drawn == 1) <= code  # it ends with a step
    assert set(drawn[-40:].tolist()) == {0}


def test_a_run_ends_where_no_source_is_left(sources):
    phase = Phase(steps=500, weights={"web": 1, "code": 1}, max_epochs={"code": 2})
    loader = Loader(sources, schedule=Schedule([phase]), batch_sequences=4)
    assert loader.num_steps == 500
    loader.set_weights({"code": 1}, from_step=10)
    left = 2 * sources["code"].num_sequences(32) - 20  # half of the first 40 rows were its own
    assert abs(loader.num_steps - (10 + left // 4)) <= 1
    assert loader.batch_at(loader.num_steps - 1).source_ids.tolist()[0] == 1
    with pytest.raises(IndexError):
        loader.batch_at(loader.num_steps)


def test_wrong_schedules_are_refused(sources, lengths_source):
    def load(*phases, **options):
        return Loader(sources, schedule=Schedule(phases, **options), batch_sequences=4)

    with pytest.raises(ValueError, match=r"weights names 'wiki'; the sources are 'web', 'code', 'math'"):
        load(Phase(steps=1, weights={"wiki": 1}))
    with pytest.raises(ValueError, match="max_epochs names 'wiki'"):
        load(Phase(steps=1, max_epochs={"wiki": 1}))
    with pytest.raises(
        ValueError, match=r"rows of lengths \[64\], but the plans of source 'web' have .*\[32\]"
    ):
        load(Phase(steps=1, sequence_length=64))
    with pytest.raises(
        ValueError, match=r"rows of lengths \[32\], but .* 'long' have rows of lengths \[16, 32, 64\]"
    ):
        Loader(
            {"web": sources["web"], "long": lengths_source},
            schedule=Schedule([Phase(steps=1)]),
            batch_tokens=64,
        )
    with pytest.raises(ValueError, match="needs total_tokens or total_steps"):
        load(Phase(fraction=0.5))
    with pytest.raises(ValueError, match=r"fractions of the phases add up to 1\.2, more than the whole run"):
        Schedule([Phase(fraction=0.5), Phase(fraction=0.7)], total_steps=100)
    with pytest.raises(TypeError, match="takes a list of Phase"):
        Schedule(Phase(steps=1))
    with pytest.raises(TypeError, match="takes a list of Phase"):
        Schedule([{"steps": 1}])
    with pytest.raises(FileNotFoundError, match=r"no such file .YAML text must hold"):
        Schedule.from_yaml("phases: [{steps: 3}]")
    with pytest.raises(ValueError, match="give batch_tokens"):
        Loader(lengths_source, schedule=Schedule([Phase(steps=2)]), batch_sequences=4)
    with pytest.raises(ValueError, match="need a schedule"):
        Loader(sources, batch_sequences=4)
    with pytest.raises(ValueError, match="without schedule"):
        Loader(sources, schedule=Schedule([Phase(steps=1)]), batch_sequences=4, epochs=2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "one of tokens, steps and fraction"),
        ({"steps": 1, "tokens": 1}, "one of"),
        ({"steps": 0}, "positive"),
        ({"steps": 10.5}, "steps must be a whole number, got 10.5"),
        ({"steps": 1, "weights": {"a": 0}}, "not all be 0"),
        ({"steps": 1, "weights": {"a": -1}}, "from 0 up"),
        ({"steps": 1, "weights_end": {"a": 1}}, "needs weights"),
        ({"steps": 1, "curriculum": "grow"}, "'natural'"),
        ({"steps": 1, "curriculum": {}}, "odds"),
        ({"steps": 1, "cycles": 0}, "cycles"),
        ({"steps": 1, "on_limit": "go"}, "'renormalize'"),
        ({"steps": 1, "sampler": "x"}, "'subcycle'"),
        ({"steps": 1, "weights_by": "rows"}, "'sequences'"),
        ({"steps": 1, "max_epochs": {"a": 0}}, "max_epochs"),
        ({"steps": 1, "batch_tokens": 1, "batch_sequences": 1}, "not both"),
    ],
)
def test_wrong_phases_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Phase(**options)


@pytest.mark.parametrize(
    "curriculum", ["uniform", "natural", "grow-linear", "grow-p2", "grow-p100", "shrink-p100"]
)
@pytest.mark.parametrize("sampler", ["sample", "subcycle"])
def test_curricula_keep_tokens_a_step_and_quotas(lengths_source, curriculum, sampler):
    phase = Phase(
        steps=90, curriculum=curriculum, cycles=3, sampler=sampler, length_shares={16: 1, 32: 1, 64: 1}
    )
    loader = Loader(lengths_source, schedule=Schedule([phase]), batch_tokens=256, seed=1)
    shapes = [batch.input_ids.shape for batch in loader]
    assert {rows * length for rows, length in shapes} == {256}
    lengths = [length for _, length in shapes]
    for cycle in range(3):
        assert Counter(lengths[cycle * 30 : cycle * 30 + 30]) == {16: 10, 32: 10, 64: 10}
    early = np.mean(lengths[:10])
    if curriculum == "grow-p100" and sampler == "sample":
        assert lengths[:10].count(16) >= 8
    if curriculum.startswith("grow"):
        assert early < np.mean(lengths[20:30])
    ratios = {batch.rows_ratio for batch in (loader.batch_at(k) for k in range(90))}
    assert ratios == {1.0, 2.0, 4.0}


def test_longest_first_and_odds_by_length(lengths_source):
    phase = Phase(steps=50, curriculum={16: 1e12, 32: 1e6, 64: 1}, longest_first=True)
    loader = Loader(lengths_source, schedule=Schedule([phase]), batch_tokens=128)
    lengths = [loader.order.at(step).row_length for step in range(50)]
    assert lengths[0] == 64
    place = max(i for i, length in enumerate(lengths) if length == 16)
    lengths[0], lengths[place] = lengths[place], lengths[0]  # a swap, so that the quotas stay
    assert lengths == sorted(lengths)
    with pytest.raises(ValueError, match=r"odds are for lengths \[8\], the sources have \[16, 32, 64\]"):
        Loader(
            lengths_source, schedule=Schedule([Phase(steps=5, curriculum={8: 1})]), batch_tokens=128
        ).batch_at(0)


def test_natural_shares_follow_the_tokens(lengths_source):
    loader = Loader(lengths_source, schedule=Schedule([Phase(steps=200)]), batch_tokens=64)
    lengths = Counter(loader.order.at(step).row_length for step in range(200))
    tokens = {n: lengths_source.num_sequences(n) * n for n in (16, 32, 64)}
    for length, count in lengths.items():
        assert count == pytest.approx(200 * tokens[length] / sum(tokens.values()), abs=1)


def test_epochs_over_several_lengths(lengths_source):
    loader = Loader(lengths_source, batch_tokens=192, curriculum="grow-p2", cycles=2, epochs=2)
    for epoch in range(2):
        drawn = [
            s
            for step in range(epoch * len(loader), (epoch + 1) * len(loader))
            for s in loader.sequences_at(step).tolist()
            if s >= 0
        ]
        assert sorted(drawn) == list(range(lengths_source.plan.num_sequences))
    assert all(batch.input_ids.size == 192 for batch in loader)


def test_multigrid_shapes(tmp_path):
    store = make_store(tmp_path / "a", web_lengths(300))
    source = Source(store, [pypack.pack(store.lengths, n) for n in (16, 32, 64)])
    shape = ShapeCycle(long=[32, 64], short=[2, 1])
    loader = Loader(source, schedule=Schedule([Phase(steps=40, shapes=shape)]), batch_tokens=128)
    shapes = [batch.input_ids.shape for batch in loader]
    assert shapes[:20] == [(8, 16), (4, 32)] * 10
    assert shapes[20:] == [(4, 32), (2, 64)] * 10
    assert loader.batch_at(0).source_ids.max() == 0  # one source, whatever the number of its plans
    assert shape.lengths == [16, 32, 64]
    with pytest.raises(ValueError, match="not divisible"):
        ShapeCycle(long=[10], short=[4])


def test_multigrid_is_that_of_the_paper(tmp_path):
    store = make_store(tmp_path / "a", web_lengths(300))
    lengths = [4, 8, 16, 32, 64]
    source = Source(store, [pypack.pack(store.lengths, n) for n in lengths])
    shapes = ShapeCycle.multigrid(64)
    schedule = Schedule([Phase(steps=48, shapes=shapes), Phase(steps=4, sequence_length=64)])
    loader = Loader(source, schedule=schedule, batch_tokens=128)
    batches = [loader.batch_at(k) for k in range(52)]
    rows = [batch.num_rows // 2 for batch in batches]
    table = [[16, 8, 8], [8, 4, 4], [8, 4, 2], [4, 2, 1]]
    assert rows[:48] == [n for row in table for n in row * 4]
    # The learning rate follows the slow cycle alone.
    assert [batch.rows_ratio for batch in batches] == [8.0] * 12 + [4.0] * 12 + [2.0] * 12 + [1.0] * 16
    assert shapes.lengths == lengths
    for back in (
        Schedule.from_dict(json.loads(json.dumps(schedule.to_dict()))),
        pickle.loads(pickle.dumps(schedule)),
    ):
        assert back == schedule
        assert back.fingerprint == schedule.fingerprint
    with pytest.raises(ValueError, match="multiple of 16"):
        ShapeCycle.multigrid(40)
    with pytest.raises(ValueError, match="4 long lengths has divisors for 2"):
        ShapeCycle([8, 16, 32, 64], [(2, 1), (2, 1)])
    with pytest.raises(ValueError, match="or divisors for each long length"):
        ShapeCycle([8, 16], [(2, 1), 1])


def test_phases_have_lengths_and_batches_of_their_own(tmp_path):
    store = make_store(tmp_path / "a", web_lengths(300))
    source = Source(store, [pypack.pack(store.lengths, n) for n in (32, 64)])
    schedule = Schedule(
        [
            Phase(tokens=32 * 64, sequence_length=32, batch_tokens=64),
            Phase(fraction=0.5, sequence_length=32),
            Phase(fraction=0.5, sequence_length=64),
        ],
        total_tokens=2560,
    )
    loader = Loader(source, schedule=schedule, batch_tokens=128)
    assert [b.input_ids.shape for b in loader] == [(2, 32)] * 32 + [(4, 32)] * 10 + [(2, 64)] * 10
    # The stream of a row length runs on through the phases.
    rows = [s for step in range(42) for s in loader.sequences_at(step).tolist()]
    first_epoch = rows[: source.num_sequences(32)]
    assert len(set(first_epoch)) == len(first_epoch)


def test_changed_weights_hold_from_their_step(sources):
    schedule = Schedule(
        [Phase(steps=30, weights={"web": 1, "code": 1}), Phase(steps=10, weights={"math": 1})]
    )
    loader = Loader(sources, schedule=schedule, batch_sequences=8)
    before = [loader.rows_at(step)[1].tolist() for step in range(40)]
    taken = [batch.step for _, batch in zip(range(12), loader, strict=False)]
    assert taken == list(range(12))
    with pytest.raises(ValueError, match="step 11 was given out already; the next one is 12"):
        loader.set_weights({"code": 1}, from_step=11)
    loader.set_weights({"code": 1}, from_step=15)
    loader.set_weights({"web": 1, "math": 3}, from_step=20)
    after = [loader.rows_at(step)[1].tolist() for step in range(40)]
    assert after[:15] == before[:15]
    assert all(drawn_sources(loader, step).tolist() == [0, 8, 0] for step in range(16, 20))
    assert sum(drawn_sources(loader, step) for step in range(20, 30)).tolist() == pytest.approx(
        [20, 0, 60], abs=1
    )
    assert all(drawn_sources(loader, step).tolist() == [0, 0, 8] for step in range(31, 40))
    assert next(iter(loader)).step == 12
    # A resumed loader, and one that replays from the start, give the same.
    state = json.loads(json.dumps(loader.state_dict()))
    for copy in (Loader(sources, schedule=schedule, batch_sequences=8), pickle.loads(pickle.dumps(loader))):
        copy.load_state_dict(state)
        assert copy.step == 13
        assert [copy.rows_at(step)[1].tolist() for step in range(40)] == after
    with pytest.raises(ValueError, match="no source 'wiki'"):
        loader.set_weights({"wiki": 1})
    with pytest.raises(ValueError, match="step 40 of a run of 40"):
        loader.set_weights({"web": 1}, from_step=40)


def test_a_change_reaches_a_pass_that_is_under_way(sources):
    schedule = Schedule([Phase(steps=20, weights={"web": 1})])
    for prefetch in (0, 1, 5):
        loader = Loader(sources, schedule=schedule, batch_sequences=4, prefetch=prefetch)
        got = []
        for batch in loader:
            got.append(set(batch.source_ids.tolist()))
            if batch.step == 7:
                loader.set_weights({"math": 1})
        assert got == [{0}] * 8 + [{2}] * 12


@given(
    step=st.integers(0, 59),
    world_size=st.sampled_from([1, 2, 4]),
    prefetch=st.sampled_from([0, 3]),
    layout=st.sampled_from(["padded", "varlen"]),
)
def test_resuming_a_schedule(sources, step, world_size, prefetch, layout):
    schedule = Schedule(
        [
            Phase(steps=40, weights={"web": 5, "code": 2, "math": 0.1}, weights_end={"math": 1}),
            Phase(steps=20, weights={"web": 1, "math": 1}, batch_sequences=4),
        ]
    )
    options = {"schedule": schedule, "batch_sequences": 8, "seed": 5}
    whole = Loader(sources, **options)
    state = json.dumps(whole.state_dict(step))
    assert len(state) < 1024
    ranks = [
        Loader(sources, **options, rank=r, world_size=world_size, prefetch=prefetch, layout=layout)
        for r in range(world_size)
    ]
    for rank in ranks:
        rank.load_state_dict(json.loads(state))
    for _, *batches in zip(range(3), *ranks, strict=False):
        at = batches[0].step
        documents = Counter(
            d for batch in batches for d in zip(batch.source_ids, batch.document_ids, strict=True)
        )
        expected = whole.batch_at(at)
        assert documents == Counter(zip(expected.source_ids, expected.document_ids, strict=True))


def test_schedules_survive_yaml_and_differ_by_fingerprint():
    schedule = Schedule(
        [
            Phase(tokens=1e9, weights={"web": 0.8, "code": 0.2}, curriculum="grow-p2", cycles=8),
            Phase(fraction=0.1, weights={"code": 1}, max_epochs={"code": 4}, on_limit="stop"),
            Phase(steps=3, shapes=ShapeCycle([64, 128], [2, 1], 2), curriculum={64: 1.0}),
        ],
        total_tokens=2e9,
    )
    assert Schedule.from_dict(schedule.to_dict()) == schedule
    pytest.importorskip("yaml")
    again = Schedule.from_yaml(schedule.to_yaml())
    assert again == schedule
    assert again.fingerprint == schedule.fingerprint
    assert Schedule([Phase(steps=3)]).fingerprint != Schedule([Phase(steps=4)]).fingerprint
    with pytest.raises(ValueError, match="has no field 'weight'"):
        Schedule.from_yaml("phases:\n- steps: 3\n  weight: {a: 1}\n")
    with pytest.raises(ValueError, match="YAML"):
        Schedule.from_yaml("a: [\n")
    with pytest.raises(ValueError, match="mapping"):
        Schedule.from_yaml("- 1\n- 2\n")


def test_previews_count_what_is_drawn(sources, lengths_source):
    schedule = Schedule(
        [Phase(steps=30, weights={"web": 3, "code": 1}), Phase(steps=10, weights={"math": 1})]
    )
    loader = Loader(sources, schedule=schedule, batch_sequences=8)
    first, second = loader.preview().phases
    counts = sum(drawn_sources(loader, step) for step in range(30))
    assert list(first.sequences.values()) == counts.tolist()
    assert (first.steps, first.tokens, second.tokens) == (30, 30 * 8 * 32, 10 * 8 * 32)
    assert second.epochs["math"] == 80 / sources["math"].plan.num_sequences
    assert first.length_mix == {32: 1.0}
    assert "phase 1: 10 steps" in str(loader.preview())
    mixed = Loader(lengths_source, schedule=Schedule([Phase(steps=60)]), batch_tokens=64).preview().phases[0]
    assert sum(mixed.length_mix.values()) == pytest.approx(1)
    plain = Loader(lengths_source, batch_tokens=64).preview().phases[0]
    assert plain.epochs == {"": 1.0}
    assert plain.attention_cost == lengths_source.plan.attention_cost


def test_plots_are_drawn(sources, tmp_path):
    pytest.importorskip("matplotlib")
    schedule = Schedule([Phase(steps=30, weights={"web": 3, "code": 1}, weights_end={"web": 1})])
    loader = Loader(sources, schedule=schedule, batch_sequences=8)
    loader.plot(tmp_path / "run.png")
    assert (tmp_path / "run.png").stat().st_size > 5000
    with pytest.raises(ValueError, match="is no schedule"):
        Loader(sources["web"], batch_sequences=8).plot(tmp_path / "x.png")


def test_a_schedule_is_previewed_and_drawn_without_a_loader(sources, tmp_path):
    schedule = Schedule([Phase(steps=20, weights={"web": 3, "code": 1}), Phase(steps=5, weights={"math": 1})])
    loader = Loader(sources, schedule=schedule, batch_sequences=8, seed=9)
    assert schedule.preview(sources, batch_sequences=8) == loader.preview()
    with pytest.raises(ValueError, match="either batch_tokens or batch_sequences"):
        schedule.preview(sources)
    pytest.importorskip("matplotlib")
    schedule.plot(tmp_path / "run.png", sources, batch_sequences=8)
    assert (tmp_path / "run.png").stat().st_size > 5000


def test_a_state_grows_by_a_line_a_change_made_ahead(sources):
    schedule = Schedule([Phase(steps=1000, weights={"web": 1, "code": 1})])
    loader = Loader(sources, schedule=schedule, batch_sequences=8)
    empty = len(json.dumps(loader.state_dict()))
    for step in range(0, 400, 4):
        loader.set_weights({"web": 1, "code": (step % 7 + 1) / 7, "math": 1 / 3}, from_step=step)
    state = json.dumps(loader.state_dict())
    assert empty < 512
    assert len(state) < empty + 100 * 80
    copy = Loader(sources, schedule=schedule, batch_sequences=8)
    copy.load_state_dict(json.loads(state))
    for step in (0, 5, 399, 400, 999):
        assert copy.rows_at(step)[1].tolist() == loader.rows_at(step)[1].tolist()
