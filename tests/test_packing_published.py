"""What is published about packing, to the unit. The source stands with each test."""

from __future__ import annotations

import json

import numpy as np
import pytest
from reference_pack import shape
from test_packing import sequences_of

from pypack.packing import pack


def packed_lengths(lengths, limit, strategy, **options):
    return shape(sequences_of(pack(lengths, limit, strategy, **options)))


def as_shape(*sequences):
    return sorted(sorted(sequence) for sequence in sequences)


# Packed by the reference code of "Efficient sequence packing without cross-contamination" (Krell et
# al., arXiv 2107.02027).
TINY = np.repeat([1, 2, 3, 4, 5, 7], [3, 2, 4, 2, 3, 1])


def test_krell_tiny_histogram():
    expected = as_shape([5, 3], [5, 3], [4, 3], [4, 3], [7], [5, 2], [2, 1, 1, 1])
    assert packed_lengths(TINY, 8, "histogram", algorithm="spfhp") == expected
    assert pack(TINY, 8, "histogram", algorithm="spfhp", max_documents=2).num_sequences == 8


# depth: (SPFHP packs, LPFHP packs), from the reference code on the histograms of the paper's repository.
WIKIPEDIA_512 = {
    1: (16_279_552, 16_279_552),
    2: (10_101_683, 10_099_081),
    3: (9_094_695, 9_090_154),
    4: (8_658_996, 8_657_119),
    8: (8_224_673, 8_207_569),
    16: (8_166_708, 8_140_006),
    None: (8_166_708, 8_138_483),
}


@pytest.fixture(scope="module")
def histograms(shared):
    return json.loads((shared / "data" / "packing_histograms.json").read_text())


def documents_of(histogram):
    return np.repeat(np.arange(1, len(histogram) + 1, dtype=np.int32), histogram)


def test_krell_wikipedia_512(histograms):
    lengths = documents_of(histograms["wikipedia_512"])
    for depth, packs in WIKIPEDIA_512.items():
        plans = [
            pack(lengths, 512, "histogram", algorithm=a, max_documents=depth) for a in ("spfhp", "lpfhp")
        ]
        assert tuple(plan.num_sequences for plan in plans) == packs
    spfhp, lpfhp = plans
    assert (len(lengths), lpfhp.num_tokens, lpfhp.stats.lower_bound) == (16_279_552, 4_164_796_173, 8_134_368)
    assert (spfhp.padding, lpfhp.padding, lpfhp.stats.most_spans) == (16_558_323, 2_107_123, 29)
    assert f"{lpfhp.utilization:.4%}" == "99.9494%"
    assert pack(lengths, 512, "best_fit").num_sequences == 8_138_483
    assert f"{pack(lengths, 512, 'pad').utilization:.4%}" == "49.9668%"


def test_krell_squad_384(histograms):
    lengths = documents_of(histograms["squad1_1_384"])
    plans = [pack(lengths, 384, "histogram", algorithm=a) for a in ("spfhp", "lpfhp")]
    assert [plan.num_sequences for plan in plans] == [40_711, 40_631]
    assert [f"{plan.utilization:.4%}" for plan in plans] == ["97.5466%", "97.7386%"]
    assert pack(lengths, 384, "best_fit").num_sequences == 40_631


def test_olmo_core_best_fit_example():
    # OLMo-core's test of its optimized best-fit-decreasing: bins 0 1 2 3 3 1 4 for these documents.
    lengths = [8, 6, 6, 4, 3, 2, 3]
    assert packed_lengths(lengths, 8, "best_fit") == as_shape([8], [6, 2], [6], [4, 3], [3])


def test_prepacking_example():
    # Prepacking (Zhao et al., arXiv 2404.09529) with binpacking 1.5.2, capacity = the longest prompt.
    lengths = [12, 3, 7, 5, 9, 2, 4, 6, 1, 8, 10, 3]
    expected = as_shape([12], [10, 2], [9, 3], [8, 4], [7, 5], [6, 3, 1])
    assert packed_lengths(lengths, 12, "best_fit") == expected
