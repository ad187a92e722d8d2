"""Masked language modelling in a loader: what is drawn, on what it depends, and what is refused."""

from __future__ import annotations

import importlib.util
import json
import pickle
import warnings

import numpy as np
import pytest
from fixtures.loader_data import make_source, make_store, web_lengths
from reference import objective as reference

import pypack
from pypack import Loader, Phase, Schedule, Source
from pypack._common.fingerprint import text_key
from pypack.objectives import MaskedLM

PLAIN = {"mask_id": 59_999, "special_ids": [7, 8, 9], "vocab_size": 60_000}
UNIT = 2**32


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return make_source(tmp_path_factory.mktemp("masked") / "a.store", documents=300)


def spans_of(batch, loader):
    """Of every span of a padded batch: row, items, and the key of its draws."""
    _, sequences = loader.rows_at(batch.step)
    epochs = loader.epochs_at(batch.step)
    seed_key = reference.source_key(loader.seed, text_key("objective\0\x000"))
    for row, sequence in enumerate(sequences.tolist()):
        end = 0
        first, last = batch.row_spans[row : row + 2].tolist()
        for number, length in enumerate(batch.span_lengths[first:last].tolist()):
            items = slice(end, end + length)
            end += length
            yield row, items, reference.span_key(seed_key, int(epochs[row]), sequence, number)


@pytest.mark.parametrize("epoch", [0, 2])
def test_a_batch_is_what_the_definition_says(source, epoch):
    objective = MaskedLM(0.3, **PLAIN)
    loader = Loader(*source, batch_sequences=8, seed=5, objective=objective, arrays=["labels", "loss_mask"])
    plain = Loader(*source, batch_sequences=8, seed=5)
    by = reference.Replacement(round(0.8 * UNIT), round(0.9 * UNIT), 59_999, 60_000)
    step = epoch * loader.steps_per_epoch + 1
    batch, before = loader.batch_at(step), plain.batch_at(step)
    assert batch.epoch == epoch
    labels = np.full_like(before.labels, -100)
    inputs = before.input_ids.copy()
    for row, items, key in spans_of(batch, loader):
        tokens = before.input_ids[row, items].tolist()
        inputs[row, items], labels[row, items] = reference.masked_tokens(
            tokens, tokens, key, round(0.3 * UNIT), by, {7, 8, 9}
        )
    np.testing.assert_array_equal(batch.input_ids, inputs)
    np.testing.assert_array_equal(batch.labels, labels)
    np.testing.assert_array_equal(batch.loss_mask, labels != -100)
    assert (labels[:, 0] != -100).any()  # the first token of a span, too


@pytest.mark.parametrize("mode", ["huggingface", "electra"])
def test_it_is_the_same_however_it_is_read(source, mode):
    options = {"batch_sequences": 8, "objective": MaskedLM(mode=mode, **PLAIN)}
    one = Loader(*source, **options)
    in_a_pass = list(one)
    for batch in Loader(*source, prefetch=0, num_threads=3, **options):
        assert batch == in_a_pass[batch.step] == one.batch_at(batch.step)
    halves = [Loader(*source, rank=r, world_size=2, **options).batch_at(3) for r in range(2)]
    for rank, half in enumerate(halves):
        np.testing.assert_array_equal(half.labels, in_a_pass[3].labels[rank::2])
        np.testing.assert_array_equal(half.input_ids, in_a_pass[3].input_ids[rank::2])
    flat = Loader(*source, layout="varlen", dtype="int32", **options).batch_at(3)
    filled = in_a_pass[3].segment_ids > 0
    np.testing.assert_array_equal(flat.input_ids, in_a_pass[3].input_ids[filled])
    np.testing.assert_array_equal(flat.labels, in_a_pass[3].labels[filled])
    again = Loader(*source, **options)
    again.load_state_dict(json.loads(json.dumps(one.state_dict(step=2))))
    assert next(iter(again)) == in_a_pass[2]
    assert pickle.loads(pickle.dumps(one)).batch_at(4) == in_a_pass[4]
    assert one.batch_at(len(in_a_pass) + 3) != in_a_pass[3]


