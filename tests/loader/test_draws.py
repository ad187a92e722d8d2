"""Which sequences a bucket's draws are: in blocks or not, of one range or several, many draws or few."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st
from reference.locality import order

from pypack import _core

_WHOLE = _core.RankPart(0, 1, "none", 1)


def drawn(ranges, key, locality, epoch, start, count):
    """The sequences of some draws, as the kernels find them."""
    maker = _core.BatchMaker(_core.BatchFormat(), 0)
    maker.add_bucket(0, ranges, key, locality)
    draws = ([(0, epoch, start, count)], count, 8, None)
    return maker.rows(draws, count, _WHOLE)[1].tolist()


@given(
    counts=st.lists(st.integers(1, 300), min_size=1, max_size=3),
    locality=st.integers(0, 12) | st.sampled_from([50, 1000]),
    key=st.integers(0, 2**64 - 1),
    epoch=st.integers(0, 5),
    data=st.data(),
)
def test_draws_are_those_of_the_definition(counts, locality, key, epoch, data):
    # Ranges of a plan lie apart.
    firsts = [10 * i + begin for i, begin in enumerate(itertools.accumulate(counts, initial=3))][:-1]
    ranges = list(zip(firsts, counts, strict=True))
    sequences = [first + i for first, count in ranges for i in range(count)]
    size = len(sequences)
    start = data.draw(st.integers(0, size))
    count = data.draw(st.integers(0, size - start))
    expected = [sequences[place] for place in order(size, locality, key, epoch)]
    assert drawn(ranges, key, locality, epoch, start, count) == expected[start : start + count]
    if count:
        assert drawn(ranges, key, locality, epoch, start, 1) == expected[start : start + 1]


@given(size=st.integers(1, 200), start=st.integers(0, 199))
def test_draws_in_the_order_of_the_plan(size, start):
    start = min(start, size)
    assert drawn([(4, size)], 7, -1, 2, start, size - start) == list(range(4 + start, 4 + size))
