"""Every strategy against its plain-Python definition, and what all strategies promise."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from fixtures.packing_jobs import jobs, sequences_of
from hypothesis import given
from hypothesis import strategies as st
from reference import pack as reference_pack

from pypack import _core
from pypack.best_fit import best_fit_documents, best_fit_sequence_of
from pypack.packing.packing import COMPARED, compare, pack, shared_options
from pypack.packing.strategies import STRATEGIES
from pypack.plan.plan import Plan

# Strategies whose result has an exact definition in reference/pack.py, as the same list of sequences.
EXACT = ["concat", "first_fit", "next_fit", "pad"]


def decompose_options(draw, limit):
    max_length = 1 << draw(st.integers(0, limit.bit_length() - 1))
    mode = draw(st.sampled_from(["exact", "exact", "shifted"]))
    remainder = draw(st.sampled_from(["drop", "pack", "keep"]))
    min_length = 1 << draw(st.integers(0, max_length.bit_length() - 1))
    return {"max_length": max_length, "mode": mode, "remainder": remainder, "min_length": min_length}


def check_promises(lengths: list[int], plan: Plan) -> None:
    plan.verify(np.array(lengths, np.int32))
    expected = reference_pack.counts(lengths, sequences_of(plan))
    assert {name: getattr(plan.counts, name) for name in expected} == expected
    assert plan.num_tokens == plan.span_length.sum()
    for sequence, capacity in zip(sequences_of(plan), plan.sequence_capacity.tolist(), strict=True):
        assert sequence
        assert reference_pack.room_left(sequence, capacity, plan.align) >= 0
        assert len(sequence) <= (plan.options["max_documents"] or len(sequence))


@pytest.mark.parametrize("strategy", STRATEGIES)
@given(job=jobs())
def test_promises_of_every_strategy(strategy, job):
    lengths, limit, options = job
    if strategy == "decompose":  # its pieces have lengths of their own
        limit = 1 << limit.bit_length() - 1
        options |= {"align": 1, "drop_shorter_than": min(options["drop_shorter_than"], limit)}
    check_promises(lengths, pack(lengths, limit, strategy, **options))


@pytest.mark.parametrize("strategy", EXACT)
@given(job=jobs())
def test_equal_to_definition(strategy, job):
    lengths, limit, options = job
    expected = getattr(reference_pack, strategy)(lengths, limit, **options)
    assert sequences_of(pack(lengths, limit, strategy, **options)) == expected


@given(job=jobs())
def test_concat_that_truncates_at_borders_is_as_defined(job):
    lengths, limit, options = job
    plan = pack(lengths, limit, "concat", border="truncate", **options)
    assert sequences_of(plan) == reference_pack.concat(lengths, limit, border="truncate", **options)
    check_promises(lengths, plan)


@given(job=jobs())
def test_bulk_best_fit_fills_as_best_fit_document_by_document(job):
    lengths, limit, options = job
    plan = pack(lengths, limit, "best_fit", seed=None, **options)
    expected = reference_pack.best_fit(lengths, limit, **options)
    check_same_shape(sequences_of(plan), expected, options["align"])


@given(job=jobs(), data=st.data())
def test_decompose_is_as_defined(job, data):
    lengths, limit, options = job
    own = decompose_options(data.draw, limit)
    options |= {"drop_shorter_than": min(options["drop_shorter_than"], own["max_length"]), "align": 1}
    plan = pack(lengths, limit, "decompose", **own, **options)
    buckets, rest = reference_pack.decompose(lengths, limit, **own, **options)
    expected = [[span] for bucket in buckets for span in bucket]
    found = sequences_of(plan)
    assert found[: len(expected)] == expected
    capacities = [span[2] for bucket in buckets for span in bucket]
    assert plan.sequence_capacity[: len(expected)].tolist() == capacities
    shortest = own["min_length"] + (own["mode"] == "shifted")
    last = reference_pack.best_fit_spans(rest, shortest, options["max_documents"])
    check_same_shape(found[len(expected) :], last, 1)
    assert set(plan.sequence_capacity[len(expected) :].tolist()) <= {shortest}
    assert plan.sequence_length == own["max_length"] + (own["mode"] == "shifted")
    check_promises(lengths, plan)


@pytest.mark.parametrize("overflow", ["split", "truncate", "drop"])
@pytest.mark.parametrize("remainder", ["drop", "pack", "keep"])
def test_decompose_of_many_documents_is_as_defined(remainder, overflow):
    """Enough for whole groups to go through the vector kernels, with and without odd documents among them."""
    rng = np.random.default_rng(3)
    plain = rng.integers(1, 500, 2000)
    lengths = np.concatenate([plain, rng.integers(0, 3000, 1999), plain[:513]]).astype(np.int32)
    own = {"max_length": 512, "min_length": 16, "remainder": remainder}
    plans = [pack(lengths, 512, "decompose", num_threads=n, overflow=overflow, **own) for n in (1, 5)]
    assert plans[0] == plans[1]
    buckets, rest = reference_pack.decompose(lengths.tolist(), 512, overflow=overflow, **own)
    expected = [[span] for bucket in buckets for span in bucket]
    found = sequences_of(plans[0])
    assert found[: len(expected)] == expected
    assert sum(len(sequence) for sequence in found[len(expected) :]) == len(rest)
    check_promises(lengths.tolist(), plans[0])


@pytest.mark.parametrize("align", [1, 8])
def test_decompose_of_a_whole_corpus_is_as_defined(align):
    """Enough for the stores that go past the caches, and for stretches of many equal sequences."""
    lengths = np.random.default_rng(4).integers(0, 256, 140_000).astype(np.int32)
    own = {"max_length": 128, "min_length": 64, "align": align}
    plans = [pack(lengths, 128, "decompose", num_threads=n, **own) for n in (1, 2, 5)]
    assert plans[0] == plans[1] == plans[2]
    buckets, rest = reference_pack.decompose(lengths.tolist(), 128, **own)
    expected = np.array([span for bucket in buckets for span in bucket])
    plan, pieces = plans[0], len(expected)
    spans = np.stack([plan.span_document, plan.span_start, plan.span_length], axis=1)
    assert np.array_equal(spans[:pieces], expected)
    assert np.array_equal(plan.sequence_offsets[: pieces + 1], np.arange(pieces + 1))
    assert np.array_equal(plan.sequence_capacity[:pieces], expected[:, 2])
    assert (plan.sequence_capacity[pieces:] == 64).all()
    assert sorted(map(tuple, spans[pieces:].tolist())) == sorted(rest)
    plan.verify(lengths)


@given(job=jobs(), seed=st.integers(0, 2**63 - 1), mode=st.sampled_from(["exact", "shifted"]))
def test_random_long_documents_keep_the_promises(job, seed, mode):
    lengths, limit, options = job
    limit = 1 << limit.bit_length() - 1
    options |= {"align": 1, "drop_shorter_than": 0, "overflow": "split"}
    own = {"long_documents": "random", "seed": seed, "mode": mode, "min_length": 1}
    plans = [pack(lengths, limit, "decompose", num_threads=n, **own, **options) for n in (1, 3)]
    check_promises(lengths, plans[0])
    assert plans[0] == plans[1]
    assert max(plan_length := plans[0].span_length.tolist(), default=1) <= limit + (mode == "shifted")
    if max(lengths, default=0) < 2 * limit:  # nothing is long: as without
        same = pack(lengths, limit, "decompose", mode=mode, min_length=1, **options)
        assert plan_length == same.span_length.tolist()


LONG = np.full(2000, 1_000_000)


def test_random_long_documents_give_buckets_equal_tokens():
    plan = pack(LONG, 8192, "decompose", long_documents="random", remainder="drop", seed=3)
    tokens = [int(plan.span_length[plan.sequence_capacity == 1 << k].sum()) for k in range(8, 14)]
    assert min(tokens) > 0.9 * max(tokens)
    other = pack(LONG, 8192, "decompose", long_documents="random", remainder="drop", seed=4)
    assert plan != other


@given(job=jobs())
def test_shortest_pack_first_is_as_defined(job):
    lengths, limit, options = job
    plan = pack(lengths, limit, "histogram", algorithm="spfhp", **options)
    expected = reference_pack.shortest_pack_first(lengths, limit, **options)
    check_same_shape(sequences_of(plan), expected, options["align"])


@given(job=jobs())
def test_longest_pack_first_is_best_fit(job):
    lengths, limit, options = job
    plan = pack(lengths, limit, "histogram", algorithm="lpfhp", **options)
    assert plan == pack(lengths, limit, "best_fit", seed=None, **options)


@given(job=jobs(), group_sequences=st.integers(1, 8))
def test_padding_by_length_is_as_defined(job, group_sequences):
    lengths, limit, options = job
    plan = pack(lengths, limit, "pad", sorted=True, group_sequences=group_sequences, **options)
    expected = reference_pack.pad_sorted(lengths, limit, group_sequences=group_sequences, **options)
    assert (sequences_of(plan), plan.sequence_capacity.tolist()) == expected
    check_promises(lengths, plan)


@given(job=jobs())
def test_martello_toth_bound_is_as_defined(job):
    lengths, limit, options = job
    align = options["align"]
    plan = pack(lengths, limit, "next_fit", **options)
    units = [reference_pack.aligned(length, align) // align for length in plan.span_length.tolist()]
    assert plan.stats.l2_bound == reference_pack.martello_toth_bound(units, limit // align)
    assert plan.stats.l2_bound <= pack(lengths, limit, "best_fit", **options).num_sequences


@given(job=jobs(), seed=st.integers(0, 2**64 - 1))
def test_decorrelated_best_fit_has_the_same_fills(job, seed):
    lengths, limit, options = job
    plan = pack(lengths, limit, "best_fit", seed=seed, **options)
    check_same_shape(
        sequences_of(plan),
        sequences_of(pack(lengths, limit, "best_fit", seed=None, **options)),
        options["align"],
    )
    check_promises(lengths, plan)
    assert plan == pack(lengths, limit, "best_fit", seed=seed, num_threads=4, **options)


def test_decorrelation_parts_neighbours():
    """Documents that share a sequence are far apart in the corpus, and sequences of one content in the
    plan."""
    lengths = np.tile([4, 3], 5000)  # sequences 4 4 and 3 3
    plan = pack(lengths, 8, "best_fit", seed=7)
    distances = np.abs(np.diff(plan.span_document.reshape(-1, 2), axis=1))
    assert distances.min() > 1000
    kinds = plan.span_length[::2] == 4
    assert (
        np.convolve(kinds, np.ones(20, int), "valid").min() >= 9
    )  # of any 20 sequences, half are of each kind
    together = pack(lengths, 8, "best_fit", seed=None)
    assert np.abs(np.diff(together.span_document.reshape(-1, 2), axis=1)).max() == 2
    assert plan != pack(lengths, 8, "best_fit", seed=8)


@given(job=jobs())
def test_bare_indices_are_those_of_the_plan(job):
    lengths, limit, options = job
    if options["overflow"] == "split":
        for indices in (best_fit_sequence_of, best_fit_documents):
            with pytest.raises(ValueError, match="overflow 'split' puts a document into several sequences"):
                indices(lengths, limit, **options)
        return
    plan = pack(lengths, limit, "best_fit", seed=None, **options)
    expected = [[document for document, _, _ in sequence] for sequence in sequences_of(plan)]
    found, number = best_fit_sequence_of(lengths, limit, num_threads=3, **options)
    offsets, documents = best_fit_documents(lengths, limit, num_threads=3, **options)
    assert found.dtype == documents.dtype == np.int32
    assert number == len(expected)
    assert [documents[a:b].tolist() for a, b in itertools.pairwise(offsets.tolist())] == expected
    sequence_of = {document: s for s, sequence in enumerate(expected) for document in sequence}
    assert found.tolist() == [sequence_of.get(document, -1) for document in range(len(lengths))]
    # The same code for more than 2^31 documents.
    kernel_options = shared_options(limit, **options)
    array = np.array(lengths, np.int32)
    wide, _ = _core.best_fit_sequence_of(array, kernel_options, 2, True)
    _, wide_documents = _core.best_fit_documents(array, kernel_options, 2, True)
    assert wide.dtype == wide_documents.dtype == np.int64
    assert np.array_equal(wide, found)
    assert np.array_equal(wide_documents, documents)


def check_same_shape(found, expected, align):
    """Equal multisets of sequences, where lengths of one aligned size count as one length."""

    def rounded(sequences):
        return [
            [(0, 0, reference_pack.aligned(span[2], align)) for span in sequence] for sequence in sequences
        ]

    assert reference_pack.shape(rounded(found)) == reference_pack.shape(rounded(expected))


@given(job=jobs(), buffer_documents=st.integers(1, 20), buffer_tokens=st.integers(0, 100))
def test_stream_is_as_defined(job, buffer_documents, buffer_tokens):
    lengths, limit, options = job
    buffer = {"buffer_documents": buffer_documents, "buffer_tokens": buffer_tokens}
    plan = pack(lengths, limit, "stream", **options, **buffer)
    expected, rest = reference_pack.stream(lengths, limit, **options, **buffer)
    found = sequences_of(plan)
    assert found[: len(expected)] == expected
    last = reference_pack.best_fit_spans(rest, limit, options["max_documents"], options["align"])
    check_same_shape(found[len(expected) :], last, options["align"])
    check_promises(lengths, plan)


@given(job=jobs(), seed=st.integers(0, 2**64 - 1))
def test_seeded_stream_is_a_stream_of_permuted_documents(job, seed):
    lengths, limit, options = job
    plan = pack(lengths, limit, "stream", seed=seed, buffer_documents=5, buffer_tokens=0, **options)
    check_promises(lengths, plan)
    draw = _core.random_bits(seed, 0x73747265616D, 0)
    order = _core._testing.permute_range(len(lengths), draw, 0, len(lengths)).tolist()
    arriving = pack(
        [lengths[d] for d in order], limit, "stream", buffer_documents=5, buffer_tokens=0, **options
    )
    expected = [[(order[d], start, length) for d, start, length in s] for s in sequences_of(arriving)]
    assert sequences_of(plan) == expected


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_threads_do_not_change_the_result(strategy):
    lengths = np.random.default_rng(1).integers(0, 700, 20_000).astype(np.int32)
    plans = [pack(lengths, 512, strategy, num_threads=threads) for threads in (1, 2, 5)]
    assert plans[0] == plans[1] == plans[2]


def test_more_documents_than_a_block():
    """Documents go to their places a block of 2^20 at a time; their sequences are told without blocks."""
    lengths = np.random.default_rng(4).integers(0, 40, 3_300_000).astype(np.int32)
    for threads in (1, 2):
        sequence, sequences = best_fit_sequence_of(lengths, 64, num_threads=threads)
        offsets, documents = best_fit_documents(lengths, 64, num_threads=threads)
        assert len(offsets) == sequences + 1
        assert len(documents) == np.count_nonzero(lengths)
        of_place = np.repeat(np.arange(sequences), np.diff(offsets))
        assert np.array_equal(sequence[documents], of_place)
        # As told: longest first, equal lengths in input order.
        inside = np.diff(of_place) == 0
        rising = np.diff(lengths[documents] * -(10**7) + documents.astype(np.int64)) > 0
        assert rising[inside].all()
        assert np.array_equal(np.sort(documents), np.flatnonzero(lengths))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_no_documents(strategy):
    plan = pack([], 16, strategy)
    assert (plan.num_sequences, plan.num_spans, plan.num_tokens) == (0, 0, 0)
    assert plan.utilization == 1.0
    plan.verify([])


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("num_threads", [1, 3])
def test_bad_documents_are_named(strategy, num_threads):
    lengths = np.full(1000, 5, np.int32)
    lengths[[700, 200, 900]] = [-1, -2, -3]
    with pytest.raises(ValueError, match=r"lengths\[200\] is -2"):
        pack(lengths, 16, strategy, num_threads=num_threads)
    lengths[[700, 200, 900]] = [17, 18, 19]
    with pytest.raises(ValueError, match="document 200 has 18 tokens, more than a sequence holds"):
        pack(lengths, 16, strategy, overflow="error", num_threads=num_threads)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sequence_length": 0}, "sequence_length must be from 1 to"),
        ({"max_documents": 0}, "max_documents must be at least 1, got 0"),
        ({"align": 3}, "align must be a divisor of sequence_length"),
        ({"align": 0}, "align must be at least 1"),
        ({"drop_shorter_than": 17}, "drop_shorter_than must be from 0 to sequence_length"),
        ({"overflow": "fold"}, "overflow must be one of 'split', 'truncate', 'drop', 'error', got 'fold'"),
        ({"strategy": "worst_fit"}, "strategy must be one of 'stream', "),
        ({"strategy": "pad", "sorted": True, "group_sequences": 0}, "group_sequences must be at least 1"),
        ({"strategy": "histogram", "algorithm": "x"}, "algorithm must be one of 'spfhp', 'lpfhp', got 'x'"),
        ({"strategy": "concat", "border": "x"}, "border must be one of 'cross', 'truncate', got 'x'"),
        ({"strategy": "stream", "buffer_documents": 0}, "buffer_documents must be from 1 to"),
        ({"strategy": "decompose", "max_length": 12}, "max_length must be a power of two, got 12"),
        ({"strategy": "decompose", "max_length": 32}, r"max_length must be at most sequence_length \(16\)"),
        ({"strategy": "decompose", "min_length": 32}, r"min_length must be at most max_length \(16\)"),
        ({"strategy": "decompose", "min_length": 0}, "min_length must be a power of two, got 0"),
        ({"strategy": "decompose", "mode": "x"}, "mode must be one of 'exact', 'shifted'"),
        ({"strategy": "decompose", "align": 2, "mode": "shifted"}, "align must divide the length of every"),
        ({"strategy": "decompose", "max_length": 4, "drop_shorter_than": 5}, "at most max_length"),
        ({"num_threads": 0}, "num_threads must be at least 1"),
        ({"sequence_length": 16.5}, "sequence_length must be a whole number, got 16.5"),
        ({"sequence_length": 2**40}, r"sequence_length must be less than 2\*\*31, got 1099511627776"),
        ({"max_documents": 2.5}, "max_documents must be a whole number, got 2.5"),
        ({"align": "4"}, "align must be a whole number, got '4'"),
        ({"drop_shorter_than": 0.5}, "drop_shorter_than must be a whole number, got 0.5"),
        ({"strategy": "stream", "buffer_documents": 1.5}, "buffer_documents must be a whole number"),
        ({"strategy": "stream", "buffer_tokens": 2**70}, r"buffer_tokens must be less than 2\*\*63"),
        ({"strategy": "stream", "seed": -1}, r"seed must be from 0 to 2\*\*64 - 1, got -1"),
        ({"strategy": "decompose", "min_length": 2.5}, "min_length must be a whole number, got 2.5"),
    ],
)
def test_bad_options_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        pack([1, 2, 3], **{"sequence_length": 16, **arguments})


def test_whole_floats_and_large_limits_are_taken():
    plan = pack([1, 2, 3], 16.0, "stream", max_documents=2**40, align=1.0, buffer_documents=1e3, seed=3.0)
    plan.verify([1, 2, 3])
    assert plan.sequence_length == 16
    assert plan == pack([1, 2, 3], 16, "stream", max_documents=2**40, seed=3)


def test_sequences_of_documents_are_exact_however_many_a_sequence_holds():
    """Positions are in fixed point, which has to be set anew before its rounding tells."""
    for length in (1, 3, 7, 1000):
        lengths = np.full(700_000, length, np.int32)
        each = 2**20 // length
        found, _ = best_fit_sequence_of(lengths, 2**20, num_threads=3)
        assert np.array_equal(found, np.arange(len(lengths)) // each)


def test_unknown_option_names_the_known_ones():
    with pytest.raises(TypeError, match="strategy 'concat' takes no option 'depth'; its options: border"):
        pack([1], 16, "concat", depth=3)


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.int64, np.uint16, np.uint64])
def test_lengths_of_any_integer_type(dtype):
    lengths = np.array([3, 9, 0, 30], dtype)
    assert pack(lengths, 16) == pack([3, 9, 0, 30], 16)


def test_lengths_that_are_no_lengths():
    with pytest.raises(TypeError, match="integers, got an array of float64"):
        pack([1.0, 2.0], 16)
    with pytest.raises(ValueError, match=r"vector, got shape \(1, 2\)"):
        pack([[1, 2]], 16)
    with pytest.raises(ValueError, match=r"lengths\[1\] is 2147483648"):
        pack(np.array([1, 2**31]), 16)
    with pytest.raises(ValueError, match=r"lengths\[0\] is -4"):
        pack(np.array([-4, 1]), 16)


def test_compare_packs_with_every_strategy():
    lengths = np.random.default_rng(2).integers(0, 900, 500)
    comparisons = compare(lengths, 512, overflow="truncate", align=2)
    assert [c.name for c in comparisons] == list(COMPARED)
    assert {c.plan.strategy for c in comparisons} == set(STRATEGIES)
    for comparison in comparisons:
        comparison.plan.verify(lengths)
        assert comparison.row()["utilization"] == comparison.plan.utilization
        assert comparison.row()["lost_tokens"] == np.maximum(lengths - 512, 0).sum()


@pytest.mark.parametrize("falling", [False, True])
def test_an_order_that_packs_badly_is_warned_of(falling):
    rng = np.random.default_rng(0)
    lengths = np.clip(rng.lognormal(np.log(800), 1.3, 30_000), 1, 100_000).astype(np.int32)
    shuffled = pack(lengths, 8192).utilization
    ordered = np.sort(lengths)[:: -1 if falling else 1]
    with pytest.warns(
        UserWarning, match=r"by length perhaps.* (8|9)\d\.\d% full.*about 100\.0%: pass seed=0"
    ):
        assert pack(ordered, 8192).utilization < shuffled - 0.05
    assert pack(ordered, 8192, seed=0).utilization > shuffled - 0.001


@pytest.mark.parametrize("lengths", [[5000] * 5000, [700, 300] * 3000, list(range(1, 500))])
def test_lengths_that_no_order_packs_better_are_not_warned_of(lengths):
    pack(np.array(lengths, np.int32), 8192)
