"""Documents by a mask, with every set of instructions, and their lengths."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypack import _core


@pytest.mark.parametrize("instructions", ["best", "portable", "avx2", "avx512"])
@given(
    size=st.one_of(st.integers(0, 100), st.integers(0, 600_000)),
    share=st.sampled_from([0.0, 0.01, 0.5, 0.99, 1.0]),
    skipped=st.integers(0, 20),
    num_threads=st.integers(1, 3),
)
def test_documents_are_those_of_which_the_mask_is_true(instructions, size, share, skipped, num_threads):
    mask = np.random.default_rng(size).random(size + skipped)[skipped:] < share  # not aligned
    try:
        documents = _core.chosen_documents(mask, num_threads, instructions)
    except ValueError as error:
        assert "lacks the instructions" in str(error)
        pytest.skip(f"this machine has no {instructions}")
    assert documents.dtype == np.int64
    assert np.array_equal(documents, np.flatnonzero(mask))


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
