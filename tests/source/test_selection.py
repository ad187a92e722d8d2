"""Selections, orders and repeats: what is chosen, what a plan keeps of it, and that all readers agree."""

import json
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypack import Loader, Plan, Source, extend_plan, pack
from pypack.columnar.expressions import ExpressionError
from pypack.source.select import select, select_documents
from pypack.source.selected_plan import _are_exact, _by_level, _levels, pack_selection
from tests.fixtures.scored_store import loaded_documents, make_scored_store


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_scored_store(tmp_path_factory.mktemp("selection") / "a.store")


@pytest.fixture(scope="module")
def columns(store):
    return store.columns().to_pydict()


def test_a_condition_chooses_documents(store, columns):
    chosen = select(store, where="score > 0.7 and lang == 'en'")
    pairs = list(zip(columns["score"], columns["lang"], strict=True))
    assert chosen.documents.tolist() == [
        i for i, (score, lang) in enumerate(pairs) if score is not None and score > 0.7 and lang == "en"
    ]
    # Of a document in another language nothing need be known.
    assert chosen.described["where_unknown"] == sum(s is None and lang == "en" for s, lang in pairs)


def test_the_highest_are_taken_among_those_that_a_condition_takes(store, columns):
    options = {"where": "score is not null and lang == 'de'", "top": ("score", 10)}
    found = select_documents(store, **options)
    candidates = [i for i in range(200) if columns["score"][i] is not None and columns["lang"][i] == "de"]
    best = sorted(candidates, key=lambda i: (-columns["score"][i], i))[:10]
    assert found.tolist() == sorted(best)
    with pytest.raises(ValueError, match="a score for every document"):
        select(store, top=("score", 10))


def test_the_earlier_ones_among_equals_are_taken(store):
    assert select_documents(store, where="time >= 0", top=("repeats", 3)).tolist() == (
        np.flatnonzero(store.columns(["repeats"]).column(0).to_numpy() == 4)[:3].tolist()
    )


@pytest.mark.parametrize("repeat", ["documents", "sequences"])
@pytest.mark.parametrize("strategy", ["stream", "best_fit", "concat", "decompose"])
def test_saved_opened_verified_and_loaded_agree(store, columns, tmp_path, strategy, repeat):
    source = Source.select(
        store, 64, where="lang != 'fr'", repeats="repeats", repeat=repeat, strategy=strategy
    )
    expected = [
        0 if lang == "fr" else times for lang, times in zip(columns["lang"], columns["repeats"], strict=True)
    ]
    source.plan.verify(store.lengths)
    source.plan.save(tmp_path / "a.plan")
    plan = Plan.open(tmp_path / "a.plan")
    plan.verify(store.lengths)
    plan.verify()
    assert plan == source.plan
    assert plan.selection == source.plan.selection
    assert plan.selection["where"] == "lang != 'fr'"
    header = json.loads((tmp_path / "a.plan" / "plan.json").read_text())
    assert header["requires"] == (["documents"] if repeat == "documents" else ["documents", "repeats"])
    opened = Source(store, plan)
    assert opened.fingerprint == source.fingerprint
    assert opened.num_learned_tokens == source.num_learned_tokens
    dropped = 1.0 if plan.counts.dropped_tokens + plan.counts.truncated_tokens == 0 else None
    for one in (source, opened):
        if dropped is not None:
            assert loaded_documents(one, store).tolist() == expected
    mine, theirs = (Loader(one, batch_sequences=4) for one in (source, opened))
    for step in (0, 3, len(mine) + 1):
        np.testing.assert_array_equal(mine.batch_at(step).input_ids, theirs.batch_at(step).input_ids)
    assert mine.state_dict() == theirs.state_dict()
    direct = Loader(store, tmp_path / "a.plan", batch_sequences=4)
    np.testing.assert_array_equal(mine.batch_at(1).input_ids, direct.batch_at(1).input_ids)


