"""Numbers of sequences that divide by the ranks: every token stays, nothing is empty, all is counted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pypack

STRATEGIES = ("stream", "best_fit", "concat", "next_fit", "first_fit", "histogram", "pad", "decompose")


def tokens_of(plan):
    """Every (document, position) of a plan, sorted."""
    spans = zip(plan.span_document.tolist(), plan.span_start.tolist(), plan.span_length.tolist(), strict=True)
    return sorted((d, s + k) for d, s, n in spans for k in range(n))


@pytest.mark.parametrize("strategy", STRATEGIES)
@given(
    lengths=st.lists(st.integers(0, 90), min_size=1, max_size=40),
    by=st.integers(2, 9),
    align=st.sampled_from([1, 4]),
)
def test_numbers_divide_and_no_token_is_lost(strategy, lengths, by, align):
    options = {"strategy": strategy, "align": align}
    if strategy == "decompose":
        options |= {"min_length": 4, "max_length": 32, "align": 1}
        align = 1
    plain = pypack.pack(lengths, 32, **options)
    pieces = -(-plain.span_length // align)  # that a span can be cut into
    enough = True
    for runs in plain.buckets.values():
        most = sum(pieces[plain.sequence_offsets[f] : plain.sequence_offsets[f + n]].sum() for f, n in runs)
        enough &= -(-sum(n for _, n in runs) // by) * by <= most
    if not enough:
        with pytest.raises(ValueError, match="cannot be made"):
            pypack.pack(lengths, 32, **options, divisible_by=by)
        return
    plan = pypack.pack(lengths, 32, **options, divisible_by=by)
    plan.verify(lengths)
    assert all(sum(n for _, n in runs) % by == 0 for runs in plan.buckets.values())
    assert tokens_of(plan) == tokens_of(plain)
    assert np.all(np.diff(plan.sequence_offsets) > 0)
    assert plan.counts.added_sequences == plan.num_sequences - plain.num_sequences
    assert plan.counts.added_sequences < by * max(1, len(plain.buckets))
    again = pypack.pack(lengths, 32, **options, divisible_by=by)
    assert again == plan


def test_sequences_of_many_spans_are_cut_between_them():
    plan = pypack.pack([8] * 12 + [32] * 3, 32, "next_fit", divisible_by=8)
    assert (plan.num_sequences, plan.counts.added_sequences, plan.counts.split_documents) == (8, 2, 0)
    assert plan.summary()["added_sequences"] == 2
    assert np.diff(plan.sequence_offsets).tolist() == [2, 2, 4, 1, 1, 1, 2, 2]


def test_it_is_kept_in_files(tmp_path):
    lengths = np.random.default_rng(0).integers(1, 90, 100)
    plan = pypack.pack(lengths, 64, divisible_by=16)
    plan.save(tmp_path / "a.plan")
    opened = pypack.Plan.open(tmp_path / "a.plan")
    opened.verify(lengths)
    assert opened.counts == plan.counts
    assert opened.options["divisible_by"] == 16
    assert "divisible_by" not in pypack.pack(lengths, 64).options


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="1 sequences of 32 tokens cannot be made 8"):
        pypack.pack([3], 32, divisible_by=8)
    with pytest.raises(ValueError, match="divisible_by must be at least 1"):
        pypack.pack([3], 32, divisible_by=0)
    with pytest.raises(ValueError, match="divisible_by must be a whole number"):
        pypack.pack([3], 32, divisible_by=1.5)
