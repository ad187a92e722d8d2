"""The vector kernels that write plans of best fit, with every instruction set, against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypack import _core
from tests.reference import columns as reference

INSTRUCTIONS = ("portable", "avx2", "avx512")


def skip_without(instructions: str) -> None:
    try:
        _core._testing.list_beginnings(np.zeros(0, np.int64), 0, 0, instructions)
    except ValueError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("instructions", INSTRUCTIONS)
@given(
    num_rows=st.integers(1, 8),
    gaps=st.lists(st.integers(0, 3), max_size=40),
    falls=st.booleans(),
    seed=st.integers(0, 2**31),
)
def test_rows_become_columns_and_nothing_between_them_is_written(instructions, num_rows, gaps, falls, seed):
    skip_without(instructions)
    starts, size = [], 0
    for gap in gaps:
        starts.append(size + gap)
        size = starts[-1] + num_rows
    if falls:
        starts.reverse()
    rows = np.random.default_rng(seed).integers(1, 2**64, (num_rows, len(starts)), np.uint64).tolist()
    words, ends = _core._testing.rows_to_columns(rows, starts, size, instructions)
    assert (words.tolist(), ends) == reference.rows_to_columns(rows, starts, size)


@pytest.mark.parametrize("instructions", INSTRUCTIONS)
@given(
    words=st.lists(st.integers(-(2**63), 2**63 - 1), max_size=60),
    first=st.integers(0, 2**40),
    spare=st.integers(0, 20),
)
def test_marked_words_are_found(instructions, words, first, spare):
    skip_without(instructions)
    expected = reference.beginnings(words, first)
    found = _core._testing.list_beginnings(
        np.array(words, np.int64), first, len(expected) + spare, instructions
    )
    assert found.tolist() == expected