@pytest.mark.filterwarnings("ignore:.*hold no token that is learned")
def test_repeats_by_sequences_learn_what_repeats_by_documents_do(store):
    counted = [
        Source.select(store, 2**16, repeats="repeats", repeat=repeat, strategy="pad").num_learned_tokens
        for repeat in ("documents", "sequences")
    ]
    assert counted[0] == counted[1]
    masked = [
        Source.select(
            store, 2**16, repeats="repeats", repeat=repeat, strategy="pad", mask=np.full(200, 3)
        ).num_learned_tokens
        for repeat in ("documents", "sequences")
    ]
    assert masked[0] == masked[1] < counted[0]


@given(
    times=st.lists(st.integers(1, 40), min_size=1, max_size=60),
    lengths=st.integers(1, 200),
    enough=st.integers(1, 2000),
)
def test_levels_give_every_document_as_often_as_it_is_taken(times, lengths, enough):
    of = np.array(times, np.int32)
    levels = _levels(of, np.full(len(of), lengths, np.int32), enough)
    found = np.zeros(len(of), np.int64)
    most = 0
    for level, places in _by_level(of, levels):
        np.add.at(found, places, level)
        most = max(most, np.bincount(places).max())
    assert found.tolist() == times
    in_one_level = all(n in levels for n in times)
    assert _are_exact(of, levels) == in_one_level


@pytest.mark.parametrize("strategy", ["concat", "stream"])
def test_an_order_is_kept_in_the_plan(store, tmp_path, strategy):
    order = np.random.default_rng(3).permutation(200)[:150]
    np.save(tmp_path / "o.npy", order)
    source = Source.select(store, 64, order=tmp_path / "o.npy", strategy=strategy)
    source.plan.verify(store.lengths)
    given = source.documents[source.plan.span_document]
    if strategy == "concat":
        assert list(dict.fromkeys(given.tolist())) == order.tolist()
    assert sorted(set(given.tolist())) == sorted(order.tolist())
    again = Source.select(store, 64, order=order, strategy=strategy)
    assert again.fingerprint == source.fingerprint
    assert source.plan.selection["order"] == str(tmp_path / "o.npy")


def test_an_order_by_a_column(store, columns):
    assert [columns["time"][i] for i in select_documents(store, order="time")] == list(range(200))
    falling = select_documents(store, order="score:desc", where="score is not null")
    scores = [columns["score"][i] for i in falling]
    assert scores == sorted(scores, reverse=True)
    repos = [columns["repo"][i] for i in select_documents(store, order="repo")]
    assert repos == sorted(repos)
    with pytest.raises(ValueError, match="12 documents have no value: leave them out"):
        select(store, order="score")


def test_an_order_and_repeats_go_together(store, columns):
    order = np.random.default_rng(1).permutation(200)
    source = Source.select(store, 64, order=order, repeats="repeats", repeat="sequences", strategy="concat")
    assert loaded_documents(source, store).tolist() == columns["repeats"]


def test_wrong_orders_and_conditions_are_refused(store):
    for options, message in (
        ({"order": np.array([1, 2, 1])}, "names document 1 more than once"),
        ({"order": np.array([1, 200])}, "entry 1 is document 200 of a store of 200"),
        ({"order": np.array([0.5])}, "must be whole numbers"),
        ({"order": np.arange(9), "strategy": "best_fit"}, "does not keep an order"),
        ({"order": np.arange(9), "strategy_seed": 1}, "takes no option"),
        ({"where": "score >"}, "is needed"),
        ({"where": "nope == 1"}, "keeps no column 'nope'"),
        ({"where": "lang == 3"}, "cannot be asked"),
        ({"repeat": "often", "repeats": "repeats"}, "repeat must be"),
    ):
        with pytest.raises((ValueError, TypeError), match=message):
            Source.select(store, 64, **options)
    with pytest.raises(ExpressionError):
        select(store, where="score = 1")


