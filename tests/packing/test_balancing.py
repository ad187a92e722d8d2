"""Balance: equal work for the ranks of each step."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference.balance import lpt

from pypack import _core
from pypack.packing.balancing import balance
from pypack.packing.packing import pack

# Few different costs, so that ties occur, or many.
COSTS = st.one_of(
    st.lists(st.integers(0, 4).map(float), max_size=60),
    st.lists(st.floats(0, 1e6), max_size=60),
)


def loads(costs, order):
    """[steps, ranks]"""
    return np.asarray(costs)[order].sum(axis=2) if order.size else np.zeros(order.shape[:2])


# What costs are made of: whole numbers, some of them beyond 2^53, or fractions; many equal or few.
UNITS = st.sampled_from(
    [[0, 1, 2, 3], [2**22, 2**22, 5, 70_000, 0], [2**49 + 1, 3, 2**40], [0.1, 0.7, 1e6, 0.0]]
)


@given(data=st.data(), ranks=st.sampled_from([1, 2, 3, 7, 32]), micro_batches=st.integers(1, 10))
def test_longest_first_is_dealt_as_the_definition_does(data, ranks, micro_batches):
    size = ranks * micro_batches
    unit = data.draw(UNITS)
    seed = data.draw(st.integers(0, 2**32))
    rng = np.random.default_rng(seed)
    costs = rng.choice(unit, size) * rng.integers(1, data.draw(st.sampled_from([2, 40])), size)
    even = data.draw(st.sampled_from([1.0, 1.0005, 1.005, 2.0]))
    order = balance(costs.astype(float), ranks, micro_batches, strategy="lpt", even=even).order
    assert order[0].tolist() == lpt(costs.astype(float).tolist(), ranks, micro_batches, even)


@pytest.mark.parametrize("strategy", ["lpt", "deal", "none"])
@given(
    costs=COSTS,
    ranks=st.integers(1, 5),
    micro_batches=st.integers(1, 5),
    window=st.integers(1, 4),
    seed=st.integers(0, 2**64 - 1),
)
def test_every_step_is_dealt_whole_and_reported_right(strategy, costs, ranks, micro_batches, window, seed):
    result = balance(costs, ranks, micro_batches, strategy=strategy, window=window, seed=seed)
    order = result.order
    size = ranks * micro_batches
    steps = len(costs) // size
    assert order.shape == (steps, ranks, micro_batches)
    assert result.unused == len(costs) - steps * size
    # Sequences stay in their step, or in their window.
    for begin in range(0, steps, window):
        end = min(steps, begin + window)
        assert sorted(order[begin:end].ravel().tolist()) == list(range(begin * size, end * size))
    values = np.array(costs)
    if strategy != "none":
        assert all(np.all(np.diff(values[row]) <= 0) for row in order.reshape(-1, micro_batches))
    per_rank = loads(values, order)
    mean = per_rank.mean(axis=1).sum() if steps else 0
    if mean > 0:
        assert result.slowdown == pytest.approx(per_rank.max(axis=1).sum() / mean)
        assert result.spread == pytest.approx(
            per_rank.mean(axis=1).std() / per_rank.mean(axis=1).mean(), abs=1e-6
        )
        plain = loads(values, np.arange(steps * size).reshape(order.shape))
        assert result.unbalanced_slowdown == pytest.approx(plain.max(axis=1).sum() / plain.mean(axis=1).sum())
        assert 1 - 1e-9 <= result.lower_bound <= result.slowdown + 1e-9
    else:
        assert (result.slowdown, result.lower_bound, result.spread) == (1, 1, 0)
    again = balance(costs, ranks, micro_batches, strategy=strategy, window=window, seed=seed, num_threads=3)
    assert np.array_equal(again.order, order)


@given(costs=st.lists(st.integers(0, 30).map(float), min_size=6, max_size=6))
def test_lower_bound_holds_and_two_ranks_are_dealt_best(costs):
    result = balance(costs, 2, 3)
    total = sum(costs)
    best = min(max(sum(part), total - sum(part)) for part in itertools.combinations(costs, 3))
    if total:
        assert result.lower_bound <= 2 * best / total + 1e-12
        # Exchanges of one or two of three reach every way to share six; what is even to 0.05 % is left.
        assert result.slowdown <= max(2 * best / total, 1.0005) + 1e-9


@given(costs=st.lists(st.floats(0, 1e3), min_size=12, max_size=12))
def test_no_exchange_with_the_slowest_rank_helps(costs):
    order = balance(costs, 3, 4).order[0]
    values = np.array(costs)[order]
    sums = values.sum(axis=1)
    slowest = int(sums.argmax())
    if sums[slowest] <= 1.001 * sums.mean():
        return
    for other in {0, 1, 2} - {slowest}:
        for give, take in itertools.product(range(4), range(4)):
            moved = values[slowest, give] - values[other, take]
            slower = max(sums[slowest] - moved, sums[other] + moved)
            assert slower >= sums[slowest] * (1 - 1e-6)


@pytest.mark.parametrize("size", [7, 64, 700])
@given(data=st.data())
def test_costs_of_any_kind_are_sorted(size, data):
    kinds = [st.floats(0, 1e300), st.integers(0, 2**52).map(float), st.sampled_from([0.0, -0.0, 1.5, 1e-310])]
    few = data.draw(st.lists(data.draw(st.sampled_from(kinds)), min_size=1, max_size=30))
    costs = np.random.default_rng(len(few)).choice(np.array(few), size)
    order = balance(costs, 1, size, strategy="deal").order[0, 0]
    assert order.tolist() == sorted(range(size), key=lambda i: -costs[i])


def test_swaps_end_where_they_are_told():
    costs = np.random.default_rng(0).exponential(1, 32 * 8)
    loose, exact = (balance(costs, 32, 8, even=even).slowdown for even in (1.02, 1.0005))
    assert 1 <= exact <= 1.0005 < loose <= 1.02


def test_deal_of_unpadded_bert():
    # Four devices with three samples each; rank r gets positions r, r + 4, r + 8 of the sorted lengths.
    lengths = [5, 12, 7, 9, 3, 11, 8, 2, 6, 1, 10, 4]
    order = balance(lengths, 4, 3, strategy="deal").order
    assert np.array(lengths)[order[0]].tolist() == [[12, 8, 4], [11, 7, 3], [10, 6, 2], [9, 5, 1]]


def test_windows_gather_like_with_like_in_seeded_order():
    costs = np.random.default_rng(0).permutation(64).astype(float)
    result = balance(costs, 4, window=8, seed=1)
    for begin in (0, 8):
        window = costs[result.order[begin : begin + 8, :, 0]]
        in_order = np.sort(costs[begin * 4 : begin * 4 + 32])[::-1].reshape(8, 4)
        assert sorted(map(tuple, window.tolist())) == sorted(map(tuple, in_order.tolist()))
        assert not np.array_equal(window, in_order)
    assert not np.array_equal(result.order, balance(costs, 4, window=8, seed=2).order)
    assert result.slowdown < result.unbalanced_slowdown
    assert result.spread > balance(costs, 4).spread


def test_costs_of_a_plan():
    lengths = np.random.default_rng(0).integers(1, 600, 400)
    plan = pack(lengths, 512)
    squares = np.add.reduceat(plan.span_length.astype(np.int64) ** 2, plan.sequence_offsets[:-1])
    tokens = np.add.reduceat(plan.span_length.astype(np.int64), plan.sequence_offsets[:-1])
    assert plan.sequence_costs().tolist() == squares.tolist()
    assert plan.sequence_costs(3.0, 0.5).tolist() == (3.0 * tokens + 0.5 * squares).tolist()
    expected = balance(3.0 * tokens + 0.5 * squares, 4, 2)
    assert np.array_equal(balance(plan, 4, 2, cost=(3.0, 0.5)).order, expected.order)


def test_slowdowns_that_are_promised():
    """Web lengths at 8192: see `python bench pack` for the full size."""
    rng = np.random.default_rng(0)
    lengths = np.maximum(1, np.exp(rng.normal(np.log(500), 1.25, 100_000))).astype(np.int32)
    costs = pack(lengths, 8192, overflow="truncate").sequence_costs()
    costs = costs[rng.permutation(len(costs))]
    for ranks in (8, 64):
        assert balance(costs, ranks, 4).slowdown < 1.035
        assert balance(costs, ranks, 16).slowdown < 1.002
        assert balance(costs, ranks, 1, window=32).slowdown < 1.05
        assert balance(costs, ranks, 1).unbalanced_slowdown > 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"ranks": 0}, "ranks must be from 1 to"),
        ({"micro_batches": 0}, "micro_batches must be from 1 to"),
        ({"window": 0}, "window must be from 1 to"),
        ({"even": 0.9}, "even must be at least 1, got 0.9"),
        ({"strategy": "x"}, "strategy must be one of 'lpt', 'deal', 'none', got 'x'"),
        ({"costs": [1.0, -2.0]}, r"costs\[1\] is -2"),
        ({"costs": [float("nan")]}, r"costs\[0\] is -?nan"),
        ({"costs": [1.0, float("inf")]}, r"costs\[1\] is inf"),
        ({"costs": [[1.0]]}, "costs must have 1 dimension"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        balance(**{"costs": [1.0], "ranks": 1, **arguments})
    with pytest.raises(OverflowError):
        balance([1.0], 2**31, 2**31, window=2**31)


@pytest.mark.parametrize("strategy", ["lpt", "deal", "none"])
@given(costs=COSTS, ranks=st.integers(1, 6), micro_batches=st.integers(1, 5), window=st.integers(1, 3))
def test_no_sequence_is_left_out(strategy, costs, ranks, micro_batches, window):
    result = balance(costs, ranks, micro_batches, strategy=strategy, window=window)
    assert sorted(np.concatenate([result.of_rank(r) for r in range(ranks)])) == list(range(len(costs)))
    sizes = [len(part) for part in result.last]
    assert len(sizes) == ranks
    assert sum(sizes) == result.unused
    assert max(sizes) - min(sizes) <= 1
    assert max(sizes) <= micro_batches
    if strategy == "lpt" and result.unused:
        per_rank = [np.asarray(costs)[part].sum() for part in result.last]
        rest = np.asarray(costs)[len(costs) - result.unused :]
        assert max(per_rank) - min(per_rank) <= max(rest) + 1e-9 * rest.sum()


def test_eleven_rollouts_on_four_ranks_of_two():
    result = balance(np.arange(11.0), 4, 2)
    assert result.order.shape == (1, 4, 2)
    assert result.unused == 3
    assert sorted(np.concatenate(result.last)) == [8, 9, 10]
    assert sum(len(result.of_rank(r)) for r in range(4)) == 11


# Of a step: few costs or many, much alike or not at all, up to what no exact sum holds.
COST_OF_A_ROW = st.sampled_from(
    [
        [4096, 4096, 4096, 3001, 2900, 17],
        [0, 1, 2],
        [0],
        list(range(1000)),
        [int(1.03**i) for i in range(700)],
        [2**50, 2**50 - 1, 2**49, 7],
        [2**60, 2**60 + 1, 3],
    ]
)
STEPS = st.tuples(COST_OF_A_ROW, st.integers(0, 2**32))


@given(
    step=STEPS,
    ranks=st.sampled_from([1, 2, 3, 8, 31, 32, 64]),
    micro_batches=st.integers(1, 9) | st.just(17),
    even=st.sampled_from([1.0, 1.0005, 1.005]),
)
def test_what_one_rank_takes_is_that_of_the_definition(step, ranks, micro_batches, even):
    unit, seed = step
    costs = np.random.default_rng(seed).choice(unit, ranks * micro_batches)
    dealt = lpt(costs.astype(float).tolist(), ranks, micro_batches, even)
    for rank in {0, ranks // 2, ranks - 1}:
        assert _core._testing.lpt_to_rank(costs, ranks, rank, even) == dealt[rank]


@given(step=STEPS, ranks=st.sampled_from([100, 128, 129, 300]), micro_batches=st.integers(1, 8))
def test_one_rank_takes_the_same_as_of_a_whole_plan_of_many_ranks(step, ranks, micro_batches):
    unit, seed = step
    costs = np.random.default_rng(seed).choice(unit, ranks * micro_batches)
    order = balance(costs.astype(float), ranks, micro_batches, even=1.005).order[0]
    for rank in (0, ranks // 2, ranks - 1):
        assert _core._testing.lpt_to_rank(costs, ranks, rank, 1.005) == order[rank].tolist()


@given(ranks=st.sampled_from([33, 130]), micro_batches=st.integers(2, 8), seed=st.integers(0, 2**32))
def test_many_ranks_are_dealt_as_the_definition_does(ranks, micro_batches, seed):
    costs = np.random.default_rng(seed).choice([16, 15, 9, 1], ranks * micro_batches)
    dealt = lpt(costs.astype(float).tolist(), ranks, micro_batches, 1.005)
    order = balance(costs.astype(float), ranks, micro_batches, even=1.005).order[0]
    assert order.tolist() == dealt


@pytest.mark.parametrize("instructions", ["best", "portable", "avx512"])
@given(step=STEPS, size=st.integers(0, 70) | st.sampled_from([256, 1000, 1024, 1025, 3000]))
def test_rows_of_a_step_are_sorted(instructions, step, size):
    unit, seed = step
    costs = np.random.default_rng(seed).choice(np.array(unit, np.int64), size)
    try:
        order = _core._testing.sort_step(costs, instructions)
    except ValueError as error:
        assert "lacks the instructions" in str(error)
        pytest.skip(f"this machine has no {instructions}")
    assert order.tolist() == sorted(range(size), key=lambda i: (-costs[i], i))


def test_a_step_is_refused_that_does_not_divide_or_costs_less_than_nothing():
    with pytest.raises(ValueError, match="3 items cannot be dealt to rank 0 of 2"):
        _core._testing.lpt_to_rank(np.array([1, 2, 3]), 2, 0, 1.0)
    with pytest.raises(ValueError, match="costs must not be negative"):
        _core._testing.lpt_to_rank(np.array([1, -2]), 2, 0, 1.0)
    assert _core._testing.lpt_to_rank(np.array([], np.int64), 2, 0, 1.0) == []
