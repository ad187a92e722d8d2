"""Documents by a mask, with every set of instructions, and their lengths."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypack import _core


def document_set(mask, num_threads, instructions):
    try:
        return _core.DocumentSet(mask, num_threads, instructions)
    except ValueError as error:
        assert "lacks the instructions" in str(error)
        pytest.skip(f"this machine has no {instructions}")


@pytest.mark.parametrize("instructions", ["best", "portable", "avx2", "avx512"])
@given(
    size=st.one_of(st.integers(0, 200), st.integers(0, 600_000)),
    share=st.sampled_from([0.0, 0.01, 0.1, 0.5, 0.99, 1.0]),
    skipped=st.integers(0, 20),
    num_threads=st.integers(1, 3),
)
def test_documents_are_those_of_which_the_mask_is_true(instructions, size, share, skipped, num_threads):
    rng = np.random.default_rng(size)
    mask = rng.random(size + skipped)[skipped:] < share  # not aligned
    lengths = rng.integers(0, 2**31, size, np.int32)
    chosen = document_set(mask, num_threads, instructions)
    documents = chosen.documents(num_threads)
    theirs, found = chosen.lengths(lengths, num_threads)
    assert documents.dtype == np.int64
    assert theirs.dtype == np.int32
    assert len(chosen) == np.count_nonzero(mask)
    assert np.array_equal(documents, np.flatnonzero(mask))
    assert np.array_equal(theirs, lengths[mask])
    assert found == _core.sequence_hash(lengths[mask])


@pytest.mark.parametrize("instructions", ["best", "portable", "avx2", "avx512"])
def test_runs_of_documents_that_come_unevenly(instructions):
    """Parts that are full, empty and sparse, one behind the other: none writes into the next."""
    mask = np.zeros(1_500_000, np.bool_)
    mask[:262_144] = mask[600_000:600_070] = mask[786_431:1_000_000] = mask[-1] = True
    lengths = np.arange(len(mask), dtype=np.int32)
    chosen = document_set(mask, 3, instructions)
    theirs, found = chosen.lengths(lengths, 3)
    assert np.array_equal(theirs, np.flatnonzero(mask))
    assert np.array_equal(chosen.documents(3), theirs)
    assert found == _core.sequence_hash(theirs)


def test_any_byte_but_zero_is_true():
    mask = np.array([0, 1, 2, 128, 0, 255] * 30, np.uint8).view(np.bool_)
    for instructions in ("portable", "best"):
        assert np.array_equal(
            _core.DocumentSet(mask, 1, instructions).documents(1), np.flatnonzero(mask.view(np.uint8))
        )


def test_a_mask_is_of_as_many_documents_as_the_lengths():
    with pytest.raises(ValueError, match="a mask of 3 documents for lengths of 2"):
        _core.DocumentSet(np.ones(3, np.bool_), 1).lengths(np.ones(2, np.int32), 1)


@given(
    st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=50),
    st.integers(0, 300_000),
    st.integers(1, 3),
)
def test_lengths_are_those_of_the_documents(lengths, size, num_threads):
    lengths = np.array(lengths, np.int32)
    documents = np.random.default_rng(size).integers(0, len(lengths), size)
    chosen = _core.chosen_lengths(lengths, documents, num_threads)
    assert chosen.dtype == np.int32
    assert np.array_equal(chosen, lengths[documents])


@pytest.mark.parametrize("document", [-1, 3, 2**62])
def test_a_document_that_is_none_is_named(document):
    documents = np.zeros(5000, np.int64)
    documents[4321] = document
    with pytest.raises(IndexError, match=f"document {document} is none of the 3 documents"):
        _core.chosen_lengths(np.array([1, 2, 3], np.int32), documents, 2)
