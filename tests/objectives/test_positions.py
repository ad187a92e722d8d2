"""Positions of PoSE, RandPos and LOGO: the kernels against their definitions, and the papers' figures."""

from __future__ import annotations

from collections import Counter
from itertools import combinations, pairwise

import numpy as np
import pytest
from fixtures.loader_data import make_source
from hypothesis import given
from hypothesis import strategies as st
from objectives.test_masked_lm_kernels import INSTRUCTIONS
from reference import positions as reference

from pypack import Loader, _core
from pypack.objectives import LOGO, PoSE, RandPos


def positions_of(kernel, lengths, keys, dtype=np.int64, threads=1):
    """The positions of spans, with an item between them that nobody touches."""
    begins = np.cumsum([0, *(n + 1 for n in lengths[:-1])])
    ids = np.full(sum(lengths) + len(lengths), 7, dtype)
    found = np.full_like(ids, -5)
    for begin, length in zip(begins, lengths, strict=True):
        found[begin : begin + length] = np.arange(length)
    kernel.apply(
        ids, None, found, None, begins.astype(np.int64), np.array(lengths, np.int64),
        np.array(keys, np.uint64), False, threads,
    )  # fmt: skip
    assert (ids == 7).all()
    ends = begins + np.array(lengths)
    assert (found[ends] == -5).all()
    return [found[begin:end].tolist() for begin, end in zip(begins, ends, strict=True)]


spans = st.lists(st.tuples(st.integers(0, 70), st.integers(0, 2**64 - 1)), min_size=1, max_size=6)
dtypes = st.sampled_from([np.int64, np.int32])


@given(spans=spans, target=st.integers(2, 200), chunks=st.integers(2, 9), dtype=dtypes)
def test_pose(spans, target, chunks, dtype):
    lengths, keys = zip(*spans, strict=True)
    chunks = min(chunks, target)
    found = positions_of(_core.pose_positions(target=target, chunks=chunks), lengths, keys, dtype)
    assert found == [reference.pose(n, key, target, chunks) for n, key in spans]
    for row in found:
        assert len(row) >= target or all(0 <= place < target for place in row)
        assert all(a < b for a, b in pairwise(row))


@given(
    spans=spans, target=st.integers(1, 300) | st.integers(1000, 9000), dtype=dtypes,
    instructions=st.sampled_from(INSTRUCTIONS),
)  # fmt: skip
def test_randpos(spans, target, dtype, instructions):
    lengths, keys = zip(*spans, strict=True)
    kernel = _core.random_positions(target=target, instructions=instructions)
    found = positions_of(kernel, lengths, keys, dtype)
    assert found == [reference.sampled(n, key, target) for n, key in spans]
    assert all(len(set(row)) == len(row) for row in found)


@given(
    spans=spans,
    target=st.integers(20, 300),
    chunks=st.integers(1, 9),
    head=st.integers(0, 9),
    tail=st.integers(0, 9),
    dtype=dtypes,
)
def test_logo(spans, target, chunks, head, tail, dtype):
    lengths, keys = zip(*spans, strict=True)
    kernel = _core.logo_positions(target=target, chunks=chunks, head=head, tail=tail)
    found = positions_of(kernel, lengths, keys, dtype)
    assert found == [reference.logo(n, key, target, chunks, head, tail) for n, key in spans]
    for row in found:
        assert len(row) >= target or all(0 <= place < target for place in row)
        assert all(a < b for a, b in pairwise(row))


def test_poses_figures_two_chunks_from_2k_to_16k():
    """2,048 tokens, a target of 16,384: cut behind 1 to 1,024 tokens, shifted by 0 to 14,336, all alike."""
    count, length, target = 4000, 2048, 16_384
    keys = np.random.default_rng(0).integers(0, 2**64, count, np.uint64)
    rows = np.array(positions_of(_core.pose_positions(target=target, chunks=2), [length] * count, keys))
    jumps = np.diff(rows, axis=1) - 1
    shift = rows[:, -1] - (length - 1)
    cut = np.where(shift > 0, jumps.argmax(axis=1) + 1, 1)
    assert (np.count_nonzero(jumps, axis=1) <= 1).all()
    assert (rows[:, 0] == 0).all()
    assert 1 <= cut.min() <= 5
    assert 1019 <= cut.max() <= 1024
    assert abs(cut.mean() - 512.5) < 5 * 1024 / np.sqrt(12 * count)
    assert 0 <= shift.min() <= 30
    assert 14_306 <= shift.max() <= 14_336
    assert abs(shift.mean() - 7168) < 5 * 14_337 / np.sqrt(12 * count)
    # Every tenth of the target is a distance between two tokens of some documents.
    farthest = rows[:, -1]
    assert np.histogram(farthest, 10, (2047, 16_384))[0].min() > 0.07 * count


def test_poses_figures_more_chunks():
    """u_i is uniform from u_(i - 1) to L_t - L_c, so that its mean halves what is left."""
    count, length, target = 4000, 512, 4096
    keys = np.random.default_rng(1).integers(0, 2**64, count, np.uint64)
    rows = np.array(positions_of(_core.pose_positions(target=target, chunks=3), [length] * count, keys))
    last = rows[:, -1] - (length - 1)
    assert abs(last.mean() - 0.75 * (target - length)) < 60
    assert last.max() > 0.99 * (target - length)


