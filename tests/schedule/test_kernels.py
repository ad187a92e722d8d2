"""The kernels behind a schedule: mixture streams, curricula, source buckets."""

from __future__ import annotations

import time
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import schedule as reference_schedule

from pypack import _core
from pypack._core import BucketSequence, MixtureStream, sample_cycles, subcycle_cycles
from pypack.schedule.phase_order import largest_remainder

UNITS = MixtureStream.UNITS


@st.composite
def weights(draw, n):
    numbers = draw(st.lists(st.sampled_from([0, 1, 1, 2, 5, 50, 333, 10_000]), min_size=n, max_size=n))
    return largest_remainder(UNITS, [float(x) for x in numbers] if any(numbers) else [1.0] * n)


@st.composite
def segments(draw):
    n = draw(st.integers(1, 6))
    out = []
    for _ in range(draw(st.integers(1, 4))):
        start = draw(weights(n))
        end = draw(weights(n)) if draw(st.booleans()) else start
        out.append((draw(st.integers(0, 60)), draw(st.sampled_from([1, 1, 2, 3, 7, 32, 500])), start, end))
    return out


def fill(parts):
    stream = MixtureStream(len(parts[0][2]))
    for part in parts:
        stream.add_segment(*part)
    return stream


@given(parts=segments(), data=st.data())
def test_shares_follow_their_weights_within_one_sequence(parts, data):
    stream = fill(parts)
    counts = [stream.drawn(visit) for visit in range(stream.visits + 1)]
    rows = [rows for visits, rows, _, _ in parts for _ in range(visits)]
    assert counts[0] == [0] * len(counts[0])
    for visit, expected in enumerate(rows):
        given_out = np.subtract(counts[visit + 1], counts[visit])
        assert given_out.min() >= 0
        assert given_out.sum() == expected
    for count, target in zip(counts, reference_schedule.targets(parts, UNITS), strict=True):
        for drawn, exact in zip(count, target, strict=True):
            assert abs(drawn - exact) < 1 + 1e-5
    for source, weight in enumerate(np.sum([[*a, *b] for _, _, a, b in parts], axis=0)[: len(counts[0])]):
        if weight == 0 and all(part[3][source] == 0 for part in parts):
            assert counts[-1][source] == 0
    # Any visit at once, in any order, gives the same.
    again = fill(parts)
    for visit in data.draw(st.lists(st.integers(0, stream.visits), max_size=10)):
        assert again.drawn(visit) == counts[visit]
        assert fill(parts).drawn(visit) == counts[visit]


@given(parts=segments(), more=segments(), cut=st.floats(0, 1))
def test_shares_go_on_from_counts_alone(parts, more, cut):
    """As from the shares themselves that led to them, also through a change on the way."""
    n = len(parts[0][2])
    more = [part for part in more if len(part[2]) == n]
    past = fill(parts)
    for _ in range(2):
        visit = past.visits - int(cut * sum(part[0] for part in parts))
        known, told = MixtureStream(past, visit), MixtureStream(past.drawn(visit), past.ahead(visit), visit)
        assert sum(past.ahead(visit)) == 0
        for part in more:
            known.add_segment(*part)
            told.add_segment(*part)
        for at in range(visit, known.visits + 1):
            assert told.drawn(at) == known.drawn(at)
            assert told.ahead(at) == known.ahead(at)
        assert [told.first_reaching(i, 5) for i in range(n)] == [known.first_reaching(i, 5) for i in range(n)]
        past, parts = told, more


@pytest.mark.parametrize(
    ("drawn", "ahead", "visit"), [([], [], 0), ([1, 2], [0], 3), ([1, -2], [0, 0], 3), ([1, 2], [1, 0], 3)]
)
def test_wrong_counts_to_go_on_from_are_refused(drawn, ahead, visit):
    with pytest.raises(ValueError, match=r"go on from|negative|add up"):
        MixtureStream(drawn, ahead, visit)


