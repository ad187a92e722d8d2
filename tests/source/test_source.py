"""Sources: selections of documents, bins of lengths, masks."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from fixtures.loader_data import make_store, web_lengths
from hypothesis import given
from hypothesis import strategies as st

import pypack
from pypack import Loader, Source
from pypack.source.masks import token_masks
from pypack.source.select import select_documents


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("source") / "a.store", web_lengths(60, seed=2))


def loaded_documents(source, store):
    """How often an epoch gives each document, by its tokens."""
    tokens = np.zeros(len(store))
    for batch in Loader(source, batch_sequences=4):
        np.add.at(tokens, batch.document_ids, batch.span_lengths)
    return tokens / store.lengths


def test_selected_documents_are_what_is_loaded(store):
    where = np.arange(60) % 3 == 0
    assert loaded_documents(Source.select(store, 64, where=where), store).tolist() == where.tolist()
    repeats = np.arange(60) % 4
    assert loaded_documents(Source.select(store, 64, repeats=repeats), store).tolist() == repeats.tolist()


@given(weights=st.lists(st.floats(0, 5), min_size=60, max_size=60).filter(any), seed=st.integers(0, 99))
def test_document_weights_are_kept_within_one(store, weights, seed):
    if sum(weights) < 1:
        weights = [w + 0.1 for w in weights]
    times = Counter(select_documents(store, document_weights=weights, seed=seed).tolist())
    drift = 0.0
    for document, weight in enumerate(weights):
        assert np.floor(weight) - 1e-9 <= times[document] <= np.ceil(weight) + 1e-9
        drift += times[document] - weight
        assert abs(drift) < 1 + 1e-6


def test_bins_of_lengths_divide_the_documents(store):
    sources = Source.by_length(store, [10, 50, 10_000], 64)
    assert list(sources) == ["<10", "10-50", "50-10000"]
    assert sum(loaded_documents(source, store) for source in sources.values()).tolist() == [1.0] * 60
    assert set(loaded_documents(sources["<10"], store)[store.lengths >= 10]) == {0.0}
    with pytest.raises(ValueError, match="bins must rise"):
        Source.by_length(store, [5, 5], 64)


def test_wrong_selections_are_refused(store):
    for options, error, message in (
        ({"where": np.ones(3, bool)}, ValueError, "60 documents, has shape"),
        ({"where": np.ones(60)}, TypeError, "needs bool"),
        ({"where": np.zeros(60, bool)}, ValueError, "holds none"),
        ({"repeats": np.full(60, -1)}, ValueError, r"repeats\[0\] is negative"),
        ({"document_weights": np.full(60, np.nan)}, ValueError, r"document_weights\[0\] is nan"),
    ):
        with pytest.raises(error, match=message):
            Source.select(store, 64, **options)
    plan = pypack.pack(store.lengths, 64)
    with pytest.raises(ValueError, match="fingerprint"):
        Source(store, plan, documents=np.arange(10))
    with pytest.raises(ValueError, match="two plans"):
        Source(store, [plan, pypack.pack(store.lengths, 64, "pad")])
    with pytest.raises(ValueError, match="at least one plan"):
        Source(store, [])


def test_masks_take_numbers_flags_and_ranges(store):
    offsets, ranges = token_masks(store, np.arange(60) % 2)
    assert np.diff(offsets).tolist() == [0, 1] * 30
    assert ranges.tolist() == [[0, 1]] * 30
    _, ranges = token_masks(store, np.arange(60) < 2)
    assert ranges.tolist() == [[0, store.lengths[0]], [0, store.lengths[1]]]
    for mask, message in (
        ([[0]] * 60, "start, stop"),
        ([[3, 1]] * 60, "does not rise"),
        ([[0, 1]] * 3, "3 values"),
        (np.full(60, -1), "negative"),
    ):
        with pytest.raises(ValueError, match=message):
            token_masks(store, mask)
