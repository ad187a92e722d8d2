"""Bits of a loss mask to labels, with every set of instructions, from any bit and into any place on."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import SCALE
from hypothesis import given, settings
from hypothesis import strategies as st

from pypack import _core

KERNELS = {
    "widen_masked_16_to_64": (np.uint16, np.int64),
    "widen_masked_16_to_32": (np.uint16, np.int32),
    "widen_masked_32_to_64": (np.int32, np.int64),
}


@pytest.mark.parametrize("instructions", ["best", "portable", "avx2", "avx512"])
@pytest.mark.parametrize("kernel", KERNELS)
@settings(max_examples=max(150, int(150 * SCALE)), deadline=None)
@given(size=st.integers(0, 300), first=st.integers(0, 80), behind=st.integers(0, 15), seed=st.integers(0, 99))
def test_labels_are_the_ids_where_a_bit_is_one(kernel, instructions, size, first, behind, seed):
    rng = np.random.default_rng(seed)
    kind, wide = KERNELS[kernel]
    tokens = rng.integers(0, np.iinfo(kind).max, size, kind, endpoint=True)
    bits = rng.random(first + size) < rng.choice([0.0, 0.1, 0.5, 1.0])
    mask = np.packbits(bits, bitorder="little")  # not a byte more
    try:
        ids, labels = getattr(_core._testing, kernel)(tokens, mask, first, behind, instructions)
    except ValueError as error:
        assert "lacks the instructions" in str(error)
        pytest.skip(f"this machine has no {instructions}")
    assert ids.dtype == labels.dtype == wide
    assert ids.tolist() == tokens.tolist()
    assert labels.tolist() == np.where(bits[first:], tokens.astype(wide), -100).tolist()
