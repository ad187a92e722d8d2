"""PackedBatch and the kernels that fill it, against their definition in plain Python."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from fixtures.loader_data import make_source, make_store, replaced
from hypothesis import given
from hypothesis import strategies as st
from reference import batch as reference_batch

import pypack
from pypack import Loader

ALL = ("labels", "position_ids", "segment_ids")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return make_source(tmp_path_factory.mktemp("batch") / "a.store")


def as_lists(batch):
    return {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in batch.to_dict().items()}


@given(
    lengths=st.lists(st.integers(0, 40), min_size=1, max_size=30).filter(any),
    strategy=st.sampled_from(["best_fit", "concat", "next_fit", "pad"]),
    align=st.sampled_from([1, 4]),
    layout=st.sampled_from(["padded", "varlen"]),
    dtype=st.sampled_from(["int64", "int32"]),
    arrays=st.sets(st.sampled_from(ALL)),
    rows=st.integers(1, 7),
    vocab_size=st.sampled_from([300, 70_000]),
    scale=st.sampled_from([1, 1, 1, 90]),  # spans longer than the pieces that they are copied in
)
def test_batches_are_what_the_definition_says(
    tmp_path_factory, lengths, strategy, align, layout, dtype, arrays, rows, vocab_size, scale
):
    lengths = [length * scale + (length > 0) * length % 7 for length in lengths]
    store = make_store(tmp_path_factory.mktemp("store"), lengths, vocab_size, shard_tokens=50 * scale)
    plan = pypack.pack(store.lengths, 16 * scale, strategy, align=align)
    loader = Loader(
        store, plan, batch_sequences=rows, layout=layout, dtype=dtype, arrays=tuple(arrays), pad_id=7
    )
    for batch in loader:
        sequences = loader.sequences_at(batch.step).tolist()
        assert len(sequences) == rows
        if layout == "padded":
            expected = reference_batch.padded(store, plan, sequences, 16 * scale, 7, align)
        else:
            expected = reference_batch.varlen(store, plan, sequences, 7, align)
        got = as_lists(batch)
        for name, value in expected.items():
            if name in ALL and name not in arrays:
                assert name not in got
            else:
                assert got[name] == value, name
        assert batch.input_ids.dtype == dtype
        assert batch.tokens == sum(got["span_lengths"])
        assert got["span_lengths"] == [
            int(plan.span_length[i])
            for s in sequences
            if s >= 0
            for i in range(plan.sequence_offsets[s], plan.sequence_offsets[s + 1])
        ]
        assert batch.padding == batch.input_ids.size - batch.tokens


def test_threads_do_not_change_a_batch(tmp_path):
    store, plan = make_source(tmp_path / "a.store", documents=12_000, sequence_length=1024)
    for layout in ("padded", "varlen"):
        options = {"batch_sequences": 300, "layout": layout}
        one = Loader(store, plan, num_threads=1, **options).batch_at(0)
        many = Loader(store, plan, num_threads=5, **options).batch_at(0)
        assert one.input_ids.size > 2**18  # otherwise one thread does it all
        for name, value in one.to_dict().items():
            np.testing.assert_array_equal(value, many.to_dict()[name])


def test_shifted_labels_are_the_next_tokens(source):
    for layout in ("padded", "varlen"):
        batch = Loader(*source, batch_sequences=4, layout=layout).batch_at(0)
        shifted = batch.shift_labels()
        inputs, labels = np.atleast_2d(batch.input_ids), np.atleast_2d(shifted.labels)
        segments = np.atleast_2d(batch.segment_ids)
        for r, t in np.ndindex(inputs.shape):
            last = t + 1 == inputs.shape[1] or segments[r, t + 1] != segments[r, t] or segments[r, t] == 0
            assert labels[r, t] == (-100 if last else inputs[r, t + 1])
        assert shifted.input_ids is batch.input_ids
    with pytest.raises(ValueError, match="no labels"):
        Loader(*source, batch_sequences=4, arrays=()).batch_at(0).shift_labels()


@pytest.mark.parametrize("layout", ["padded", "varlen"])
def test_split_gives_the_rows_in_parts(source, layout):
    loader = Loader(*source, batch_sequences=6, layout=layout)
    whole = loader.batch_at(1)
    parts = whole.split(3)
    assert sum(part.tokens for part in parts) == whole.tokens
    for name in ("input_ids", "labels", "position_ids", "document_ids", "source_ids", "span_lengths"):
        joined = np.concatenate([getattr(part, name) for part in parts])
        np.testing.assert_array_equal(joined, getattr(whole, name))
    sequences = loader.sequences_at(1).tolist()
    store, plan = source
    for i, part in enumerate(parts):
        assert part.num_rows == 2
        if layout == "varlen":
            expected = reference_batch.varlen(store, plan, sequences[2 * i : 2 * i + 2], 0)
            assert part.cu_seqlens.tolist() == expected["cu_seqlens"]
            assert part.segment_ids.tolist() == expected["segment_ids"]
            assert part.max_seqlen == expected["max_seqlen"]
    with pytest.raises(ValueError, match=r"possible: \[1, 2, 3, 6\]"):
        whole.split(4)


def test_batches_keep_their_memory_while_they_are_held(source):
    loader = Loader(*source, batch_sequences=4)
    held = [batch.input_ids for batch in loader]  # only one array of each batch is kept
    again = Loader(*source, batch_sequences=4)
    for kept, batch in zip(held, again, strict=True):
        np.testing.assert_array_equal(kept, batch.input_ids)


@pytest.mark.parametrize("damage", ["offset", "rising", "document", "start", "length", "capacity"])
@pytest.mark.parametrize("layout", ["padded", "varlen"])
def test_damaged_plans_raise(source, damage, layout):
    store, plan = source
    arrays = {name: array.copy() for name, array in plan.arrays().items()}
    if damage == "offset":
        arrays["sequence_offsets"][-1] = 2**62
    elif damage == "rising":
        arrays["sequence_offsets"][3] = -5
    elif damage == "document":
        arrays["span_document"][7] = store.num_documents
    elif damage == "start":
        arrays["span_start"][7] = -1
    elif damage == "length":
        arrays["span_length"][7] = 2**31 - 1
    else:  # more spans than the row has room for, each of them inside its document
        arrays["sequence_offsets"][1:-1] = arrays["sequence_offsets"][-1]
    loader = Loader(store, replaced(plan, **arrays), batch_sequences=plan.num_sequences, layout=layout)
    if damage == "capacity" and layout == "varlen":
        assert loader.batch_at(0).tokens == plan.num_tokens  # legal there: rows have no fixed length
    else:
        with pytest.raises((ValueError, IndexError), match=r"sequence|document|plan"):
            loader.batch_at(0)


def test_positions_and_loss_masks(source):
    store, plan = source
    masks = [[] if i % 3 else [0, 2, 5, 9] for i in range(len(store))]
    masked = pypack.Source(store, plan, mask=masks)
    arrays = (*ALL, "loss_mask")
    for layout in ("padded", "varlen"):
        plain = Loader(store, plan, batch_sequences=8, layout=layout).batch_at(0)
        batch = Loader(masked, batch_sequences=8, layout=layout, arrays=arrays, positions="row").batch_at(0)
        np.testing.assert_array_equal(batch.input_ids, plain.input_ids)
        np.testing.assert_array_equal(batch.loss_mask, batch.labels != -100)
        np.testing.assert_array_equal(batch.labels[batch.loss_mask > 0], plain.labels[batch.loss_mask > 0])
        spans = [s for q in Loader(masked, batch_sequences=8).sequences_at(0) for s in plan_spans(plan, q)]
        expected = [
            [t not in (0, 1, 5, 6, 7, 8) or d % 3 != 0 for t in range(start, start + n)]
            for d, start, n in spans
        ]
        for one in expected:
            one[0] = False
        flat = batch.loss_mask[batch.segment_ids > 0]
        assert flat.tolist() == [float(x) for one in expected for x in one]
        if layout == "padded":
            rows = batch.segment_ids > 0
            for positions, real in zip(batch.position_ids, rows, strict=True):
                assert positions[real].tolist() == list(range(real.sum()))


def plan_spans(plan, sequence):
    for i in range(plan.sequence_offsets[sequence], plan.sequence_offsets[sequence + 1]):
        yield int(plan.span_document[i]), int(plan.span_start[i]), int(plan.span_length[i])


def test_fixed_shapes_for_graphs(source):
    plain = Loader(*source, batch_sequences=4, layout="varlen")
    fixed = Loader(*source, batch_sequences=4, layout="varlen", pad_to=300, max_documents=40, pad_id=9)
    for step in range(5):
        one, other = plain.batch_at(step), fixed.batch_at(step)
        n, spans = one.tokens, len(one.cu_seqlens) - 1
        assert other.input_ids.shape == (300,)
        assert other.cu_seqlens.shape == (41,)
        np.testing.assert_array_equal(other.input_ids[:n], one.input_ids)
        assert set(other.input_ids[n:]) == {9}
        np.testing.assert_array_equal(other.cu_seqlens[: spans + 1], one.cu_seqlens)
        padding = [*range(n + 64, 300, 64), 300]  # no segment is longer than a row
        assert other.cu_seqlens[spans + 1 :].tolist() == padding + [300] * (40 - spans - len(padding))
        assert other.max_seqlen == 64
    with pytest.raises(ValueError, match="pad_to allows 100"):
        Loader(*source, batch_sequences=4, layout="varlen", pad_to=100).batch_at(0)
    with pytest.raises(ValueError, match="max_documents allows 2"):
        Loader(*source, batch_sequences=4, layout="varlen", max_documents=2).batch_at(0)
    with pytest.raises(ValueError, match="layout='varlen'"):
        Loader(*source, batch_sequences=4, pad_to=100)


@pytest.mark.parametrize("first", ["document_ids", "source_ids", "span_lengths", "row_spans"])
def test_what_is_known_of_spans_is_there_in_whatever_order_it_is_asked_for(source, first):
    loader = Loader(*source, batch_sequences=3)
    whole = loader.batch_at(1).to_dict()
    batch = loader.batch_at(1)
    assert batch.num_spans == len(whole["document_ids"])
    np.testing.assert_array_equal(getattr(batch, first), whole[first])
    assert batch.num_spans == len(whole["document_ids"])
    for name, array in whole.items():
        np.testing.assert_array_equal(getattr(batch, name), array)

    changed = loader.batch_at(1)
    setattr(changed, first, None)
    rest = {name: array for name, array in whole.items() if name != first}
    assert getattr(changed, first) is None
    for name, array in rest.items():
        np.testing.assert_array_equal(getattr(changed, name), array)
    with pytest.raises(AttributeError, match="nothing"):
        _ = changed.nothing


@pytest.mark.parametrize("copied", [copy.copy, lambda batch: pickle.loads(pickle.dumps(batch))])
def test_a_batch_that_nobody_looked_at_yet_can_be_copied(source, copied):
    loader = Loader(*source, batch_sequences=3, layout="varlen")
    whole, got = loader.batch_at(1).to_dict(), copied(loader.batch_at(1)).to_dict()
    assert whole.keys() == got.keys()
    for name, value in whole.items():
        np.testing.assert_array_equal(got[name], value)
