"""Inputs and targets in the varlen layout: spans end to end on both sides, each with borders of its own."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from fixtures.frameworks import require
from fixtures.loader_data import make_store, web_lengths
from objectives.test_span_corruption import IDS, MIXTURE, store_and_plan

from pypack import Loader, Source
from pypack.objectives import UL2, PrefixLM, SpanCorruption, pack_pairs

OBJECTIVES = [SpanCorruption(0.3, 3, **IDS), UL2(MIXTURE, seed=4, **IDS), PrefixLM(**IDS)]
ARRAYS = ["labels", "position_ids", "segment_ids", "loss_mask"]
INPUTS = ("input_ids", "position_ids", "segment_ids")
TARGETS = ("labels", "loss_mask", "decoder_input_ids", "decoder_position_ids", "decoder_segment_ids")


def without_padding(padded):
    """The arrays of a padded batch as those of a varlen one."""
    found = {}
    for names, segments in ((INPUTS, padded.segment_ids), (TARGETS, padded.decoder_segment_ids)):
        found |= {name: padded[name][segments > 0] for name in names}
        rows = padded.row_spans[:-1, None]  # whose segments count from 1 in every row
        found[names[-1]] = (segments + rows)[segments > 0].astype(segments.dtype)
    return found


def assert_is(batch, padded):
    expected = without_padding(padded)
    for name, array in expected.items():
        assert batch[name].dtype == array.dtype, name
        np.testing.assert_array_equal(batch[name], array, err_msg=name)
    for prefix, segments in (("", expected["segment_ids"]), ("decoder_", expected["decoder_segment_ids"])):
        lengths = np.bincount(segments, minlength=batch.num_spans + 1)[1:]
        borders = batch[f"{prefix}cu_seqlens"]
        assert borders.dtype == np.int32
        assert borders.tolist() == [0, *np.cumsum(lengths).tolist()]
        assert batch[f"{prefix}max_seqlen"] == lengths.max(initial=0)


@pytest.mark.parametrize("dtype", ["int64", "int32"])
@pytest.mark.parametrize("objective", OBJECTIVES, ids=["spans", "ul2", "prefix"])
def test_a_batch_is_the_padded_one_without_its_padding(tmp_path, objective, dtype):
    store, plan = store_and_plan(tmp_path, objective)
    source = Source(store, plan, mask=[2] * store.num_documents)
    options = {"batch_sequences": 5, "seed": 5, "objective": objective, "dtype": dtype, "arrays": ARRAYS}
    padded, varlen = Loader(source, **options), Loader(source, layout="varlen", **options)
    for step in (0, padded.steps_per_epoch - 1, padded.steps_per_epoch + 1):
        batch = varlen.batch_at(step)
        assert_is(batch, padded.batch_at(step))
        assert batch.padding == 0
        assert batch.layout == "varlen"
    pass_of = iter(varlen)  # made by the thread that works ahead
    assert_is(next(pass_of), padded.batch_at(0))


def test_arrays_that_are_not_wanted_are_not_there(tmp_path):
    store, plan = store_and_plan(tmp_path, OBJECTIVES[0])
    batch = Loader(
        store, plan, batch_sequences=3, objective=OBJECTIVES[0], layout="varlen", arrays=["labels"]
    ).batch_at(0)
    assert {"position_ids", "segment_ids", "decoder_position_ids"}.isdisjoint(batch.keys())
    assert len(batch.labels) == batch.decoder_cu_seqlens[-1] == len(batch.decoder_input_ids)
    assert len(batch.input_ids) == batch.cu_seqlens[-1]


def test_ranks_threads_resumes_and_parts_give_the_same(tmp_path):
    objective = UL2(MIXTURE, seed=4, **IDS)
    store, plan = store_and_plan(tmp_path, objective, documents=600)
    options = {"batch_sequences": 8, "seed": 3, "objective": objective, "layout": "varlen"}
    whole = Loader(store, plan, num_threads=1, **options)
    batch = whole.batch_at(2)
    assert Loader(store, plan, num_threads=3, **options).batch_at(2) == batch
    going = Loader(store, plan, **options)
    going.load_state_dict(whole.state_dict(2))
    assert next(iter(going)) == batch
    assert pickle.loads(pickle.dumps(batch)) == batch
    padded = Loader(store, plan, **options | {"layout": "padded", "arrays": ARRAYS})
    going = Loader(store, plan, **options | {"arrays": ARRAYS})
    halves = zip(going.batch_at(2).split(2), padded.batch_at(2).split(2), strict=True)
    for half, expected in halves:
        assert_is(half, expected)
    for rank in range(2):
        part = {"rank": rank, "world_size": 2}
        mine = Loader(store, plan, **options | {"arrays": ARRAYS} | part).batch_at(2)
        other = Loader(store, plan, **options | {"layout": "padded", "arrays": ARRAYS} | part).batch_at(2)
        assert_is(mine, other)


def test_rows_without_spans_take_no_room(tmp_path):
    """The last step of an epoch is filled up with empty rows."""
    store, plan = store_and_plan(tmp_path, OBJECTIVES[0])
    rows = len(plan) - 1
    options = {"batch_sequences": rows, "objective": OBJECTIVES[0], "arrays": ARRAYS}
    padded = Loader(store, plan, **options).batch_at(1)
    batch = Loader(store, plan, layout="varlen", **options).batch_at(1)
    assert batch.num_rows == rows
    assert np.count_nonzero(np.diff(batch.row_spans)) == 1
    assert_is(batch, padded)
    empty = Loader(store, plan, layout="varlen", **options).batch_at(1).split(rows)[-1]
    assert (empty.tokens, empty.decoder_max_seqlen, empty.decoder_cu_seqlens.tolist()) == (0, 0, [0])


def test_workers_of_a_data_loader_give_the_same(tmp_path):
    torch = require("torch")
    store, plan = store_and_plan(tmp_path, OBJECTIVES[0])
    loader = Loader(store, plan, batch_sequences=8, objective=OBJECTIVES[0], layout="varlen", epochs=1)
    expected = [loader.batch_at(step) for step in range(loader.steps_per_epoch)]
    found = torch.utils.data.DataLoader(loader.torch_dataset(), batch_size=None, num_workers=2)
    for one, other in zip(found, expected, strict=True):
        assert one == other
        assert isinstance(one.to_torch().decoder_cu_seqlens, torch.Tensor)
        assert isinstance(one.decoder_max_seqlen, int)


def test_what_has_no_place_is_refused(tmp_path):
    objective = OBJECTIVES[0]
    store, plan = store_and_plan(tmp_path, objective)
    options = {"batch_sequences": 4, "objective": objective, "layout": "varlen"}
    with pytest.raises(ValueError, match="layout='padded' has fixed shapes on both sides"):
        Loader(store, plan, pad_to=1000, **options)
    with pytest.raises(ValueError, match="layout='padded' has fixed shapes on both sides"):
        Loader(store, plan, max_documents=100, **options)
    with pytest.raises(ValueError, match="positions='row' counts one side alone"):
        Loader(store, plan, positions="row", **options)
    loader = Loader(store, plan, **options)
    with pytest.raises(ValueError, match="encoder_decoder has masks"):
        loader.for_transformers()
    require("torch")
    with pytest.raises(ValueError, match="encoder_decoder has masks"):
        loader.batch_at(0).for_transformers()


def test_a_plan_of_another_objective_is_found(tmp_path):
    import dataclasses

    store, plan = store_and_plan(tmp_path, OBJECTIVES[0])
    plan.sides = dataclasses.replace(plan.sides, input_length=50, target_length=54)
    loader = Loader(store, plan, batch_sequences=len(plan), objective=OBJECTIVES[0], layout="varlen")
    with pytest.raises(ValueError, match="a sequence has more than 50 inputs or 54 targets; the plan is dam"):
        loader.batch_at(0)


def test_spans_of_one_token_have_borders_too(tmp_path):
    """Without end tokens the encoder of such a prefix reads nothing: its border stands twice."""
    objective = PrefixLM(end_id=1, start_id=0, ends=False)
    store = make_store(tmp_path / "a.store", [1, 5, 1, 7, *web_lengths(20)])
    plan = pack_pairs(store.lengths, objective, 64, 64, drop_shorter_than=1)
    options = {"batch_sequences": len(plan), "objective": objective, "arrays": ARRAYS, "shuffle": False}
    batch = Loader(store, plan, layout="varlen", **options).batch_at(0)
    assert_is(batch, Loader(store, plan, **options).batch_at(0))
    assert 0 in np.diff(batch.cu_seqlens)
