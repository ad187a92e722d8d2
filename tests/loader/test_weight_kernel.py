"""The kernel of loss weights against its definition: of documents and tokens, of both sides of pairs."""

from __future__ import annotations

import numpy as np
import pytest
from fixtures.loader_data import make_store, web_lengths
from hypothesis import given
from hypothesis import strategies as st
from reference.weights import WeightedSpan, weights_of_row

import pypack
from pypack import Loader, Source, _core
from pypack.objectives import UL2, Denoiser, FillInMiddle, PrefixLM, SpanCorruption, pack_pairs

CONTROLS = {"prefix_id": 1, "suffix_id": 2, "middle_id": 3, "special_ids": []}
IDS = {"sentinel_ids": range(59_999, 59_799, -1), "end_id": 59_700, "start_id": 0}
DENOISERS = [Denoiser("spans", 0.3, 3, (50_001,)), Denoiser("prefix", 0.5, mode=(50_002,))]
PAIRS = [SpanCorruption(0.15, 3, **IDS), UL2(DENOISERS, **IDS), PrefixLM(0.5, end_id=59_700, start_id=0)]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("weights") / "a.store", web_lengths(80, 4))


def learned_of(batch):
    return batch.loss_mask > 0 if batch.labels is None else batch.labels != -100


def compared(batch, rows, row_length):
    """`rows`: spans of each row of the batch."""
    learned = learned_of(batch)
    assert learned.any()
    assert batch.loss_weights.dtype == np.float32
    assert batch.loss_weights.shape == learned.shape
    at = 0
    for row, spans in enumerate(rows):
        if batch.cu_seqlens is None:
            wanted = weights_of_row(spans, learned[row].tolist(), row_length)
            assert batch.loss_weights[row].tolist() == wanted
        else:
            end = at + sum(span.room for span in spans)
            wanted = weights_of_row(spans, learned[at:end].tolist(), None)
            assert batch.loss_weights[at:end].tolist() == wanted
            at = end
    if batch.cu_seqlens is not None:
        assert (batch.loss_weights[at:] == 0).all()


@given(
    kind=st.sampled_from(["documents", "tokens"]),
    layout=st.sampled_from(["padded", "varlen"]),
    arrays=st.sampled_from([["labels"], ["loss_mask"], ["labels", "loss_mask"]]),
    dtype=st.sampled_from(["int64", "int32"]),
    align=st.sampled_from([1, 8]),
    infilled=st.booleans(),
    masked=st.booleans(),
    seed=st.integers(0, 9),
)
def test_a_batch_has_the_weights_of_its_definition(
    store, kind, layout, arrays, dtype, align, infilled, masked, seed
):
    infilled = infilled and kind == "documents"
    plan = pypack.pack(store.lengths, 128, align=align, room=3 if infilled else 0)
    rng = np.random.default_rng(seed)
    size = len(store) if kind == "documents" else store.num_tokens
    weights = rng.random(size).astype(np.float32)
    begins = np.cumsum(store.lengths) - store.lengths
    source = Source(
        store, plan, loss_weights=weights, mask=store.lengths // 3 if masked else None, drop_unlearned=masked
    )
    objective = FillInMiddle(0.7, **CONTROLS) if infilled else None
    loader = Loader(
        source, batch_sequences=5, layout=layout, arrays=arrays, dtype=dtype, objective=objective, seed=seed,
        **({"pad_to": 5 * 128} if layout == "varlen" and seed % 2 else {}),
    )  # fmt: skip
    batch = loader.batch_at(seed % loader.steps_per_epoch)
    lengths = iter(batch.span_lengths.tolist())
    rows = []
    for sequence in loader.sequences_at(batch.step).tolist():
        spans = []
        for span in plan[sequence] if sequence >= 0 else ():
            room = int(plan.rooms_of(np.array([span.length]))[0])
            if kind == "documents":
                spans.append(WeightedSpan(next(lengths), room, float(weights[span.document])))
            else:
                first = int(begins[span.document]) + span.start
                values = weights[first : first + span.length].tolist()
                spans.append(WeightedSpan(next(lengths), room, of_tokens=values))
        rows.append(spans)
    compared(batch, rows, 128)


@given(
    objective=st.sampled_from(PAIRS),
    layout=st.sampled_from(["padded", "varlen"]),
    arrays=st.sampled_from([["segment_ids"], ["segment_ids", "loss_mask"]]),
    seed=st.integers(0, 9),
)
def test_targets_have_the_weights_of_their_documents(store, objective, layout, arrays, seed):
    plan = pack_pairs(store, objective, 128)
    weights = np.random.default_rng(seed).random(len(store)).astype(np.float32)
    source = Source(store, plan, loss_weights=weights)
    loader = Loader(
        source, batch_sequences=4, layout=layout, arrays=["labels", *arrays], objective=objective, seed=seed
    )
    batch = loader.batch_at(seed % loader.steps_per_epoch)
    of_span = weights[batch.document_ids]
    # Where each target is from, as the kernels that write it say.
    numbers = batch.decoder_segment_ids
    if layout == "padded":
        numbers = numbers + np.where(numbers > 0, batch.row_spans[:-1, None], 0)
    wanted = np.where(numbers > 0, of_span[np.maximum(numbers, 1) - 1], 0).astype(np.float32)
    wanted[batch.labels == -100] = 0
    np.testing.assert_array_equal(batch.loss_weights, wanted)
    assert (batch.loss_weights > 0).sum() == (batch.labels != -100).sum() > 50
    parts = batch.split(2)
    np.testing.assert_array_equal(np.concatenate([part.loss_weights for part in parts]), wanted)
    assert [part.loss_weights.shape for part in parts] == [part.labels.shape for part in parts]


def test_weights_of_tokens_that_are_moved_are_refused(store):
    weights = np.ones(store.num_tokens, np.float32)
    infilled = Source(store, pypack.pack(store.lengths, 128, room=3), loss_weights=weights)
    with pytest.raises(ValueError, match=r"FillInMiddle puts other tokens .* give one number a document"):
        Loader(infilled, batch_sequences=4, objective=FillInMiddle(**CONTROLS))
    objective = SpanCorruption(0.15, 3, **IDS)
    pairs = Source(store, pack_pairs(store, objective, 128), loss_weights=weights)
    with pytest.raises(ValueError, match=r"SpanCorruption puts other tokens .* give one number a document"):
        Loader(pairs, batch_sequences=4, objective=objective)


def test_the_kernel_refuses_what_does_not_belong_together(store):
    made = Loader(store, pypack.pack(store.lengths, 128), batch_sequences=4).batch_at(0)._made
    spans = _core.num_spans(made)
    ones, none = np.ones(spans, np.float32), np.full(spans, -1)
    with pytest.raises(ValueError, match=f"a weight for each of {spans} spans"):
        _core.batch_weights(made, ones[1:], none, [])
    with pytest.raises(IndexError, match="of 3 that have weights"):
        _core.batch_weights(made, ones, np.zeros(spans, np.int64), [np.ones(3, np.float32)])
    with pytest.raises(IndexError, match="of 0 that have weights"):
        _core.batch_weights(made, ones, np.full(spans, 2**62), [])