@pytest.mark.parametrize("rows", [1, 3, 8, 64])
def test_shares_jump_over_periods(rows):
    weights = largest_remainder(UNITS, [0.61, 0.25, 0.1, 0.03, 0.01])
    stream = MixtureStream(5)
    stream.add_segment(37, rows, largest_remainder(UNITS, [1.0, 2.0, 3.0, 0.1, 0.9]), weights)
    stream.add_segment(MixtureStream.ENDLESS, rows, weights, weights)
    stepwise = MixtureStream(5)
    stepwise.add_segment(37, rows, largest_remainder(UNITS, [1.0, 2.0, 3.0, 0.1, 0.9]), weights)
    stepwise.add_segment(MixtureStream.ENDLESS, rows, weights, weights)
    for visit in range(3000):
        expected = stepwise.drawn(visit)
        if visit % 97 == 0:
            assert MixtureStream.copy(stream).drawn(visit) == expected
    far = 10**10
    drawn = stream.drawn(far)
    assert sum(drawn) == far * rows
    for count, source in zip(drawn, range(5), strict=True):
        assert abs(count - stream.target(source, far)) < 1 + 1e-3
    assert stream.first_reaching(0, drawn[0] + 2) > far
    assert stream.first_reaching(0, drawn[0] - 1) <= far


@given(data=st.data())
@settings(max_examples=30)
def test_shares_jump_into_ramps(data):
    """From the start visit by visit, or straight to a visit: the same, at every stage of a long ramp."""
    n, rows = data.draw(st.integers(2, 5)), data.draw(st.sampled_from([1, 2, 7, 64]))
    parts = [
        (150, rows, *[data.draw(weights(n))] * 2),
        (700, rows, data.draw(weights(n)), data.draw(weights(n))),
    ]
    parts.append((200, data.draw(st.sampled_from([1, 3, 50])), data.draw(weights(n)), data.draw(weights(n))))
    stepwise = fill(parts)
    for visit in range(stepwise.visits + 1):
        expected = stepwise.drawn(visit)
        if visit % 13 == 0 or visit > stepwise.visits - 10:
            assert fill(parts).drawn(visit) == expected


