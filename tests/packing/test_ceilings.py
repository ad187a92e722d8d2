"""Groups of one rounded length."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypack import balance, group_by_ceiling


@given(
    st.lists(st.integers(0, 512), max_size=40),
    st.lists(st.integers(1, 511), max_size=3).map(lambda more: [512, *more]),
)
def test_groups_are_those_of_the_definition(lengths, ceilings):
    ceiling_of = [min(c for c in ceilings if c >= length) for length in lengths]
    expected, at, token = [], 0, 0
    for ceiling, members in itertools.groupby(ceiling_of):
        count = len(list(members))
        tokens = sum(lengths[at : at + count])
        expected.append((at, token, count, tokens, ceiling))
        at, token = at + count, token + tokens
    assert group_by_ceiling(lengths, ceilings) == expected


def test_a_dealt_batch_has_one_group_a_ceiling():
    lengths = np.random.default_rng(0).integers(1, 513, 448)
    dealt = balance(lengths, 8, 56, strategy="deal").order[0, 3]
    groups = group_by_ceiling(lengths[dealt], (128, 256, 384, 512))
    assert [group.ceiling for group in groups] == [512, 384, 256, 128]
    assert sum(group.tokens for group in groups) == lengths[dealt].sum()


def test_wrong_lengths_are_named():
    with pytest.raises(ValueError, match=r"lengths\[1\] is 600, above the largest ceiling 512"):
        group_by_ceiling([5, 600], [128, 512])
    with pytest.raises(ValueError, match="at least 1"):
        group_by_ceiling([5], [])
