"""Replaced tokens: what a generator is given, what is to be detected, and the definitions of both."""

from __future__ import annotations

import numpy as np
import pytest
from fixtures.loader_data import make_source, make_store, web_lengths
from hypothesis import given
from hypothesis import strategies as st
from objectives.test_masked_lm_kernels import INSTRUCTIONS, batches, check, replacements, tokens_of
from reference import objective as reference

import pypack
from pypack import Loader, Source, _core
from pypack.objectives import MaskedLM, ReplacedTokens

PLAIN = {"special_ids": [7, 8, 9], "vocab_size": 60_000}
SPECIAL = {7, 8, 9}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return make_source(tmp_path_factory.mktemp("replaced") / "a.store", documents=300)


@given(
    batch=batches(),
    chance=st.integers(0, 2**32),
    by=replacements(),
    never=st.sets(tokens_of, max_size=8),
    untold=st.none() | st.sets(tokens_of, max_size=8),
    starts=st.none() | st.sets(tokens_of),
    dtype=st.sampled_from([np.int64, np.int32]),
    labels_tell=st.booleans(),
    instructions=st.sampled_from(INSTRUCTIONS),
)
def test_what_is_detected(batch, chance, by, never, untold, starts, dtype, labels_tell, instructions):
    untold = never if untold is None else untold
    never_ids = np.array(sorted(never), np.uint32)
    kernel = _core.detected_tokens(
        choosing=_core.masked_tokens(
            chance=chance,
            replacement=_core.Replacement(**by),
            never=never_ids,
            word_starts=None if starts is None else np.array(sorted(starts), np.uint32),
            instructions=instructions,
        ),
        never=np.array(sorted(untold), np.uint32),
        instructions=instructions,
    )

    def define(tokens, labels, key):
        inputs, learned = reference.masked_tokens(
            tokens, labels, key, chance, reference.Replacement(**by), never, starts
        )
        return inputs, reference.detected(tokens, labels, learned, untold)

    check(kernel, batch, dtype, 1, define, labels_tell)


def rows_of(batch, array):
    """Of every row of a batch in either layout its items and where they begin in what places count from."""
    for row in range(batch.num_rows):
        if batch.layout == "padded":
            yield array[row], 0
        else:
            first, last = (int(batch.cu_seqlens[batch.row_spans[row + i]]) for i in (0, 1))
            yield array[first:last], first


@pytest.mark.parametrize("layout", ["padded", "varlen"])
@pytest.mark.parametrize(("positions", "size"), [(None, 9), (3, 3), (64, 64)])
def test_a_generators_arrays(source, layout, positions, size):
    objective = ReplacedTokens(0.15, positions=positions, mask_id=59_999, **PLAIN)
    options = {"batch_sequences": 8, "seed": 5, "layout": layout, "arrays": ["labels", "loss_mask"]}
    loader = Loader(*source, objective=objective, **options)
    batch = loader.batch_at(1)
    plain = Loader(*source, **options).batch_at(1)
    chosen = Loader(
        *source, objective=MaskedLM(0.15, mode="electra", mask_id=59_999, **PLAIN), **options
    ).batch_at(1)
    np.testing.assert_array_equal(batch.original_ids, plain.input_ids)
    assert batch.masked_positions.shape == batch.masked_labels.shape == (8, size)
    left_out = 0
    inputs, labels = chosen.input_ids.copy(), chosen.labels.copy()
    for row, (learned, first) in enumerate(rows_of(batch, chosen.labels)):
        places = np.flatnonzero(learned != -100)
        listed = places[:size] + first
        count = len(listed)
        np.testing.assert_array_equal(batch.masked_positions[row], [*listed, *[0] * (size - count)])
        expected = [*learned[places[:size]], *[-100] * (size - count)]
        np.testing.assert_array_equal(batch.masked_labels[row], expected)
        assert batch.masks_left_out[row].tolist() == [len(places) - count]
        left_out += len(places) - count
        back = places[size:] + first
        of_row = (row,) if layout == "padded" else ()
        inputs[(*of_row, back)] = labels[(*of_row, back)]
        labels[(*of_row, back)] = -100
    assert (left_out > 0) == (positions != 64)
    np.testing.assert_array_equal(batch.input_ids, inputs)
    np.testing.assert_array_equal(batch.labels, labels)
    np.testing.assert_array_equal(batch.loss_mask, labels != -100)


