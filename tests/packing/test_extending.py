"""Plans of stores that have grown: the old sequences stay, and the new documents come behind them."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from fixtures.loader_data import replaced
from hypothesis import given
from hypothesis import strategies as st

import pypack
from pypack.plan.plan import Plan, PlanCounts

STRATEGIES = {
    "stream": {"seed": 3},
    "best_fit": {},
    "concat": {"border": "truncate"},
    "decompose": {"min_length": 4, "max_length": 16, "mode": "shifted"},
    "pad": {"sorted": True},
}
documents = st.lists(st.integers(0, 60), min_size=1, max_size=30)


@pytest.mark.parametrize("strategy", STRATEGIES)
@given(lengths=documents, more=documents, most=documents, overflow=st.sampled_from(["split", "drop"]))
def test_old_sequences_stay(strategy, lengths, more, most, overflow):
    options = {"strategy": strategy, "overflow": overflow, **STRATEGIES[strategy]}
    plan = pypack.pack(lengths, 20, **options)
    grown = pypack.extend_plan(plan, lengths + more)
    grown.verify(lengths + more)
    for old, new in zip(plan.arrays().values(), grown.arrays().values(), strict=True):
        np.testing.assert_array_equal(old, new[: len(old)])
    added = pypack.pack(more, 20, **options)
    assert grown.num_sequences == plan.num_sequences + added.num_sequences
    for name in (field.name for field in dataclasses.fields(PlanCounts)):
        assert getattr(grown.counts, name) == getattr(plan.counts, name) + getattr(added.counts, name)
    assert (grown.strategy, grown.options) == (plan.strategy, plan.options)
    (part,) = grown.extends
    assert (part.documents, part.sequences) == (len(lengths), plan.num_sequences)
    assert (part.lengths_fingerprint, part.fingerprint) == (plan.lengths_fingerprint, plan.fingerprint)
    again = pypack.extend_plan(grown, lengths + more + most)
    again.verify(lengths + more + most)
    assert again.extends[:1] == grown.extends
    assert again.extends[1].fingerprint == grown.fingerprint
    assert pypack.extend_plan(grown, lengths + more) is grown


def test_files_keep_what_was_extended(tmp_path):
    lengths = np.random.default_rng(0).integers(1, 60, 100)
    plan = pypack.extend_plan(pypack.pack(lengths[:70], 20, divisible_by=4), lengths)
    assert plan.num_sequences % 4 == 0
    plan.save(tmp_path / "a.plan")
    opened = Plan.open(tmp_path / "a.plan")
    assert opened.extends == plan.extends
    opened.verify(lengths)
    header = json.loads((tmp_path / "a.plan" / "plan.json").read_text())
    header["extends"][0]["fingerprint"] = "0" * 16
    (tmp_path / "a.plan" / "plan.json").write_text(json.dumps(header))
    with pytest.raises(ValueError, match="its first ones are others"):
        Plan.open(tmp_path / "a.plan").verify(lengths)
    header["extends"] = [{"documents": -1}]
    (tmp_path / "a.plan" / "plan.json").write_text(json.dumps(header))
    with pytest.raises(ValueError, match="extends"):
        Plan.open(tmp_path / "a.plan")


def test_what_did_not_grow_at_its_end_is_refused():
    plan = pypack.pack([5, 6, 7], 20)
    for lengths in ([5, 6, 8, 9], [5, 6], [9, 5, 6, 7]):
        with pytest.raises(ValueError, match="a store grows by documents behind its old ones"):
            pypack.extend_plan(plan, lengths)
    own = replaced(plan)
    own.strategy = "mine"
    with pytest.raises(ValueError, match="none of pypack's strategies"):
        pypack.extend_plan(own, [5, 6, 7, 8])


def test_groups_stay_together():
    lengths, groups = [3, 4, 5, 6, 2, 2], [0, 0, 1, 1, 2, 2]
    options = {"overflow": "drop", "keep_together": groups[:4], "learned": [1, 0, 2, 2]}
    plan = pypack.pack(lengths[:4], 12, "next_fit", **options)
    grown = pypack.extend_plan(plan, lengths, keep_together=groups, learned=[1, 0, 2, 2, 1, 0])
    grown.verify(lengths)
    assert [[span.document for span in spans] for spans in grown] == [[0, 1], [2, 3], [4, 5]]
    with pytest.raises(ValueError, match="packed with keep_together: give keep_together="):
        pypack.extend_plan(plan, lengths)
    with pytest.raises(ValueError, match="packed without learned: leave out learned="):
        pypack.extend_plan(pypack.pack([3], 8), [3, 4], learned=[1, 1])
