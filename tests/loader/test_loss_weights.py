"""Weights of losses: every learned token of a batch has its own, everything else 0."""

from __future__ import annotations

import pickle

import numpy as np
import pyarrow as pa
import pytest
from fixtures.frameworks import require
from fixtures.loader_data import bucketed, make_store, web_lengths

import pypack
from pypack import Loader, Source


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights")
    return [make_store(path / name, web_lengths(60, seed)) for seed, name in enumerate("ab")]


def weights_of(store, seed=0):
    """A weight for each token, each of its own."""
    return np.random.default_rng(seed).permutation(store.num_tokens).astype(np.float32) + 1


def checked(batch, weights, stores):
    """`weights`: of each source one a token, by document; compares token by token."""
    assert batch.loss_weights.dtype == np.float32
    labels, found = batch.labels, batch.loss_weights
    assert found.shape == batch.input_ids.shape
    assert (found[labels == -100] == 0).all()
    seen = 0
    flat_ids, flat_weights, flat_labels = batch.input_ids.reshape(-1), found.reshape(-1), labels.reshape(-1)
    # Every token of a store of this test has an id of its own, which tells where it is.
    by_id = [
        dict(zip(np.concatenate(list(s)).tolist(), w.tolist(), strict=True))
        for s, w in zip(stores, weights, strict=True)
    ]
    source_of = np.zeros(batch.input_ids.shape, int)
    if len(stores) > 1:
        rows = np.repeat(np.arange(batch.num_rows), np.diff(batch.row_spans))
        for row, source in zip(rows, batch.source_ids, strict=True):
            source_of[row] = source
    for token, weight, label, source in zip(
        flat_ids, flat_weights, flat_labels, source_of.reshape(-1), strict=True
    ):
        if label != -100:
            assert weight == by_id[source][int(token)]
            seen += 1
    assert seen == (labels != -100).sum() > 0


@pytest.mark.parametrize("layout", ["padded", "varlen"])
@pytest.mark.parametrize("align", [1, 8])
def test_tokens_have_their_weights(stores, layout, align):
    store, weights = stores[0], weights_of(stores[0])
    plan = pypack.pack(store.lengths, 64, align=align)
    lists = np.split(weights, np.cumsum(store.lengths)[:-1])
    mask = store.lengths // 3
    for form in (weights, lists, [w.tolist() for w in lists], pa.array([w.tolist() for w in lists])):
        source = Source(store, plan, loss_weights=form, mask=mask, drop_unlearned=True)
        for batch in Loader(source, batch_sequences=8, layout=layout, prefetch=2):
            checked(batch, [weights], [store])
    loader = Loader(source, batch_sequences=8, layout=layout, world_size=2, rank=1, dtype="int32")
    checked(loader.batch_at(loader.steps_per_epoch + 1), [weights], [store])


def test_documents_have_weights(stores):
    store = stores[0]
    values = np.linspace(0, 2, 60, dtype=np.float32)
    source = Source(store, pypack.pack(store.lengths, 64), loss_weights=values)
    checked(Loader(source, batch_sequences=8).batch_at(1), [np.repeat(values, store.lengths)], [store])
    some = [None if i % 2 else 0.5 for i in range(60)]
    for form in (some, pa.array(some)):
        source = Source(store, pypack.pack(store.lengths, 64), loss_weights=form)
        expected = np.repeat([1.0 if v is None else v for v in some], store.lengths)
        checked(Loader(source, batch_sequences=8).batch_at(1), [expected], [store])


def test_selections_and_row_lengths_and_sources_have_their_own(stores):
    weights = [weights_of(store, seed) for seed, store in enumerate(stores)]
    chosen = np.arange(60)[::-2].copy()
    few = pypack.pack(stores[1].lengths[chosen], 64)
    sources = {
        "a": Source(stores[0], pypack.pack(stores[0].lengths, 64), loss_weights=weights[0]),
        "b": Source(stores[1], few, documents=chosen, loss_weights=weights[1]),
    }
    phase = pypack.Phase(tokens=64 * 8 * 20, weights={"a": 0.5, "b": 0.5})
    loader = Loader(sources, schedule=pypack.Schedule([phase]), batch_sequences=8)
    for step in range(5):
        checked(loader.batch_at(step), weights, stores)
    sources["b"] = Source(stores[1], few, documents=chosen)
    loader = Loader(sources, schedule=pypack.Schedule([phase]), batch_sequences=8)
    checked(loader.batch_at(2), [weights[0], np.ones(stores[1].num_tokens)], stores)
    many = Source(stores[0], bucketed(stores[0], [16, 64, 400]), loss_weights=weights[0])
    for batch in Loader(many, batch_tokens=400 * 16):
        checked(batch, weights[:1], stores[:1])


def test_weights_go_where_the_batch_goes(stores):
    store, weights = stores[0], weights_of(stores[0])
    source = Source(store, pypack.pack(store.lengths, 64), loss_weights=weights)
    batch = Loader(source, batch_sequences=8).batch_at(0)
    assert (pickle.loads(pickle.dumps(batch)).loss_weights == batch.loss_weights).all()
    assert (batch.split(4)[2].loss_weights == batch.loss_weights[4:6]).all()
    assert "loss_weights" in batch.to_dict()
    shifted = batch.shift_labels()
    assert (shifted.loss_weights[:, :-1] == batch.loss_weights[:, 1:]).all()
    assert ((shifted.loss_weights == 0) >= (shifted.labels == -100)).all()
    require("torch")
    assert (batch.to_torch().shift_labels().loss_weights.numpy() == shifted.loss_weights).all()
    plain = Loader(store, source.plan, batch_sequences=8).batch_at(0)
    assert plain.loss_weights is None
    assert "loss_weights" not in plain.to_dict()


@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [
        (np.ones(7), ValueError, "loss_weights must have one value for each of the"),
        ([[1.0]] * 60, ValueError, r"loss_weights\[\d\] has 1 values"),
        ([np.nan] * 60, ValueError, "nan, which is no finite"),
        (["a"] * 60, TypeError, "are numbers"),
        ([True] * 60, TypeError, "are numbers"),
    ],
)
def test_wrong_weights_are_told(stores, weights, error, message):
    with pytest.raises(error, match=message):
        Source(stores[0], pypack.pack(stores[0].lengths, 64), loss_weights=weights)


def test_weights_need_labels(stores):
    source = Source(stores[0], pypack.pack(stores[0].lengths, 64), loss_weights=np.ones(60))
    with pytest.raises(ValueError, match="beside labels or loss_mask"):
        Loader(source, batch_sequences=8, arrays=["segment_ids"])
    batch = Loader(source, batch_sequences=8, arrays=["loss_mask"]).batch_at(0)
    assert (batch.loss_weights == batch.loss_mask).all()
