"""The keyed permutation, counter-based randomness and the fingerprint."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import permutation as reference

from pypack import _core
from pypack._common.fingerprint import (
    integers_fingerprint,
    is_composable,
    is_of_lengths,
    joined_fingerprint,
    lengths_fingerprint,
)
from pypack._common.threads import available_cores, resolve_num_threads

keys = st.integers(0, 2**64 - 1)


@given(st.integers(1, 300), keys)
def test_permutation_is_its_definition_and_a_bijection(size, key):
    images = _core._testing.permute_range(size, key, 0, size)
    assert images.tolist() == reference.permutation(size, key)
    assert sorted(images) == list(range(size))


def test_a_slice_of_the_permutation_is_the_permutation_of_the_slice():
    whole = _core._testing.permute_range(1000, 5, 0, 1000)
    assert np.array_equal(_core._testing.permute_range(1000, 5, 990, 1000), whole[990:])
    assert len(_core._testing.permute_range(10**12, 5, 10**12 - 3, 10**12)) == 3
    assert len(_core._testing.permute_range(5, 1, 2, 2)) == 0


@given(st.sampled_from([5, 300, 2**20 + 1, 10**9, 2**40 - 1, 10**12, 2**62]), keys, st.integers(0, 400))
def test_many_images_at_once_are_those_one_by_one(size, key, count):
    """Vector instructions take the first of many indices, plain code the rest."""
    first = max(0, size - count)
    one_by_one = [_core._testing.permute_range(size, key, i, i + 1)[0] for i in range(first, size)]
    assert _core._testing.permute_range(size, key, first, size).tolist() == one_by_one


@pytest.mark.parametrize("instructions", ["portable", "avx2", "avx512", "tables"])
@given(size=st.integers(1, 3000) | st.sampled_from([2**24, 2**24 - 5, 2**30, 10**12]), key=keys)
def test_every_way_to_compute_it_gives_the_same(instructions, size, key):
    start = max(0, size - 700)
    if instructions == "tables" and size > 2**24:
        with pytest.raises(ValueError, match="tables are for up to 2\\^24, got 1"):
            _core._testing.permute_range(size, key, start, size, instructions)
        return
    try:
        images = _core._testing.permute_range(size, key, start, size, instructions)
    except ValueError as error:
        pytest.skip(f"{instructions}: {error}")
    assert images.tolist() == _core._testing.permute_range(size, key, start, size).tolist()


def test_permutation_refuses_what_lies_outside():
    with pytest.raises(ValueError, match="start <= stop <= size, got start=3 stop=11 size=10"):
        _core._testing.permute_range(10, 0, 3, 11)


def test_images_are_uniform_over_keys():
    """Chi-squared of the image of one index over many keys, and of the step between neighbours."""
    size, draws = 97, 20_000
    images = np.array([_core._testing.permute_range(size, key, 40, 42) for key in range(draws)])
    steps = (images[:, 1] - images[:, 0]) % size
    for values, cells in ((images[:, 0], np.arange(size)), (steps, np.arange(1, size))):
        counts = np.array([(values == cell).sum() for cell in cells])
        expected = draws / len(cells)
        chi2 = ((counts - expected) ** 2 / expected).sum()
        # Mean len(cells) - 1, standard deviation sqrt(2 (len(cells) - 1)); five of them is one in 10^6.
        freedom = len(cells) - 1
        assert abs(chi2 - freedom) < 5 * np.sqrt(2 * freedom)


@given(keys, keys, keys)
def test_random_bits(seed, purpose, index):
    assert _core.random_bits(seed, purpose, index) == reference.random_bits(seed, purpose, index)


@given(st.lists(st.integers(-(2**31), 2**31 - 1), max_size=50))
def test_fingerprint(values):
    expected = reference.fingerprint(values)
    assert _core.fingerprint(np.array(values, np.int32)) == expected
    assert _core.fingerprint(np.array(values, np.int64)) == expected


def test_fingerprint_sees_order_and_trailing_zeros():
    prints = {_core.fingerprint(np.array(v, np.int32)) for v in ([], [0], [0, 0], [1, 2], [2, 1])}
    assert len(prints) == 5


length_lists = st.lists(st.integers(0, 2**31 - 1), max_size=60)


@given(length_lists)
def test_sequence_hash(lengths):
    expected = tuple(reference.sequence_hash(lengths, point) for point in _core.HASH_POINTS)
    assert _core.sequence_hash(np.array(lengths, np.int32)) == expected


@pytest.mark.parametrize("size", [255, 256, 257, 2048, 100_003])
@pytest.mark.parametrize("largest", [9, 2**31 - 1])
def test_sequence_hash_of_many(size, largest):
    """Blocks are summed before they are reduced: the largest lengths there are must not overflow."""
    lengths = np.random.default_rng(size).integers(largest // 2, largest, size, np.int32, endpoint=True)
    lengths[: size // 2] = largest
    expected = tuple(reference.sequence_hash(lengths.tolist(), point) for point in _core.HASH_POINTS)
    assert _core.sequence_hash(lengths) == expected


@given(st.lists(length_lists, max_size=5))
def test_fingerprints_of_lengths_follow_from_those_of_the_parts(parts):
    arrays = [np.array(part, np.int32) for part in parts]
    whole = np.concatenate([np.empty(0, np.int32), *arrays])
    joined = joined_fingerprint((lengths_fingerprint(array), len(array)) for array in arrays)
    assert joined == lengths_fingerprint(whole)
    assert is_composable(joined)
    assert is_of_lengths(joined, whole)
    assert is_of_lengths(integers_fingerprint(whole), whole)
    longer = np.append(whole, np.int32(0))
    assert not is_of_lengths(joined, longer)


def test_fingerprints_of_lengths_see_order_and_zeros():
    lists = ([], [0], [0, 0], [1], [1, 2], [2, 1], [0, 1], [1, 0], [2**31 - 1] * 20, [2**31 - 1] * 21)
    assert len({lengths_fingerprint(np.array(v, np.int32)) for v in lists}) == len(lists)


def test_num_threads():
    assert resolve_num_threads(None) == available_cores()
    assert resolve_num_threads(3) == 3
