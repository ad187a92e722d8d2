"""Spans that are known beforehand are masked, and nothing else."""

from __future__ import annotations

import gc
import itertools

import numpy as np
import pyarrow as pa
import pytest
from fixtures.loader_data import make_store
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import objective as reference

import pypack
from pypack import Loader, Phase, Ragged, Schedule, Source, StoreWriter, TokenStore, _core
from pypack._common.fingerprint import text_key
from pypack.objectives import MaskedLM

PLAIN = {"mask_id": 299, "special_ids": [7, 8, 9], "vocab_size": 300}
UNIT = 2**32


@st.composite
def documents(draw):
    """Lengths of documents, and ranges of each that rise and may touch."""
    lengths = draw(st.lists(st.integers(1, 60), min_size=1, max_size=12))
    ranges = []
    for length in lengths:
        cuts = sorted(draw(st.sets(st.integers(0, length), max_size=10)))
        pairs = list(itertools.pairwise(cuts))
        ranges.append([pair for pair in pairs if draw(st.booleans())])
    return lengths, ranges


@pytest.mark.filterwarnings("ignore:.*hold no token that is learned:UserWarning")  # which is tried, too
@settings(max_examples=40)
@given(
    documents=documents(),
    rate=st.sampled_from([0.0, 0.3, 1.0]),
    whole=st.booleans(),
    layout=st.sampled_from(["padded", "varlen"]),
    dtype=st.sampled_from(["int64", "int32"]),
    hidden=st.integers(0, 5),
)
def test_they_are_what_the_definition_says(tmp_path_factory, documents, rate, whole, layout, dtype, hidden):
    lengths, ranges = documents
    store = make_store(tmp_path_factory.mktemp("spans") / "a.store", lengths, 300, shard_tokens=50)
    plan = pypack.pack(store.lengths, 32)
    objective = MaskedLM(rate, (0.5, 0.3, 0.2), spans=ranges, whole_span=whole, **PLAIN)
    masks = {"mask": np.minimum(store.lengths, hidden)} if hidden else {}
    options = {"batch_sequences": len(plan), "shuffle": False, "layout": layout, "dtype": dtype}
    arrays = ["labels", "loss_mask"]
    batch = Loader(Source(store, plan, **masks), objective=objective, arrays=arrays, **options).batch_at(0)
    by = reference.Replacement(round(0.5 * UNIT), round(0.8 * UNIT), 299, 300)
    seed_key = reference.source_key(0, text_key("objective\0\x000"))
    inputs, labels = [], []
    for sequence, spans in enumerate(plan):
        for number, span in enumerate(spans):
            tokens = store[span.document][span.start : span.start + span.length].tolist()
            may = [-100 if span.start + i < hidden else token for i, token in enumerate(tokens)]
            key = reference.span_key(seed_key, 0, sequence, number)
            one = reference.masked_ranges(
                tokens, may, key, round(rate * UNIT), whole, by, {7, 8, 9}, ranges[span.document], span.start
            )
            inputs += one[0]
            labels += one[1]
    filled = np.ones(len(inputs), bool) if layout == "varlen" else _filled(batch)
    assert batch.input_ids[filled].tolist() == inputs
    assert batch.labels[filled].tolist() == labels
    np.testing.assert_array_equal(batch.loss_mask, batch.labels != -100)


def _filled(batch):
    tokens = np.add.reduceat(batch.span_lengths, batch.row_spans[:-1])
    return np.arange(batch.input_ids.shape[1]) < tokens[:, None]


def test_a_column_of_the_stores_names_them(tmp_path):
    sources = {}
    for name, first in (("a", 2), ("b", 5)):
        with StoreWriter(tmp_path / name, vocab_size=300) as writer:
            batch = pa.record_batch({"names": [[first, first + 2], [first, first + 1]] * 6})
            writer.append(Ragged(np.arange(240, dtype=np.uint32) % 200 + 10, np.arange(0, 241, 20)), batch)
        store = TokenStore.open(tmp_path / name)
        sources[name] = Source(store, pypack.pack(store.lengths, 20))
    schedule = Schedule([Phase(weights={"a": 1, "b": 1}, steps=3)])
    objective = MaskedLM(1.0, (1, 0, 0), spans="names", whole_span=True, **PLAIN)
    loader = Loader(sources, schedule=schedule, batch_sequences=4, objective=objective)
    gc.collect()
    seen = set()
    for batch in loader:
        for row, (source, document) in enumerate(
            zip(batch.source_ids.tolist(), batch.document_ids.tolist(), strict=True)
        ):
            first = (2, 5)[source]
            expected = [first, first + 1] if document % 2 == 0 else [first]
            assert np.flatnonzero(batch.labels[row] != -100).tolist() == expected
            seen.add(source)
    assert seen == {0, 1}
    with pytest.raises(ValueError, match="is for one source"):
        Loader(
            sources, schedule=schedule, batch_sequences=4, objective=MaskedLM(spans=[[0, 1]] * 12, **PLAIN)
        )


def test_other_spans_are_another_objective(tmp_path):
    store = make_store(tmp_path / "a.store", [20] * 8)
    plan = pypack.pack(store.lengths, 20)
    one, other = (
        Loader(store, plan, batch_sequences=2, objective=MaskedLM(spans=[[n, n + 1]] * 8, **PLAIN))
        for n in (3, 4)
    )
    with pytest.raises(ValueError, match="objective is"):
        other.load_state_dict(one.state_dict())


def test_what_is_wrong_is_named(tmp_path):
    store = make_store(tmp_path / "a.store", [20] * 8)
    plan = pypack.pack(store.lengths, 20)
    for spans, words in (
        ([[3, 1]] * 8, "which does not rise"),
        ([[1, 3]] * 7, "7 values"),
        ("names", "keeps no columns"),
    ):
        with pytest.raises((ValueError, FileNotFoundError), match=words):
            Loader(store, plan, batch_sequences=2, objective=MaskedLM(spans=spans, **PLAIN))
    with pytest.raises(ValueError, match="whole_span is for spans="):
        MaskedLM(whole_span=True)
    for wrong in ({"mode": "electra"}, {"whole_word": True}):
        with pytest.raises(ValueError, match="spans go with"):
            MaskedLM(spans="names", **wrong)


def test_damaged_ranges_are_refused():
    by = _core.Replacement(mask_below=0, word_below=0, mask_id=0, vocab_size=1)
    options = {"chance": 1, "whole": False, "replacement": by, "never": np.zeros(0, np.uint32)}
    for offsets, bounds, words in (
        ([0, 2], [[0, 1]], "offsets must rise, within the ranges"),
        ([1, 0], [[0, 1]], "offsets must rise"),
        ([-1, 0], [[0, 1]], "offsets must rise"),
        ([0, 2], [[0, 3], [2, 4]], "the ranges of document 0 overlap"),
        ([0, 1], [[-1, 1]], "overlap"),
        ([0, 1], [[0, 1, 2]], "shape"),
    ):
        with pytest.raises(ValueError, match=words):
            _core.masked_ranges(**options, ranges=[(np.array(offsets), np.array(bounds, np.int32))])
    with pytest.raises(TypeError, match="pairs of offsets, int64, and bounds, int32"):
        _core.masked_ranges(**options, ranges=[(np.array([0, 1], np.int32), np.zeros((1, 2), np.int32))])
    kernel = _core.masked_ranges(**options, ranges=[])
    ids = np.arange(4)
    with pytest.raises(IndexError, match="no ranges of store 0"):
        kernel.apply(
            ids, ids.copy(), None, None, np.array([0]), np.array([4]), np.zeros(1, np.uint64), True, 1
        )