@pytest.mark.parametrize(("length", "target"), [(1, 5), (2, 6), (3, 6), (4, 6), (5, 6), (2, 90)])
def test_randpos_takes_every_sample_alike(length, target):
    """Chi-square over all of them, and of sparse ones over pairs of thirds."""
    count = 30_000
    keys = np.random.default_rng(length).integers(0, 2**64, count, np.uint64)
    rows = positions_of(_core.random_positions(target=target), [length] * count, keys)
    if target > 10:
        rows = [[place * 3 // target for place in row] for row in rows]
    found = Counter(map(tuple, rows))
    every = Counter(
        tuple(place * 3 // target if target > 10 else place for place in row)
        for row in combinations(range(target), length)
    )
    assert set(found) == set(every)
    expected = {row: count * n / every.total() for row, n in every.items()}
    chi_square = sum((found[row] - n) ** 2 / n for row, n in expected.items())
    freedom = len(every) - 1
    assert chi_square < freedom + 5 * np.sqrt(2 * freedom)


def test_randpos_figures():
    """Each position is as likely as each other; the gaps are target / length in the mean."""
    count, length, target = 3000, 64, 512
    keys = np.random.default_rng(2).integers(0, 2**64, count, np.uint64)
    rows = np.array(positions_of(_core.random_positions(target=target), [length] * count, keys))
    often = np.bincount(rows.reshape(-1), minlength=target)
    expected = count * length / target
    assert np.abs(often - expected).max() < 6 * np.sqrt(expected)
    assert abs(np.diff(rows, axis=1).mean() - (target + 1) / (length + 1)) < 0.1


def test_logos_figures():
    """Five tokens in a part of 120: 24 windows, from 0, 5, ... to 115, each as likely as each other."""
    assert reference.windows(5, 120) == list(range(0, 116, 5))
    assert len(reference.windows(5, 120)) == 24
    count = 4800
    keys = np.random.default_rng(3).integers(0, 2**64, count, np.uint64)
    kernel = _core.logo_positions(target=240, chunks=2, head=0, tail=0)
    rows = np.array(positions_of(kernel, [10] * count, keys))
    firsts, often = np.unique(rows[:, 0], return_counts=True)
    assert firsts.tolist() == list(range(0, 116, 5))
    assert np.abs(often - 200).max() < 6 * np.sqrt(200)
    assert set((rows[:, 5] - 120).tolist()) == set(range(0, 116, 5))
    # All positions are covered; a question stands at the end.
    assert np.unique(rows).tolist() == list(range(240))
    tailed = _core.logo_positions(target=1000, chunks=4, head=3, tail=7)
    row = positions_of(tailed, [52], [9])[0]
    assert row[:3] == [0, 1, 2]
    assert row[-9:] == list(range(991, 1000))  # 7, and 2 that do not divide


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return make_source(tmp_path_factory.mktemp("positions") / "a.store", documents=200)


@pytest.mark.parametrize(
    "objective", [PoSE(20_000), PoSE(20_000, 4), RandPos(20_000), LOGO(20_000, chunks=3, tail=2)]
)
def test_in_a_loader_only_the_positions_change(source, objective):
    plain, loader = (Loader(*source, batch_sequences=4, objective=one) for one in (None, objective))
    flat = Loader(*source, batch_sequences=4, objective=objective, layout="varlen", num_threads=3)
    differ = 0
    for batch in loader:
        before, other = plain.batch_at(batch.step), flat.batch_at(batch.step)
        for name in ("input_ids", "labels", "segment_ids"):
            np.testing.assert_array_equal(getattr(batch, name), getattr(before, name))
        filled = batch.segment_ids > 0
        np.testing.assert_array_equal(batch.position_ids[filled], other.position_ids)
        assert (batch.position_ids[~filled] == 0).all()
        assert batch.position_ids.max() < 20_000
        differ += int((batch.position_ids != before.position_ids).sum())
    assert differ > 1000
    half = Loader(*source, batch_sequences=4, objective=objective, rank=1, world_size=2).batch_at(1)
    np.testing.assert_array_equal(half.position_ids, loader.batch_at(1).position_ids[1::2])


def test_what_does_not_go_is_refused(source):
    with pytest.raises(ValueError, match="target_length=16 is to be longer than the sequences"):
        Loader(*source, batch_sequences=4, objective=PoSE(16))
    with pytest.raises(ValueError, match="PoSE changes position_ids: name it in arrays"):
        Loader(*source, batch_sequences=4, objective=PoSE(20_000), arrays=["labels"])
    with pytest.raises(ValueError, match="positions='row' counts them by row"):
        Loader(*source, batch_sequences=4, objective=PoSE(20_000), positions="row")
    with pytest.raises(ValueError, match="by which transformers finds the borders"):
        Loader(*source, batch_sequences=4, objective=PoSE(20_000), layout="varlen").for_transformers()
    with pytest.raises(ValueError, match="chunks must be from 2"):
        PoSE(100, chunks=1)
    with pytest.raises(ValueError, match="target_length must be at least 2"):
        RandPos(1)
    with pytest.raises(ValueError, match="leave none of the 100 positions"):
        LOGO(100, head=60, tail=50)