def test_a_discriminators_labels(source):
    """What a generator samples goes into the original, at places of a fixed number."""
    torch = pytest.importorskip("torch")
    objective = ReplacedTokens(0.2, mask_id=59_999, **PLAIN)
    batch = Loader(*source, batch_sequences=4, objective=objective).batch_at(0).to_torch()
    known = batch.masked_labels != -100
    sampled = torch.where(known, batch.masked_labels + (torch.arange(known.shape[1]) % 2), 0)
    places = torch.where(known, batch.masked_positions, 0)
    inputs = batch.original_ids.scatter(1, places, torch.where(known, sampled, batch.original_ids[:, :1]))
    replaced = inputs != batch.original_ids
    assert 0 < int(replaced.sum()) < int(known.sum())
    assert bool((batch.labels[replaced] != -100).all())


def test_random_tokens(source):
    objective = ReplacedTokens(0.15, "random", **PLAIN)
    plain = Loader(*source, batch_sequences=8, seed=5).batch_at(1)
    batch = Loader(*source, batch_sequences=8, seed=5, objective=objective).batch_at(1)
    swapped = Loader(
        *source, batch_sequences=8, seed=5, objective=ReplacedTokens(0.15, "swapped", **PLAIN)
    ).batch_at(1)
    np.testing.assert_array_equal(batch.original_ids, plain.input_ids)
    np.testing.assert_array_equal(batch.input_ids, swapped.input_ids)
    special = np.isin(plain.input_ids, list(SPECIAL)) | (plain.segment_ids == 0)
    np.testing.assert_array_equal(batch.labels == -100, special)
    np.testing.assert_array_equal(batch.labels == 1, swapped.labels != -100)
    changed = batch.input_ids != plain.input_ids
    assert (batch.labels[changed] == 1).all()
    assert changed.sum() > 0.9 * (batch.labels == 1).sum()
    np.testing.assert_array_equal(swapped.labels[changed], plain.input_ids[changed])


def test_nothing_is_told_of_masked_tokens(tmp_path):
    store = make_store(tmp_path / "a.store", web_lengths(80), shard_tokens=10**9)
    plan = pypack.pack(store.lengths, 64)
    masked = Source(store, plan, mask=[4] * store.num_documents, drop_unlearned=True)
    objective = ReplacedTokens(0.5, "random", **PLAIN)
    batch = Loader(masked, batch_sequences=8, shuffle=False, objective=objective).batch_at(0)
    hidden = np.concatenate([store[d][:4] for d in range(store.num_documents)])
    at = np.isin(batch.original_ids, hidden) & (batch.segment_ids > 0)
    assert (batch.labels[at] == -100).all()
    np.testing.assert_array_equal(batch.input_ids[at], batch.original_ids[at])


@pytest.mark.parametrize("method", ["generator", "random", "swapped"])
def test_ranks_threads_and_resumes_give_the_same(source, method):
    masks = {"mask_id": 59_999} if method == "generator" else {}
    objective = ReplacedTokens(0.2, method, **PLAIN, **masks)
    options = {"batch_sequences": 8, "seed": 3, "objective": objective}
    whole = Loader(*source, num_threads=1, **options)
    batch = whole.batch_at(2)
    assert Loader(*source, num_threads=4, **options).batch_at(2) == batch
    for rank in range(2):
        part = Loader(*source, rank=rank, world_size=2, **options).batch_at(2)
        for name in ("input_ids", "labels", *(batch.extras or ())):
            np.testing.assert_array_equal(part[name], batch[name][rank::2])
    going = Loader(*source, **options)
    going.load_state_dict(whole.state_dict(2))
    assert next(iter(going)) == batch
    second = batch.split(2)[1]
    for name in batch.extras or ():
        np.testing.assert_array_equal(second[name], batch[name][4:])


def test_what_does_not_go_together_is_refused():
    with pytest.raises(ValueError, match="positions is for method='generator'"):
        ReplacedTokens(0.1, "random", positions=4)
    with pytest.raises(ValueError, match="positions must be at least 1"):
        ReplacedTokens(0.1, positions=0)
    with pytest.raises(ValueError, match="method must be one of"):
        ReplacedTokens(0.1, "other")
    with pytest.raises(ValueError, match="rate is a chance"):
        ReplacedTokens(2)
    with pytest.raises(ValueError, match="mode='electra' draws tokens"):
        ReplacedTokens(0.1, mode="electra", whole_word=[1, 2])
    assert ReplacedTokens(0.1, whole_word=[1, 2]).mode == "huggingface"