def test_a_plan_of_a_selection_is_refused_for_other_stores(store, tmp_path):
    source = Source.select(store, 64, where="lang == 'en'")
    other = make_scored_store(tmp_path / "b.store", documents=150, seed=5)
    with pytest.raises(ValueError, match="and the store has 150"):
        Source(other, source.plan)
    with pytest.raises(ValueError, match="and the store has 150"):
        source.plan.verify(other.lengths)
    with pytest.raises(ValueError, match="other documents of the store"):
        Source(store, source.plan, documents=np.arange(10))
    same = make_scored_store(tmp_path / "c.store", documents=260, seed=0)
    assert same.lengths[:10].tolist() != store.lengths[:10].tolist() or len(same) > len(store)


def test_damage_of_the_documents_is_found(store, tmp_path):
    plan = Source.select(store, 64, where="lang == 'en'").plan
    plan.save(tmp_path / "a.plan")
    documents = np.load(tmp_path / "a.plan" / "documents.npy")
    same = np.flatnonzero(store.lengths == store.lengths[documents[0]])
    documents[0] = next((i for i in same if i != documents[0]), documents[1])
    np.save(tmp_path / "a.plan" / "documents.npy", documents)
    with pytest.raises(ValueError, match=r"fingerprint"):
        Plan.open(tmp_path / "a.plan").verify(store.lengths)
    np.save(tmp_path / "a.plan" / "documents.npy", documents[1:])
    with pytest.raises(ValueError, match=r"documents.npy: has int64"):
        Plan.open(tmp_path / "a.plan")
    header = json.loads((tmp_path / "a.plan" / "plan.json").read_text())
    header["requires"] = []
    (tmp_path / "a.plan" / "plan.json").write_text(json.dumps(header))
    with pytest.raises(ValueError, match="do not agree"):
        Plan.open(tmp_path / "a.plan")


def test_plans_that_repeat_sequences_are_not_extended(store):
    plan = Source.select(store, 64, repeats="repeats", repeat="sequences").plan
    with pytest.raises(ValueError, match="repeats sequences"):
        extend_plan(plan, store.lengths)


def test_the_plan_of_all_documents_repeated_is_as_large_as_one_copy(store):
    plan = Source.select(store, 64, repeats=np.full(200, 10), repeat="sequences").plan
    once = pack(store.lengths, 64)
    assert plan.documents is None
    assert plan.repeats == ((0, once.num_sequences, 10),)
    np.testing.assert_array_equal(plan.span_document, once.span_document)


@pytest.mark.filterwarnings("ignore:.*hold no token that is learned")
def test_learned_tokens_are_of_the_documents_that_were_chosen(tmp_path):
    from pypack import Ragged, StoreWriter, TokenStore
    from pypack.store.beside import MASK

    lengths = [5, 7, 3, 9]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    learned = np.repeat([True, False, False, True], lengths)
    with StoreWriter(tmp_path / "m.store", vocab_size=300, beside=[MASK]) as writer:
        writer.append(Ragged(np.ones(24, np.uint32), offsets), learned=learned)
    masked = TokenStore.open(tmp_path / "m.store")
    plan = Source.select(masked, 16, where=np.array([False, True, False, True]), strategy="pad").plan
    assert plan.count_learned(masked).tolist() == [0, 8]


@pytest.mark.parametrize("strategy", ["stream", "best_fit"])
def test_documents_are_those_chosen_whenever_they_are_asked_for(store, strategy):
    mask = np.arange(len(store)) % 3 != 1
    expected = np.flatnonzero(mask)
    chosen = select(store, where=mask)
    plan, asked_before = (pack_selection(store, chosen, 64, strategy=strategy) for _ in range(2))
    assert np.array_equal(asked_before.documents, expected)
    mask[:] = True  # of whoever gave it
    assert pickle.loads(pickle.dumps(plan)) == asked_before
    assert np.array_equal(plan.documents, expected)
    assert plan.documents is plan.documents
    plan.verify(store.lengths)
    assert Source(store, plan).fingerprint == Source(store, asked_before).fingerprint


def test_a_selection_of_all_is_packed_as_the_store(store):
    chosen = select(store, where=np.ones(len(store), np.bool_))
    plan = pack_selection(store, chosen, 64)
    assert chosen.documents is None
    assert plan.lengths_fingerprint == store.lengths_fingerprint
    assert np.array_equal(plan.documents, np.arange(len(store)))
