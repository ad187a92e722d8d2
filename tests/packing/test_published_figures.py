"""What is published about packing, to the unit. The source stands with each test."""

from __future__ import annotations

import json

import numpy as np
import pytest
from fixtures.packing_jobs import sequences_of
from reference.pack import shape

from pypack import _core
from pypack.packing.packing import pack
from pypack.packing.quotas import bucket_quotas
from pypack.schedule.curriculum import odds_of


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


def pieces_of(lengths, limit, min_length, **options):
    plan = pack(lengths, limit, "decompose", min_length=min_length, **options)
    return [(start, start + length) for sequence in sequences_of(plan) for _, start, length in sequence], plan


def test_decomposition_of_olmo_core():
    pieces, plan = pieces_of([5000], 4096, 256, remainder="drop")
    assert pieces == [(0, 4096), (4096, 4608), (4608, 4864)]
    assert plan.counts.truncated_tokens == 136
    # OLMo-core's test: documents of 13, 6 and 3 tokens, buckets 2 and 4, places in the concatenation.
    pieces, plan = pieces_of([13, 6, 3], 4, 2, remainder="drop")
    offsets = np.array([0, 13, 19])[plan.span_document]
    assert sorted((int(o) + a, int(o) + b) for (a, b), o in zip(pieces, offsets, strict=True)) == [
        (0, 4), (4, 8), (8, 12), (13, 17), (17, 19), (19, 21),
    ]  # fmt: skip
    _, plan = pieces_of([9, 6, 11], 8, 2, remainder="drop")
    in_documents = np.lexsort((plan.span_start, plan.span_document))
    assert plan.span_length[in_documents].tolist() == [8, 4, 2, 8, 2]


def test_decomposition_of_the_papers_script():
    pieces, plan = pieces_of([5000], 8192, 256, mode="shifted", remainder="drop")
    assert pieces == [(0, 4097), (4097, 4610), (4610, 4867)]
    assert plan.counts.truncated_tokens == 133
    assert pieces_of([257], 8192, 256, mode="shifted", remainder="drop")[0] == [(0, 257)]
    nothing, plan = pieces_of([256], 8192, 256, mode="shifted", remainder="drop")
    assert nothing == []
    assert plan.counts.dropped_tokens == 256


# Tokens in buckets of 2^6 to 2^13, in units of 2^30 -> average sequence length and context of the paper
# (Table 1 gives 482/1018, 257/1020, 1024/512, 195/336 and 1344).
MIXES = {
    "natural": ([3, 6, 10, 17, 21, 17, 13, 9], 482.2, 1017.8),
    "equal": ([12] * 8, 257.0, 1019.5),
    "1k only": ([0, 0, 0, 0, 96, 0, 0, 0], 1024.0, 511.5),
    "up to 2k": ([16] * 6 + [0, 0], 195.0, 335.5),
    "256 and longer": ([0, 0] + [16] * 6, 780.2, 1343.5),
}


@pytest.mark.parametrize("mix", MIXES)
def test_average_lengths_and_contexts_of_dataset_decomposition(mix):
    units, mean_length, mean_context = MIXES[mix]
    # 2^17 tokens a unit instead of 2^30: averages depend on the shares only. One document a piece.
    counts = [unit << 17 - k for k, unit in zip(range(6, 14), units, strict=True)]
    lengths = np.repeat([1 << k for k in range(6, 14)], counts)
    plan = pack(lengths, 8192, "decompose", min_length=64)
    assert plan.num_spans == len(lengths)
    assert round(plan.stats.mean_span_length, 1) == mean_length
    assert round(plan.stats.mean_context, 1) == mean_context


def test_planner_of_dataset_decomposition():
    """The arguments that get_dd_params.py gives for the training script of apple/ml-dataset-decomposition."""
    lengths = [1 << k for k in range(8, 14)]
    shards = [3560, 5996, 7410, 6309, 5157, 4513]  # of 2^20 tokens, one per GPU and cycle at least
    quotas = bucket_quotas(
        {n: count << 20 for n, count in zip(lengths, shards, strict=True)},
        tokens=28_795_904_000,
        cycles=8,
        quantum_tokens=8 << 20,
    )
    assert list(quotas.values()) == [1507328, 1277952, 794624, 335872, 137216, 61440]
    tokens = [n * count for n, count in quotas.items()]
    assert sum(tokens) == 3_607_101_440
    odds = np.array(odds_of("grow-p2", lengths))
    weights = np.array(tokens) // (8 << 20) * (odds // odds[-1])
    assert weights.tolist() == [1472, 1248, 776, 328, 134, 60]
    # A schedule of these quotas draws just that many steps of 64 x 8192 tokens from each bucket in a cycle.
    steps = [8 * t // (64 * 8192) for t in tokens]
    for sample in (_core.sample_cycles, _core.subcycle_cycles):
        drawn = sample(steps, odds.tolist(), 8, 1).reshape(8, -1)
        assert [np.bincount(cycle).tolist() for cycle in drawn] == [[s // 8 for s in steps]] * 8


def test_quotas_make_up_for_rounding_in_the_longest_bucket():
    assert bucket_quotas({4: 100, 8: 100}, 100, 1, 8) == {4: 12, 8: 7}  # 6.25 quanta each, 13 wanted
    assert bucket_quotas({4: 150, 8: 50}, 100, 1, 8) == {4: 18, 8: 4}  # 9.375 and 3.125
    for wrong in (({}, 1, 1, 8), ({4: 0}, 1, 1, 8), ({4: 9}, 0, 1, 8), ({4: 9}, 1, 0, 8), ({4: 9}, 1, 1, 6)):
        with pytest.raises(ValueError, match="must"):
            bucket_quotas(*wrong)
