"""What rows cost: sums of squares, with every set of instructions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypack import _core


@pytest.mark.parametrize("instructions", ["best", "portable", "avx2", "avx512"])
@given(rows=st.lists(st.lists(st.integers(-(2**31), 2**31 - 1), max_size=50), max_size=12))
def test_sums_of_squares_are_those_of_python(instructions, rows):
    values = np.array([value for row in rows for value in row], np.int32)
    offsets = [0, *np.cumsum([len(row) for row in rows], dtype=int).tolist()]
    try:
        sums = _core._testing.square_sums(values, offsets, instructions)
    except ValueError as error:
        assert "lacks the instructions" in str(error)
        pytest.skip(f"this machine has no {instructions}")
    assert sums.tolist() == [sum(value * value for value in row) % 2**64 for row in rows]