def test_a_sequence_is_masked_alike_in_batches_of_any_size(source):
    """By (seed, epoch, sequence, span): not by its step or its row."""
    few, many = (
        Loader(*source, batch_sequences=n, objective=MaskedLM(**PLAIN), arrays=["labels"]) for n in (2, 12)
    )
    found = {}
    for batch in (few.batch_at(k) for k in range(few.steps_per_epoch)):
        for sequence, labels in zip(few.sequences_at(batch.step).tolist(), batch.labels, strict=True):
            found[sequence] = labels
    for batch in (many.batch_at(k) for k in range(many.steps_per_epoch)):
        for sequence, labels in zip(many.sequences_at(batch.step).tolist(), batch.labels, strict=True):
            if sequence >= 0:
                np.testing.assert_array_equal(labels, found[sequence])
    other = Loader(*source, batch_sequences=2, seed=1, objective=MaskedLM(**PLAIN), arrays=["labels"])
    sequence = int(other.sequences_at(0)[0])
    assert not np.array_equal(other.batch_at(0).labels[0], found[sequence])


def test_another_source_changes_no_draws(tmp_path, source):
    own = Source(*source)
    other = Source(*make_source(tmp_path / "b.store", documents=40))
    objective = MaskedLM(**PLAIN)
    found = []
    for sources in ({"a": own}, {"other": other, "a": own}):
        schedule = Schedule([Phase(weights=dict.fromkeys(sources, 1.0), steps=30)])
        loader = Loader(sources, schedule=schedule, batch_sequences=4, objective=objective)
        labels = {}
        for step in range(30):
            batch = loader.batch_at(step)
            numbers, sequences = loader.rows_at(step)
            for row, (number, sequence) in enumerate(zip(numbers.tolist(), sequences.tolist(), strict=True)):
                if loader.source_names[number] == "a" and loader.epochs_at(step)[row] == 0:
                    labels[sequence] = batch.labels[row].tolist()
        found.append(labels)
    both = found[0].keys() & found[1].keys()
    assert len(both) > 20
    assert all(found[0][sequence] == found[1][sequence] for sequence in both)


def test_rates_are_met(tmp_path):
    store = make_store(tmp_path / "a.store", [1000] * 200, 60_000, shard_tokens=10**6)
    plan = pypack.pack(store.lengths, 2000)
    batch = Loader(store, plan, batch_sequences=100, objective=MaskedLM(0.15, **PLAIN)).batch_at(0)
    plain = Loader(store, plan, batch_sequences=100).batch_at(0)
    chosen = batch.labels != -100
    count = chosen.sum()
    assert abs(chosen.mean() - 0.15) < 5 * np.sqrt(0.15 * 0.85 / chosen.size)
    np.testing.assert_array_equal(batch.labels[chosen], plain.input_ids[chosen])
    np.testing.assert_array_equal(batch.input_ids[~chosen], plain.input_ids[~chosen])
    masked = batch.input_ids[chosen] == 59_999
    same = batch.input_ids[chosen] == plain.input_ids[chosen]
    for share, expected in ((masked.mean(), 0.8), (same.mean(), 0.1), ((~masked & ~same).mean(), 0.1)):
        assert abs(share - expected) < 5 * np.sqrt(expected / count)
    # Neighbours, which share a draw, are chosen independently of each other.
    for apart in (1, 2, 3, 4, 256):
        both = (chosen[:, apart:] & chosen[:, :-apart]).mean()
        assert abs(both - 0.15**2) < 5 * np.sqrt(0.15**2 / chosen.size)


def test_what_is_not_to_be_learned_is_never_chosen(tmp_path):
    store = make_store(tmp_path / "a.store", web_lengths(200))
    plan = pypack.pack(store.lengths, 64)
    options = {"batch_sequences": 8, "objective": MaskedLM(0.9, **PLAIN), "arrays": ["labels", "loss_mask"]}
    masked = Source(store, plan, mask=np.minimum(store.lengths, 3))
    hidden = Loader(Source(store, plan, mask=np.minimum(store.lengths, 3)), batch_sequences=8)
    loader = Loader(masked, **options)
    for step in range(loader.steps_per_epoch):
        batch, plain = loader.batch_at(step), hidden.batch_at(step)
        inside = plain.position_ids > 0  # a span's first token has no label in a plain batch
        assert (batch.labels[inside & (plain.labels == -100)] == -100).all()
        np.testing.assert_array_equal(batch.loss_mask, batch.labels != -100)
        assert not np.isin(batch.labels, [7, 8, 9]).any()
    with pytest.warns(UserWarning, match="learn"):
        all_hidden = Loader(Source(store, plan, mask=store.lengths), **options)
    assert (all_hidden.batch_at(0).labels == -100).all()


