"""Ids that the vocabulary of a store has not are warned of, by the loader, `pack_pairs` and the command."""

from __future__ import annotations

import re
import warnings

import pytest
from fixtures.loader_data import make_store

import pypack
from pypack import Loader
from pypack.cli import main
from pypack.objectives import (
    UL2,
    Denoiser,
    FillInMiddle,
    MaskedLM,
    ObjectiveSchedule,
    SpanCorruption,
    pack_pairs,
)

VOCABULARY = 500
BEYOND = rf"beyond the vocabulary of .*a\.store \({VOCABULARY} tokens, the last is {VOCABULARY - 1}\)"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("ids") / "a.store", [20, 30, 40] * 10, vocab_size=VOCABULARY)


def masked(mask_id):
    return MaskedLM(0.3, mask_id=mask_id, special_ids=[], vocab_size=VOCABULARY)


@pytest.mark.parametrize("beyond", [0, 1])
def test_a_mask_and_control_tokens(store, beyond):
    """The last id of the vocabulary, and the one behind it."""
    last = VOCABULARY - 1 + beyond
    plan = pypack.pack(store.lengths, 64, room=3)
    controls = {"prefix_id": 1, "suffix_id": 2, "middle_id": last, "special_ids": []}
    schedule = ObjectiveSchedule({"masked": masked(last), "causal": None}, {"masked": 1, "causal": 1})
    for objective, field in (
        (masked(last), "mask_id of MaskedLM"),
        (FillInMiddle(**controls), "middle_id of FillInMiddle"),
        (schedule, "mask_id of MaskedLM"),
    ):
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            Loader(store, plan, batch_sequences=4, objective=objective)
        found = [str(one.message) for one in told if "beyond" in str(one.message)]
        assert len(found) == beyond
        if beyond:
            assert found[0].startswith(f"{field}: {last}, beyond")
            assert told[0].filename == __file__


def test_sentinels_ends_and_modes(store, capsys):
    ids = {"sentinel_ids": range(510, 480, -1), "end_id": 1, "start_id": 0}
    with pytest.warns(UserWarning, match=r"sentinel_ids of SpanCorruption: 510, 509, 508, \.\.\., " + BEYOND):
        plan = pack_pairs(store, SpanCorruption(**ids), 64)
    with pytest.warns(UserWarning, match="sentinel_ids of SpanCorruption: 510"):
        Loader(store, plan, batch_sequences=4, objective=SpanCorruption(**ids))
    mixture = [Denoiser("spans", 0.15, 3, (7, 600))]
    with pytest.warns(UserWarning, match="mode of a denoiser of UL2: 600, " + BEYOND):
        pack_pairs(store, UL2(mixture, sentinel_ids=range(400, 300, -1), end_id=1, start_id=0), 64)
    text = "SpanCorruption(sentinel_ids=[600, 499], end_id=1, start_id=0)"
    arguments = ["pack", str(store.path), "--sequence-length", "64", "--objective", text]
    assert main([*arguments, "--output", str(store.path.parent / "a.plan")]) == 0
    assert re.search("warning: sentinel_ids of SpanCorruption: 600, " + BEYOND, capsys.readouterr().err)


def test_knots(store):
    plan = pypack.pack(store.lengths, 128, "knots", over="best_fit", knot_ids=[1, 2, 3, 500])
    with pytest.warns(UserWarning, match="knot_ids of the plan: 500, " + BEYOND):
        Loader(store, plan, batch_sequences=4)
    known = pypack.pack(store.lengths, 128, "knots", over="best_fit", knot_ids=[1, 2, 3, 499])
    Loader(store, known, batch_sequences=4)  # warnings are errors here
