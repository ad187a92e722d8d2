"""What a source learns is counted, and sequences without a token to be learned are told of or left out."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest
from fixtures.loader_data import bucketed, make_store, web_lengths
from hypothesis import given
from hypothesis import strategies as st
from reference import masks as reference

import pypack
from pypack import Loader, Source
from pypack.objectives import MaskedLM
from pypack.source import learned as learned_module
from pypack.source.sequences import without

LENGTHS = [5, 1, 20, 3, 9, 40, 2, 7]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("learned") / "a.store", LENGTHS)


def quiet(*args, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Source(*args, **options)


def given_labels(source):
    """(learned tokens, rows without one, rows) of one epoch of a loader."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of first tokens alone, which count as nothing here
        loader = Loader(source, batch_sequences=1)
    rows = [int((batch.labels != -100).sum()) for batch in loader]
    return sum(rows), rows.count(0), len(rows)


ranges = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 40)).map(lambda p: tuple(sorted(p))), max_size=3
)
masks = st.lists(st.none() | ranges, min_size=8, max_size=8)


@given(
    mask=masks,
    documents=st.none() | st.lists(st.integers(0, 7), min_size=1, max_size=12),
    length=st.integers(2, 24),
    overflow=st.sampled_from(["split", "truncate", "drop"]),
    piece=st.sampled_from([1, 3, 2**22]),
)
def test_counts_are_their_definition(store, mask, documents, length, overflow, piece):
    chosen = np.arange(8) if documents is None else np.array(documents)
    plan = pypack.pack(store.lengths[chosen], length, overflow=overflow)
    source = quiet(store, plan, documents=None if documents is None else chosen, mask=mask)
    learned = reference.learned_in_plan(plan, reference.of_mask(LENGTHS, mask), chosen)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(learned_module, "_PIECE_SPANS", piece)
        assert source.num_learned_tokens == sum(map(sum, learned))
        assert source.unlearned_sequences == sum(sum(spans) == 0 for spans in learned)
    counts = np.zeros(len(chosen), int)
    np.add.at(counts, plan.span_document, [n for spans in learned for n in spans])
    assert source.unlearned_documents == sum(counts[d] == 0 for d in set(plan.span_document.tolist()))
    if plan.num_sequences:
        assert given_labels(source)[0] == source.num_learned_tokens


def test_without_masks(store):
    source = Source(store, pypack.pack(store.lengths, 20, "pad"))
    assert source.num_learned_tokens == source.plan.num_tokens - source.plan.num_spans
    assert (source.unlearned_sequences, source.unlearned_documents) == (1, 1)  # the document of one token
    dropping = Source(store, source.plan, drop_unlearned=True)
    assert given_labels(source)[1:] == (1, source.plan.num_sequences)
    assert given_labels(dropping)[1:] == (0, source.plan.num_sequences - 1)