def test_a_state_of_another_objective_is_refused(source):
    with_it = Loader(*source, batch_sequences=8, objective=MaskedLM(**PLAIN))
    without = Loader(*source, batch_sequences=8)
    other = Loader(*source, batch_sequences=8, objective=MaskedLM(0.3, **PLAIN))
    assert len(json.dumps(with_it.state_dict())) < 1024
    for state, loader, words in (
        (with_it.state_dict(step=2), without, "is not given here"),
        (without.state_dict(step=2), with_it, "which the state does not name"),
        (with_it.state_dict(step=2), other, "objective is 'MaskedLM [0-9a-f]+' here, was 'MaskedLM"),
    ):
        with pytest.raises(ValueError, match=words):
            loader.load_state_dict(state)
        assert loader.step == 0
        with pytest.warns(UserWarning, match="another objective"):
            loader.load_state_dict(state, strict=False)
        assert loader.step == 2
        loader.seek(0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rate": 1.5}, "rate is a chance, from 0 to 1, got 1.5"),
        ({"rate": float("nan")}, "rate"),
        ({"replace": (0.8, 0.1)}, "three|unpack"),
        ({"replace": (0.8, 0.1, 0.2)}, "add up to 1"),
        ({"replace": 3}, "replace is three chances"),
        ({"mode": "bert"}, "mode must be 'huggingface' or 'electra'"),
        ({"mode": "electra", "whole_word": True}, "whole_word goes with mode='huggingface'"),
        ({"most": 5}, "most is for mode='electra'"),
        ({"mode": "electra", "most": 0}, "at least 1"),
        ({"special_ids": [-1]}, "special_ids is a list of token ids"),
        ({"special_ids": [2**40]}, "is no token id"),
        ({"whole_word": [0.5]}, "whole_word is a list of token ids"),
        ({"mask_id": -1}, "mask_id must be at least 0"),
        ({"vocab_size": 0}, "vocab_size must be at least 1"),
    ],
)
def test_wrong_arguments_are_named(options, words):
    with pytest.raises(ValueError, match=words):
        MaskedLM(**options)


def test_what_no_store_tells_is_asked_for(source, tmp_path):
    options = {"batch_sequences": 8}
    with pytest.raises(ValueError, match="give special_ids"):
        Loader(*source, objective=MaskedLM(), **options)
    with pytest.raises(ValueError, match="give mask_id="):
        Loader(*source, objective=MaskedLM(special_ids=[]), **options)
    with pytest.raises(ValueError, match="give whole_word="):
        Loader(*source, objective=MaskedLM(whole_word=True, **PLAIN), **options)
    with pytest.raises(ValueError, match="MaskedLM changes labels: name it in arrays"):
        Loader(*source, objective=MaskedLM(**PLAIN), arrays=["position_ids"], **options)
    with pytest.raises(TypeError, match=r"one of pypack\.objectives"):
        Loader(*source, objective="MaskedLM", **options)


@pytest.mark.parametrize("options", [{}, {"prefetch": 0}, {"layout": "varlen"}])
def test_labels_of_an_objective_are_not_shifted(source, options):
    loader = Loader(*source, batch_sequences=8, objective=MaskedLM(**PLAIN), **options)
    batch = next(iter(loader))
    batches = [batch, loader.batch_at(3), batch.split(2)[1], pickle.loads(pickle.dumps(batch))]
    if importlib.util.find_spec("torch") is not None:
        batches.append(batch.to_torch())
    for one in batches:
        with pytest.raises(ValueError, match=r"those of the loader's objective.*batch\.labels to the loss"):
            one.shift_labels()
    assert "has_own_labels" not in batch.to_dict()
    plain = Loader(*source, batch_sequences=8, **options).batch_at(0)
    assert not plain.has_own_labels
    plain.shift_labels()


def test_only_next_token_losses_are_warned_of_first_tokens(tmp_path):
    """Cut documents of which a piece has nothing but its first token unmasked: an objective learns that."""
    store = make_store(tmp_path / "a.store", [20] * 8)
    plan = pypack.pack(store.lengths, 10)
    mask = [[0, 10, 11, 20]] * 8  # of the second piece the first token, of the first none
    shown = [[1, 10, 11, 20]] * 8  # of both the first token
    with pytest.warns(
        UserWarning, match=r"^8 of 16 sequences and 8 pieces .* hold no token that is learned:"
    ):
        Source(store, plan, mask=mask)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        source = Source(store, plan, mask=shown)
        loader = Loader(source, batch_sequences=16, objective=MaskedLM(1.0, **PLAIN))
    assert (loader.batch_at(0).labels != -100).any(axis=1).all()
    with pytest.warns(UserWarning, match=r"^16 of 16 sequences and 16 pieces .* nothing foretells the first"):
        Loader(source, batch_sequences=16)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Loader(Source(store, plan, mask=np.arange(8) * 0 + 9), batch_sequences=16)
