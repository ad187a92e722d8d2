"""Best fit's plans are those of earlier versions, byte by byte, and hold at the borders of their kernels."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from fixtures.packing_jobs import sequences_of
from fixtures.places import ROOT
from hypothesis import given
from hypothesis import strategies as st
from reference.spread import spread

from pypack.packing.packing import pack

GOLDEN = json.loads((ROOT / "tests/golden/best_fit_plans.json").read_text("utf-8"))


def lengths_of(documents: int, most: int) -> np.ndarray:
    """Many short ones, few long ones, some empty; made of whole numbers alone, so that they never change."""
    numbers = np.arange(documents, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    numbers ^= numbers >> np.uint64(29)
    numbers *= np.uint64(0xBF58476D1CE4E5B9)
    shift = numbers >> np.uint64(60)  # 0 to 15 bits off
    return ((numbers >> np.uint64(20)) % np.uint64(most) >> shift).astype(np.int32)


CASES = [
    (documents, most, length, overflow, seed, more)
    for documents, most in ((3000, 10_000), (40_000, 3000))
    for length in (64, 2048)
    for overflow, more in (
        ("split", {}),
        ("truncate", {}),
        ("drop", {"max_documents": 5}),
        ("split", {"align": 8, "drop_shorter_than": 11}),
    )
    for seed in (0, None, 2**63)
]
# Large enough that sequences are written in windows, and pieces that fill theirs are moved in some.
CASES += [
    (documents, most, length, overflow, seed, more)
    for documents, most, length in ((400_000, 5000, 256), (700_000, 12_000, 2048))
    for overflow, more in (("split", {}), ("truncate", {}), ("split", {"align": 16}))
    for seed in (1, None)
]


def made(case, num_threads: int) -> str:
    documents, most, length, overflow, seed, more = case
    plan = pack(
        lengths_of(documents, most),
        length,
        "best_fit",
        overflow=overflow,
        seed=seed,
        num_threads=num_threads,
        **more,
    )
    return plan.fingerprint


@pytest.mark.parametrize("num_threads", [1, 3])
def test_plans_are_those_of_earlier_versions(num_threads):
    assert len(GOLDEN) == len(CASES)
    assert {str(case): made(case, num_threads) for case in CASES} == GOLDEN


@given(
    st.one_of(st.integers(1, 300), st.integers(1, 20_000)),
    st.sampled_from([3, 16, 64, 500]),
    st.sampled_from(["split", "truncate"]),
    st.sampled_from([1, 1, 4]),
    st.integers(0, 2**64 - 1),
)
def test_seeded_plans_are_spread_as_defined(documents, length, overflow, align, seed):
    lengths, limit = lengths_of(documents, 1000), length * align
    in_order, seeded = (
        pack(lengths, limit, "best_fit", overflow=overflow, align=align, seed=s) for s in (None, seed)
    )
    assert sequences_of(seeded) == spread(sequences_of(in_order), limit, align, seed)


@pytest.mark.parametrize(("seed", "align"), list(itertools.product([0, None], [1, 4])))
def test_documents_of_more_sequences_than_a_number_can_tell(seed, align):
    lengths = np.full(100_000, 7, np.int32)  # 17 bits, which leave 15 for sequences
    lengths[[5, 70_000]] = 32 * 40_000 + 9, 32 * 32_766 + 3
    lengths[[6, 99_999]] = 32 * 32_767 + 1, 32 * 32_768
    plan = pack(lengths, 32, "best_fit", seed=seed, align=align)
    plan.verify(lengths)
    in_order = pack(lengths, 32, "best_fit", seed=None, align=align)
    assert sorted(plan.span_length.tolist()) == sorted(in_order.span_length.tolist())


def test_one_document_of_all_tokens_there_can_be():
    lengths = np.array([2**31 - 1], np.int32)
    plan = pack(lengths, 2**20, "best_fit")
    plan.verify(lengths)
    assert plan.num_sequences == 2**11
    assert plan.span_length.sum(dtype=np.int64) == 2**31 - 1