def test_sequences_without_a_learned_token_are_left_out(tmp_path):
    store = make_store(tmp_path / "a.store", web_lengths(200, seed=3))
    mask = np.where(np.arange(200) % 3 == 0, store.lengths, store.lengths // 2)
    plan = bucketed(store, [16, 64, 400])
    source = quiet(store, plan, mask=mask)
    dropping = Source(store, plan, mask=mask, drop_unlearned=True)
    assert 60 < source.unlearned_sequences == dropping.unlearned_sequences < 140
    assert dropping.fingerprint != source.fingerprint
    for length in source.lengths:
        loader = Loader(dropping, batch_tokens=400 * 16)
        assert dropping.num_sequences(length) < source.num_sequences(length)
    given = [int(s) for step in range(loader.steps_per_epoch) for s in loader.sequences_at(step) if s >= 0]
    assert len(set(given)) == len(given) == plan.num_sequences - source.unlearned_sequences
    for batch in Loader(pickle.loads(pickle.dumps(dropping)), batch_tokens=400 * 16):
        rows = (batch.labels != -100).any(axis=1)
        assert rows[np.diff(batch.row_spans) > 0].all()
    whole = pypack.pack(store.lengths, 400, "concat")
    assert Source(store, whole, mask=mask, drop_unlearned=True).fingerprint == whole.fingerprint


def test_what_an_objective_can_learn_stays(store):
    """A next-token loss learns no first token; masked tokens may be first ones."""
    plan = pypack.pack(store.lengths, 40, "pad")
    first_only = [[1, int(length)] if length > 1 else [] for length in store.lengths]
    first_only[0] = [0, int(store.lengths[0])]  # nothing at all
    source = Source(store, plan, mask=[*first_only[:-1], []], drop_unlearned=True)
    assert source.num_sequences(40) < plan.num_sequences - 1
    masking = MaskedLM(1.0, (1.0, 0.0, 0.0), mask_id=9, special_ids=[], vocab_size=60_000)
    for objective, rows in ((None, source.num_sequences(40)), (masking, plan.num_sequences - 1)):
        loader = Loader(
            source, batch_sequences=2, objective=objective, tail="drop" if rows % 2 == 0 else None
        )
        given = [s for step in range(loader.steps_per_epoch) for s in loader.sequences_at(step).tolist()]
        assert len({s for s in given if s >= 0}) == rows
        for step in range(loader.steps_per_epoch):
            batch = loader.batch_at(step)
            assert (batch.labels != -100).any(axis=1)[np.diff(batch.row_spans) > 0].all()


def test_where_only_first_tokens_are_left_the_objective_decides(store):
    """Before it is known, nothing is refused: a masked model learns them, a causal one nothing at all."""
    plan = pypack.pack(store.lengths, 40, "pad")
    mask = [[1, int(length)] if length > 1 else [] for length in store.lengths]
    source = Source(store, plan, mask=mask, drop_unlearned=True)
    masking = MaskedLM(1.0, (1.0, 0.0, 0.0), mask_id=9, special_ids=[], vocab_size=60_000)
    loader = Loader(source, batch_sequences=1, objective=masking)
    assert loader.steps_per_epoch == plan.num_sequences
    batch = loader.batch_at(0)
    assert (batch.labels != -100).sum() == 1
    for objective in (None, pypack.objectives.PrefixLM(), pypack.objectives.PoSE(4096)):
        with pytest.raises(ValueError, match=r"none of the sequences .*: of all that is not masked"):
            Loader(source, batch_sequences=1, objective=objective)
    lengths = bucketed(store, [4, 40])  # of which the short rows have first tokens alone
    mask = [[1, int(n)] if n <= 4 else [] for n in store.lengths]
    source = Source(store, lengths, mask=mask, drop_unlearned=True)
    assert list(source.lengths) == [40]
    assert list(Loader(source, batch_tokens=40, objective=masking).sources[""].lengths) == [4, 40]


def test_a_row_length_of_nothing_to_learn_is_none(store):
    plan = bucketed(store, [4, 40])
    short = store.lengths <= 4
    source = Source(store, plan, mask=short, drop_unlearned=True)
    assert list(source.lengths) == [40]
    assert given_labels(source)[1] == 0
    with pytest.raises(ValueError, match=r"none of the sequences .* holds a token to be learned"):
        Source(store, plan, mask=np.ones(8, bool), drop_unlearned=True)


def test_split_prompts_are_warned_of(store):
    mask = store.lengths * 4 // 5  # prompts, most of each document
    cut = pypack.pack(store.lengths, 10)
    with pytest.warns(UserWarning, match=r"[1-9] pieces of cut documents .* overflow='truncate' or 'drop'"):
        Source(store, cut, mask=mask)
    with pytest.warns(
        UserWarning, match=r"^1 of \d+ sequences hold no token that is learned: .* drop_unlearned=True"
    ):
        Source(store, pypack.pack(store.lengths, 10, "pad", overflow="drop"), mask=store.lengths == 7)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Source(store, pypack.pack(store.lengths, 64), mask=mask)  # nothing is cut, every row learns
        Source(store, cut, mask=mask, drop_unlearned=True)
        Source(store, cut)


@given(
    bounds=st.lists(st.integers(0, 30), min_size=2, max_size=6, unique=True),
    left_out=st.sets(st.integers(0, 30)),
)
def test_runs_without_some(bounds, left_out):
    bounds.sort()
    runs = [(a, b - a) for a, b in zip(bounds[::2], bounds[1::2], strict=False)]
    kept = without(runs, np.array(sorted(left_out), np.int64))
    assert [s for a, n in kept for s in range(a, a + n)] == [
        s for a, n in runs for s in range(a, a + n) if s not in left_out
    ]
