"""The vector kernels of Dataset Decomposition, with every instruction set, against their definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypack import _core

INSTRUCTIONS = ("portable", "avx2", "avx512")

lengths_of_documents = st.lists(st.integers(0, 300) | st.integers(0, 2**31 - 1), max_size=100)


def skip_without(instructions: str) -> None:
    try:
        _core._testing.select_long(np.zeros(0, np.int32), 1, instructions)
    except ValueError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("instructions", INSTRUCTIONS)
@given(lengths=lengths_of_documents, bucket=st.integers(0, 29), first=st.integers(0, 2**40))
def test_pieces_of_a_bucket(instructions: str, lengths: list[int], bucket: int, first: int) -> None:
    skip_without(instructions)
    expected = [(first + i, n >> bucket + 1 << bucket + 1) for i, n in enumerate(lengths) if n >> bucket & 1]
    for spare in (0, 3, 40):  # what lies behind the last piece may be overwritten, or not be there
        documents, starts = _core._testing.select_bucket(
            np.array(lengths, np.int32), bucket, first, len(expected) + spare, instructions
        )
        assert list(zip(documents.tolist(), starts.tolist(), strict=True)) == expected


@pytest.mark.parametrize("instructions", INSTRUCTIONS)
@given(lengths=lengths_of_documents, least=st.integers(1, 2**31 - 1) | st.integers(1, 300))
def test_long_documents(instructions: str, lengths: list[int], least: int) -> None:
    skip_without(instructions)
    found = _core._testing.select_long(np.array(lengths, np.int32), least, instructions)
    assert found.tolist() == [i for i, n in enumerate(lengths) if n >= least]


def test_unknown_instructions_are_refused() -> None:
    with pytest.raises(ValueError, match="no instructions are named 'sse'"):
        _core._testing.select_long(np.zeros(0, np.int32), 1, "sse")
