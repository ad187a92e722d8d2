"""Replacements by clusters (C-RTS): drawn as the definition says, and what a model said of them as events."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
from conftest import SCALE
from fixtures.frameworks import require
from fixtures.loader_data import make_source
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import objective as reference

import pypack
from pypack import Loader, _core
from pypack.loader import feedback as feedback_module
from pypack.loader import give_feedback
from pypack.objectives import ObjectiveSchedule, ReplacedTokens
from pypack.objectives.clusters import rising_weights, token_clusters
from pypack.objectives.objective import from_text

VOCABULARY = 60_000
CLUSTERS = (np.arange(VOCABULARY) // 7 % 5).astype(np.int32)
CLUSTERS[[7, 8, 9]] = -1


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return make_source(tmp_path_factory.mktemp("clusters") / "a.store", documents=300)


def made(source, objective=None, **options):
    objective = objective or ReplacedTokens(0.3, "clusters", clusters=CLUSTERS, special_ids=[5])
    return Loader(*source, batch_sequences=8, seed=3, objective=objective, **options)


def some_feedback(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(-40, 41, (5, 5))


@settings(max_examples=int(100 * SCALE))
@given(
    counts=st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=6),
    beta=st.sampled_from([0.0, 0.5, 2.0, 20.0]),
)
def test_weights_are_those_of_the_definition(counts, beta):
    table = np.array([counts] * len(counts), np.int64)
    rising = rising_weights(table, beta)
    wanted = reference.cluster_weights(counts, beta)
    assert np.diff(rising, axis=1, prepend=0).tolist() == [wanted] * len(counts)
    # And nearly softmax(beta * x) of counts from 0 to 1.
    x = (np.array(counts) - min(counts)) / max(1, max(counts) - min(counts))
    softmax = np.exp(beta * x) / np.exp(beta * x).sum()
    np.testing.assert_allclose(np.array(wanted) / sum(wanted), softmax, rtol=beta / 4096 + 5e-4)


@settings(max_examples=int(60 * SCALE))
@given(
    tokens=st.lists(st.integers(0, 39), min_size=1, max_size=150),
    seed=st.integers(0, 2**32),
    int32=st.booleans(),
    instructions=st.sampled_from(["portable", "best"]),
)
def test_the_kernel_is_the_definition(tokens, seed, int32, instructions):
    random = np.random.default_rng(seed)
    clusters = random.permutation(np.concatenate([np.arange(4), random.integers(-1, 4, 36)])).astype(np.int32)
    counts = random.integers(-50, 50, (4, 4))
    dtype = np.int32 if int32 else np.int64
    ids, labels = np.array(tokens, dtype), np.full(len(tokens), -100, dtype)
    choosing = _core.masked_tokens(
        chance=2**31, replacement=_core.Replacement(mask_below=0, word_below=0, mask_id=0, vocab_size=40),
        never=np.array([3], np.uint32), word_starts=None,
    )  # fmt: skip
    kernel = _core.clustered_tokens(
        choosing=choosing, clusters=_core.TokenClusters(clusters), rising=rising_weights(counts, 2.0),
        instructions=instructions,
    )  # fmt: skip
    spans = np.array([0]), np.array([len(tokens)]), np.array([seed], np.uint64)
    kernel.apply(ids, labels, None, None, *spans, False, 1)
    by = reference.Replacement(0, 0, 0, 40)
    _, learned = reference.masked_tokens(tokens, tokens, seed, 2**31, by, {3})
    weights = [reference.cluster_weights(row, 2.0) for row in counts.tolist()]
    assert labels.tolist() == learned
    assert ids.tolist() == reference.clustered_tokens(tokens, learned, seed, clusters.tolist(), weights)


def test_a_batch_tells_what_was_replaced(source):
    loader = made(source)
    batch, before = loader.batch_at(0), Loader(*source, batch_sequences=8, seed=3).batch_at(0)
    np.testing.assert_array_equal(batch.original_ids, before.input_ids)
    changed = batch.input_ids != batch.original_ids
    assert (batch.labels[changed] == 1).all()
    chosen = batch.labels == 1
    assert 0.25 < chosen[batch.segment_ids > 0].mean() < 0.35
    assert (CLUSTERS[batch.input_ids[chosen]] >= 0).all()
    assert (batch.labels[np.isin(batch.original_ids, [5, 7, 8, 9])] == -100).all()


def test_feedback_counts_wrong_and_right_predictions():
    objective = ReplacedTokens(method="clusters", clusters=[0, 0, 1, 1, -1])
    originals, inputs = [0, 2, 2, 1, 4, 0], [2, 2, 0, 3, 0, 2]
    predictions, labels = [0, 1, 1, 1, 1, 1], [1, 0, 1, 1, 1, -100]
    # wrong 0>1, wrong 1>1, right 1>0, right 0>1, of no cluster, without a label
    assert objective.feedback(originals, inputs, predictions, labels).tolist() == [[0, 0], [-1, 1]]
    only = objective.feedback(originals, inputs, predictions, labels, only_replaced=True)
    assert only.tolist() == [[0, 0], [-1, 0]]
    with pytest.raises(ValueError, match="one shape"):
        objective.feedback([0], [0, 1], [0], [0])
    with pytest.raises(ValueError, match="method='clusters'"):
        ReplacedTokens(method="random").feedback([0], [0], [0], [0])


def test_clusters_that_are_hard_to_tell_are_drawn_more(source):
    loader = made(source)
    liked = np.zeros((5, 5), np.int64)
    liked[:, 2] = 100
    give_feedback(loader, liked, from_step=1)
    shares = []
    for step in (0, 1):
        batch = loader.batch_at(step)
        drawn = CLUSTERS[batch.input_ids[batch.labels == 1]]
        shares.append((drawn == 2).mean())
    assert shares[0] < 0.35
    assert abs(shares[1] - np.exp(2) / (np.exp(2) + 4)) < 0.12


@pytest.mark.parametrize("prefetch", [0, 3])
def test_events_give_the_same_batches_again(source, prefetch):
    """A run that is told every step, one that goes on from its state, and single steps of either."""
    loader = made(source, prefetch=prefetch)
    states, batches = [], []
    passing = iter(loader)
    for step in range(8):
        states.append(json.loads(json.dumps(loader.state_dict())))
        batches.append(next(passing).input_ids.copy())
        give_feedback(loader, some_feedback(step))
    for step in range(8):
        np.testing.assert_array_equal(loader.batch_at(step).input_ids, batches[step])
    assert "feedback" not in states[0]
    for start in (0, 3, 7):
        again = made(source, prefetch=prefetch)
        again.load_state_dict(states[start])
        for step, batch in zip(range(start, 8), again, strict=False):
            np.testing.assert_array_equal(batch.input_ids, batches[step])
            give_feedback(again, some_feedback(step))
        if start:
            with pytest.raises(ValueError, match=f"begins with step {start}"):
                again.batch_at(start - 1)
    assert not np.array_equal(made(source).batch_at(3).input_ids, batches[3])
    other = pickle.loads(pickle.dumps(loader))
    np.testing.assert_array_equal(other.batch_at(5).input_ids, batches[5])


def test_ranks_and_threads_agree(source):
    def told(**options):
        loader = made(source, **options)
        give_feedback(loader, some_feedback(1), from_step=2)
        return loader

    whole = told().batch_at(4)
    parts = [told(rank=rank, world_size=2).batch_at(4).input_ids for rank in range(2)]
    assert sorted(map(tuple, np.concatenate(parts).tolist())) == sorted(map(tuple, whole.input_ids.tolist()))
    np.testing.assert_array_equal(told(num_threads=4).batch_at(4).input_ids, whole.input_ids)


def test_workers_agree(source):
    require("torch")
    from torch.utils.data import DataLoader

    loader = made(source)
    give_feedback(loader, some_feedback(1), from_step=2)
    whole = loader.batch_at(4)
    data = DataLoader(loader.torch_dataset(), batch_size=None, num_workers=1)
    for step, batch in zip(range(5), data, strict=False):
        if step == 4:
            np.testing.assert_array_equal(np.asarray(batch.input_ids), whole.input_ids)


def test_what_was_told_long_ago_is_a_sum(source, monkeypatch):
    monkeypatch.setattr(feedback_module, "MOST_EVENTS", 3)
    loader, all_kept = made(source), made(source)
    for step in range(1, 8):
        give_feedback(loader, some_feedback(step), from_step=step)
    monkeypatch.setattr(feedback_module, "MOST_EVENTS", 100)
    for step in range(1, 8):
        give_feedback(all_kept, some_feedback(step), from_step=step)
    for step in range(4, 9):
        np.testing.assert_array_equal(loader.batch_at(step).input_ids, all_kept.batch_at(step).input_ids)
    with pytest.raises(ValueError, match="step 3 came before the feedback that is kept"):
        loader.batch_at(3)
    with pytest.raises(ValueError, match="begins with 4"):
        give_feedback(loader, some_feedback(0), from_step=2)


def test_told_ahead_and_out_of_order(source):
    one, other = made(source), made(source)
    for step in (5, 2, 9):
        give_feedback(one, some_feedback(step), from_step=step)
    for step in (9, 5, 2):
        give_feedback(other, some_feedback(step), from_step=step)
    other.load_state_dict(json.loads(json.dumps(one.state_dict(step=4))))
    for step in (4, 5, 8, 9, 12):
        np.testing.assert_array_equal(one.batch_at(step).input_ids, other.batch_at(step).input_ids)


def test_steps_that_are_left_out(source):
    loader, plain = made(source), made(source)
    give_feedback(plain, some_feedback(1), from_step=6)
    loader.skip_steps(2, 4)
    give_feedback(loader, some_feedback(1), from_step=4)
    for step in (3, 4, 5):
        np.testing.assert_array_equal(loader.batch_at(step).input_ids, plain.batch_at(step + 2).input_ids)


def test_one_objective_of_a_schedule_may_take_feedback(source):
    clustered = ReplacedTokens(0.3, "clusters", clusters=CLUSTERS, special_ids=[5])
    schedule = ObjectiveSchedule({"causal": None, "replaced": clustered}, {"causal": 1, "replaced": 1})
    loader = made(source, schedule)
    before = loader.batch_at(1).input_ids.copy()
    give_feedback(loader, 1000 * some_feedback(4), from_step=1)
    assert loader.objective_at(1) == "replaced"
    assert not np.array_equal(loader.batch_at(1).input_ids, before)
    with pytest.raises(ValueError, match="one objective of a schedule"):
        made(source, ObjectiveSchedule({"a": clustered, "b": clustered}, {"a": 1, "b": 1}))


def test_what_does_not_fit_is_refused(source, tmp_path):
    loader = made(source)
    with pytest.raises(ValueError, match=r"whole numbers of the shape \(5, 5\)"):
        give_feedback(loader, np.zeros((4, 4), np.int64))
    with pytest.raises(ValueError, match="whole numbers"):
        give_feedback(loader, np.zeros((5, 5)))
    with pytest.raises(IndexError):
        give_feedback(loader, some_feedback(0), from_step=10**15)
    next(iter(loader))
    with pytest.raises(ValueError, match="given out already"):
        give_feedback(loader, some_feedback(0), from_step=0)
    with pytest.raises(ValueError, match="no objective that takes feedback"):
        give_feedback(Loader(*source, batch_sequences=8), some_feedback(0))
    give_feedback(loader, some_feedback(0))
    state = loader.state_dict()
    for damaged in ({**state["feedback"], "counts": [[1]]}, {"step": 1}, 3):
        with pytest.raises(ValueError, match="'feedback'"):
            loader.load_state_dict({**state, "feedback": damaged})
    with pytest.raises(ValueError, match="clusters= is for"):
        ReplacedTokens(clusters=[0, 1])
    with pytest.raises(ValueError, match="needs it"):
        ReplacedTokens(method="clusters")
    for clusters, why in (
        ([0, 2, 2], "cluster 1"), ([0.5], "whole number"), ([-1, -1], "numbered from 0"),
        ([], "whole number"), ([-2, 0], "-1 for none"), ([9, 0], "the largest is 9"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=why):
            token_clusters(clusters)
    with pytest.raises(ValueError, match="beta"):
        ReplacedTokens(method="clusters", clusters=[0], beta=30)
    with pytest.raises(ValueError, match="give one a token"):
        made(source, ReplacedTokens(method="clusters", clusters=[0, 1], special_ids=[]))
    np.save(tmp_path / "c.npy", CLUSTERS)
    named = from_text(
        f"ReplacedTokens(method='clusters', clusters='{tmp_path}/c.npy', special_ids=[5], rate=0.3)"
    )
    np.testing.assert_array_equal(
        made(source, named).batch_at(2).input_ids, made(source).batch_at(2).input_ids
    )
    assert (
        named.fingerprint == ReplacedTokens(0.3, "clusters", clusters=CLUSTERS, special_ids=[5]).fingerprint
    )
    assert pypack.Loader(*source, batch_sequences=8, objective=named).objective.fingerprint