def test_a_ramp_without_visits_changes_nothing():
    half, first = [UNITS // 2, UNITS // 2], [UNITS, 0]
    parts = [(5, 1, half, half), (0, 3, first, half), (5, 1, half, half)]
    assert fill(parts).drawn(9) == fill([parts[0], parts[2]]).drawn(9)


def test_a_jump_into_a_long_ramp_is_fast():
    stream = MixtureStream(3)
    half = 1 << 29
    first, last = [UNITS // 2, UNITS // 2, 0], [0, UNITS // 5, 4 * UNITS // 5]
    stream.add_segment(2 * half, 8, first, last)
    start = time.perf_counter()
    for visit in (3, 10**6, half, half + 1, 2 * half - 10**6):
        counts = stream.drawn(visit)
        assert sum(counts) == 8 * visit
        assert all(abs(count - stream.target(i, visit)) < 1 + 1e-3 for i, count in enumerate(counts))
    assert time.perf_counter() - start < 0.5


def test_shares_catch_up_after_a_change_that_nobody_knew_of():
    # Others begin to take all while two sources are behind: more falls due than there are rows.
    past = MixtureStream(4)
    past.add_segment(100, 2, [UNITS // 4] * 4, [UNITS // 4] * 4)
    for change in (1, 3, 50):
        stream = MixtureStream(past, change)
        stream.add_segment(50, 1, [0, 0, UNITS // 2, UNITS // 2], [0, 0, UNITS // 2, UNITS // 2])
        assert stream.drawn(change) == past.drawn(change)
        for visit in range(change, stream.visits):
            step = np.subtract(stream.drawn(visit + 1), stream.drawn(visit))
            assert step.min() >= 0
            assert step.sum() == 1
        assert all(
            abs(stream.drawn(stream.visits)[i] - stream.target(i, stream.visits)) < 1 for i in range(4)
        )


@pytest.mark.parametrize(
    "segment",
    [
        (-1, 1, [UNITS], [UNITS]),
        (1, 0, [UNITS], [UNITS]),
        (1, 1, [5], [UNITS]),
        (1, 1, [UNITS, 0], [UNITS, 0]),
    ],
)
def test_wrong_segments_are_refused(segment):
    with pytest.raises(ValueError, match=r"segment|weights"):
        MixtureStream(1).add_segment(*segment)
    stream = MixtureStream(2)
    with pytest.raises(IndexError):
        stream.drawn(1)


steps_strategy = st.lists(st.integers(0, 40), min_size=1, max_size=6)


@given(steps=steps_strategy, cycles=st.integers(1, 9), key=st.integers(0, 2**64 - 1), data=st.data())
def test_cycles_hold_equal_parts(steps, cycles, key, data):
    n = len(steps)
    odds = data.draw(
        st.sampled_from([[0] * n, [1] * n, [2**i for i in range(n)], [100**i for i in range(n)]])
    )
    falling = sorted((max(1, o) for o in odds), reverse=True)
    for table, kind in (
        (sample_cycles(steps, odds, cycles, key), "sample"),
        (subcycle_cycles(steps, falling, cycles, key), "subcycle"),
    ):
        place = 0
        for cycle in range(cycles):
            expected = reference_schedule.steps_of_cycle(steps, cycle, cycles)
            part = table[place : place + sum(expected)]
            assert np.bincount(part, minlength=n).tolist() == expected
            if kind == "subcycle":
                at = 0
                for sub in range(n):
                    content = [
                        reference_schedule.largest_remainder(
                            expected[b], reference_schedule.subcycle_odds(falling, b)
                        )[sub]
                        for b in range(n)
                    ]
                    found = np.bincount(part[at : at + sum(content)], minlength=n).tolist()
                    assert found == content
                    at += sum(content)
            place += sum(expected)
        assert place == len(table)


def test_sampling_keeps_to_the_odds():
    steps, odds = [40_000, 40_000, 40_000], [4, 2, 1]
    table = sample_cycles(steps, odds, 1, 7)
    early = np.bincount(table[:20_000], minlength=3) / 20_000
    np.testing.assert_allclose(early, np.array(odds) / 7, atol=0.015)
    # Drawn evenly, every stretch holds the buckets as the whole does.
    natural = sample_cycles([30_000, 20_000, 10_000], [0, 0, 0], 1, 7)
    for part in np.split(natural, 6):
        np.testing.assert_allclose(np.bincount(part, minlength=3) / 10_000, [1 / 2, 1 / 3, 1 / 6], atol=0.02)


def test_olmo_core_subcycle_odds():
    # Odds of OLMo-core's curricula for six buckets, shortest first.
    table = {
        0: [32, 16, 8, 4, 2, 1],
        1: [16, 32, 8, 4, 2, 1],
        2: [8, 16, 32, 4, 2, 1],
        3: [4, 8, 16, 32, 2, 1],
        4: [2, 4, 8, 16, 32, 1],
        5: [1, 2, 4, 8, 16, 32],
    }
    for bucket, odds in table.items():
        steps = [0] * 6
        steps[bucket] = 63
        drawn = subcycle_cycles(steps, [32, 16, 8, 4, 2, 1], 1, 0)
        assert len(drawn) == 63
        assert reference_schedule.subcycle_odds([32, 16, 8, 4, 2, 1], bucket) == odds
    # Where rounding gives out more than there is, as grow-linear with 11 batches does, nothing breaks.
    for batches in (11, 16, 19, 20, 32):
        drawn = subcycle_cycles([batches] * 6, [6, 5, 4, 3, 2, 1], 1, 3)
        assert np.bincount(drawn).tolist() == [batches] * 6


@given(st.lists(st.integers(0, 4), max_size=700))
def test_bucket_sequences_count_visits(buckets):
    sequence = BucketSequence(np.array(buckets, np.uint8), 5)
    seen = Counter()
    for step, bucket in enumerate(buckets):
        assert sequence.bucket(step) == bucket
        assert sequence.visits(step, bucket) == seen[bucket]
        seen[bucket] += 1
    for bucket in range(5):
        assert sequence.visits(len(buckets), bucket) == seen[bucket]
    with pytest.raises(IndexError):
        sequence.bucket(len(buckets))


def rows_of(ranges, key, window, draws, **options):
    maker = _core.BatchMaker(_core.BatchFormat(), 1)
    maker.add_bucket(0, ranges, key, window)
    slots = sum(draw[3] for draw in draws)
    part = _core.RankPart(0, 1, "none", 1)
    return maker.rows((draws, slots, 1, options.get("shuffle_key"), 0), slots, part)[1]


@given(
    counts=st.lists(st.integers(1, 60), min_size=1, max_size=5),
    window=st.integers(0, 40),
    key=st.integers(0, 2**64 - 1),
    epoch=st.integers(0, 2**40),
    cut=st.integers(0, 300),
)
def test_a_pool_gives_every_sequence_once_an_epoch(counts, window, key, epoch, cut):
    ranges, expected, place = [], [], 3
    for count in counts:
        ranges.append((place, count))
        expected += range(place, place + count)
        place += count + 5
    n = len(expected)
    cut = min(cut, n)
    drawn = rows_of(ranges, key, window, [(0, epoch, 0, cut), (0, epoch, cut, n - cut)])
    assert sorted(drawn.tolist()) == expected
    whole = rows_of(ranges, key, window, [(0, epoch, 0, n)])
    assert drawn.tolist() == whole.tolist()
    shuffled = rows_of(ranges, key, window, [(0, epoch, 0, n)], shuffle_key=key)
    assert sorted(shuffled.tolist()) == expected


@given(
    size=st.sampled_from([1, 2, 3, 4, 5, 16, 17, 63, 65, 1000, 4096, 4097, 70_000, 2**24, 2**24 + 1]),
    key=st.integers(0, 2**64 - 1),
    epochs=st.lists(st.integers(0, 3), min_size=1, max_size=6),
)
def test_draws_are_those_of_the_permutation_however_often_a_pool_is_asked(size, key, epochs):
    """The rounds are looked up once enough was asked of an epoch."""
    maker = _core.BatchMaker(_core.BatchFormat(), 1)
    maker.add_bucket(0, [(0, size)], key, 0)
    part = _core.RankPart(0, 1, "none", 1)
    count = min(size, 700)
    for epoch in epochs:
        start = (epoch * 977) % (size - count + 1)
        drawn = maker.rows(([(0, epoch, start, count)], count, 1, None, 0), count, part)[1]
        alone = [rows_of([(0, size)], key, 0, [(0, epoch, i, 1)])[0] for i in range(start, start + count, 97)]
        assert drawn[::97].tolist() == alone
        assert len(set(drawn.tolist())) == count


@pytest.mark.parametrize("window", [0, 100])
def test_shuffles_are_uniform(window):
    n, epochs = 1003, 2000
    drawn = np.stack([rows_of([(0, n)], 11, window, [(0, epoch, 0, n)]) for epoch in range(epochs)])
    # Every sequence is as likely at every place: chi-squared over a grid of 17 x 17 cells.
    cells = np.zeros((17, 17))
    np.add.at(cells, ((np.arange(n) * 17 // n)[None, :].repeat(epochs, 0), drawn * 17 // n), 1)
    sizes = np.bincount(np.arange(n) * 17 // n)
    expected = epochs * np.outer(sizes, sizes) / n
    chi_squared = ((cells - expected) ** 2 / expected).sum()
    # For the plain shuffle 256 degrees of freedom; sigma 22.6. Windows move whole, so their cells vary more.
    assert abs(chi_squared - 256) < 6 * 22.6 if window == 0 else chi_squared < 256 * 150
    if window == 0:
        # Neighbours are not drawn one after another more often than by chance: 2 (n - 1) / n of them an
        # epoch.
        adjacent = (np.abs(np.diff(drawn, axis=1)) == 1).sum()
        mean = epochs * 2 * (n - 1) / n
        assert abs(adjacent - mean) < 6 * mean**0.5
        fixed = (drawn == np.arange(n)).sum()
        assert abs(fixed - epochs) < 6 * epochs**0.5
    else:
        # Eight windows are open at a time: a stretch of draws touches no others.
        touched = len(np.unique(drawn[0][:700] // window))
        assert touched <= 9


def test_draws_at_a_trillion_sequences():
    n = 10**12
    drawn = rows_of([(0, n)], 5, 0, [(0, 3, n - 50, 50)])
    assert len(set(drawn.tolist())) == 50
    assert 0 <= drawn.min() <= drawn.max() < n
    near = rows_of([(0, n)], 5, 4096, [(0, 3, n // 2, 1000)])
    assert len(np.unique(near // 4096)) <= 8


@pytest.mark.parametrize(
    "draw", [(1, 0, 0, 1), (0, -1, 0, 1), (0, 0, 5, 6), (0, 0, -1, 2), (0, 0, 2**62, 2**62)]
)
def test_draws_outside_a_pool_are_refused(draw):
    with pytest.raises(IndexError):
        rows_of([(0, 10)], 0, 0, [draw])
