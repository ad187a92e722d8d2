"""Losses of documents: the sums over their learned tokens, of either layout, in NumPy and torch."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from fixtures.frameworks import require
from fixtures.loader_data import make_store, web_lengths

import pypack
from pypack import Loader, Source, document_losses


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    path = tmp_path_factory.mktemp("evaluation")
    stores = {
        name: make_store(path / f"{name}.store", web_lengths(40, seed)) for seed, name in enumerate("ab")
    }
    return {
        name: Source(
            store, pypack.pack(store.lengths, 64, align=align), mask=store.lengths // 3, drop_unlearned=True
        )
        for (name, store), align in zip(stores.items(), (1, 8), strict=True)
    }


def loss_of(token):
    """A loss that tells which token it is of."""
    return np.asarray(token) * 0.5 + 1


def expected_of(source):
    """{document: (sum, tokens)} by its definition: a loop over the spans of the plan."""
    found = {}
    plan, store = source.plan, source.store
    for document, start, length in zip(plan.span_document, plan.span_start, plan.span_length, strict=True):
        total, count = found.get(int(document), (0.0, 0))
        for token in range(start + 1, start + length):
            if token >= store.lengths[document] // 3:
                total, count = total + loss_of(int(store[document][token])), count + 1
        found[int(document)] = (total, count)
    return found


def checked(found, source, number=0):
    expected = expected_of(source)
    mine = found.source_ids == number
    assert np.diff(found.document_ids[mine]).min() > 0
    for document, total, tokens, mean in zip(
        found.document_ids[mine], found.sums[mine], found.tokens[mine], found.means[mine], strict=True
    ):
        assert (total, tokens) == (pytest.approx(expected[document][0]), expected[document][1])
        assert math.isnan(mean) if tokens == 0 else mean == pytest.approx(total / tokens)
    assert found.tokens[mine].sum() == source.num_learned_tokens


@pytest.mark.parametrize("layout", ["padded", "varlen"])
@pytest.mark.parametrize("name", ["a", "b"])
def test_losses_add_up_by_document(sources, layout, name):
    for shifts, cuts, torch in itertools.product((False, True), (False, True), (None, "float64", "bfloat16")):
        parts = []
        for batch in Loader(sources[name], batch_sequences=4, layout=layout, pad_id=3):
            if shifts:
                batch = batch.shift_labels()
            labels = batch.labels[..., 1:] if cuts and not shifts else batch.labels
            losses = np.where(labels == -100, np.nan, loss_of(labels))  # what is not learned is not looked at
            if torch:
                library = require("torch")
                batch = batch.to_torch()
                losses = library.from_numpy(losses).to(getattr(library, torch)).requires_grad_()
            parts.append(document_losses(batch, losses))
        total = sum(parts[1:], start=parts[0])
        if torch == "bfloat16":
            assert total.tokens.sum() == sources[name].num_learned_tokens
        else:
            checked(total, sources[name])
    assert total.mean == total.sums.sum() / total.tokens.sum()


def test_documents_of_several_sources(sources):
    phase = pypack.Phase(tokens=64 * 8 * 40, weights={"a": 0.5, "b": 0.5})
    loader = Loader(
        sources, schedule=pypack.Schedule([phase]), batch_sequences=8, arrays=["loss_mask", "segment_ids"]
    )
    batch = loader.batch_at(3)
    found = document_losses(batch, np.ones(batch.input_ids.shape))
    assert {*zip(found.source_ids.tolist(), found.document_ids.tolist(), strict=True)} == {
        *zip(batch.source_ids.tolist(), batch.document_ids.tolist(), strict=True)
    }
    assert found.tokens.sum() == found.sums.sum() == batch.loss_mask.sum()
    parts = [document_losses(part, np.ones(part.input_ids.shape)) for part in batch.split(4)]
    assert sum(parts[1:], start=parts[0]).sums.tolist() == found.sums.tolist()


def test_an_empty_batch_of_documents_has_no_losses(sources):
    source = sources["a"]
    loader = Loader(source, batch_sequences=source.plan.num_sequences + 5, world_size=1, rank=0)
    batch = loader.batch_at(0)
    rows = batch._rows(batch.num_rows - 1, batch.num_rows)
    found = document_losses(rows, np.zeros(rows.input_ids.shape))
    assert (len(found), math.isnan(found.mean)) == (0, True)


def test_wrong_losses_are_told(sources):
    batch = Loader(sources["a"], batch_sequences=4).batch_at(0)
    with pytest.raises(ValueError, match=r"the shape \(\), the labels \(4, 64\): .* reduction='none'"):
        document_losses(batch, np.float64(1.0))
    with pytest.raises(ValueError, match="which are shifted"):
        whole = Source(sources["a"].store, sources["a"].plan)
        shifted = Loader(whole, batch_sequences=4).batch_at(0).shift_labels()
        document_losses(shifted, np.zeros((4, 63)))
    for arrays, message in (
        (["segment_ids"], "neither labels nor loss_mask"),
        (["labels"], "segment_ids, which"),
    ):
        bare = Loader(sources["a"], batch_sequences=4, arrays=arrays).batch_at(0)
        with pytest.raises(ValueError, match=message):
            document_losses(bare, np.zeros((4, 64)))
