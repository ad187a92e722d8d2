"""Like documents one after another: the kernel against its definition, and what it finds of real likeness."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pypack
from pypack.source.ordering import (
    Neighbours,
    document_neighbours,
    embedding_neighbours,
    mean_neighbour_similarity,
    min_hash_neighbours,
    order_documents,
)
from tests.fixtures.scored_store import make_scored_store
from tests.reference import duplicates
from tests.reference import order as reference


@st.composite
def graphs(draw):
    documents, width = draw(st.integers(1, 25)), draw(st.integers(1, 5))
    row = st.lists(st.integers(-1, documents - 1), min_size=width, max_size=width)
    weights = st.lists(st.integers(0, 8).map(lambda n: n / 8), min_size=width, max_size=width)
    rows = st.lists(row, min_size=documents, max_size=documents)
    return draw(rows), draw(st.lists(weights, min_size=documents, max_size=documents))


@given(
    graph=graphs(),
    max_run=st.none() | st.integers(1, 6),
    above=st.none() | st.integers(0, 8).map(lambda n: n / 8),
    seed=st.integers(0, 9),
)
def test_the_order_is_that_of_the_definition(graph, max_run, above, seed):
    for threads in (1, 3):
        found = order_documents(
            *graph, max_run=max_run, duplicate_above=above, seed=seed, num_threads=threads
        )
        order, breaks, dropped = reference.order_documents(*graph, max_run, above, seed)
        assert found.order.tolist() == order
        assert found.breaks.tolist() == breaks
        assert found.dropped.tolist() == dropped
        assert sorted([*order, *dropped]) == list(range(len(graph[0])))


def test_groups_of_like_documents_become_runs():
    rng = np.random.default_rng(0)
    group = rng.integers(0, 40, 2000)
    members = [np.flatnonzero(group == g) for g in range(40)]
    neighbours = np.stack([rng.choice(members[g], 8) for g in group])
    found = order_documents(neighbours, rng.random((2000, 8)))
    changes = np.count_nonzero(np.diff(group[found.order]))
    assert changes < 100
    assert np.count_nonzero(np.diff(group)) > 1900


def test_what_is_no_neighbour_is_refused():
    for neighbours, similarities, message in (
        ([[5]], [[0.5]], r"neighbours\[0\]\[0\] is 5: there are 1 documents"),
        ([[1], [0]], [[np.nan], [1.0]], r"similarities\[0\]\[0\] is no number"),
        ([[1], [0]], [[1.0]], "must both be"),
        ([[1], [0]], None, "needs the similarities"),
    ):
        with pytest.raises(ValueError, match=message):
            order_documents(neighbours, similarities)
    with pytest.raises(TypeError, match="must be whole numbers"):
        order_documents([[0.5]], [[0.5]])
    with pytest.raises(ValueError, match="max_run must be at least 1"):
        order_documents([[0]], [[0.5]], max_run=0)


def exact_neighbours(store, k):
    """By the cosine of whole tf-idf vectors, all against all."""
    ids = [np.asarray(store[i]) for i in range(len(store))]
    vocabulary = max(int(one.max()) for one in ids if len(one)) + 1
    vectors = np.zeros((len(ids), vocabulary), np.float32)
    for row, one in zip(vectors, ids, strict=True):
        row += np.bincount(one, minlength=vocabulary)
    holding = np.count_nonzero(vectors, axis=0)
    counted = np.log(vectors, out=np.zeros_like(vectors), where=vectors > 0) + (vectors > 0)
    vectors = counted * np.log((1 + len(ids)) / (1 + holding)).astype(np.float32)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    products = vectors @ vectors.T
    np.fill_diagonal(products, -1)
    return np.argsort(-products, axis=1, kind="stable")[:, :k], products


def topical_store(path, documents=600):
    """Documents of 30 topics, each with words of its own among common ones."""
    from pypack import Ragged, StoreWriter, TokenStore

    rng = np.random.default_rng(1)
    topics = rng.integers(0, 30, documents)
    rows = [
        np.where(
            rng.random(n) < 0.3,
            100 + topic * 60 + rng.integers(0, 60, n),
            np.minimum(99, rng.zipf(1.3, n)),
        )
        for topic, n in zip(topics, rng.integers(20, 200, documents), strict=True)
    ]
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    with StoreWriter(path, vocab_size=2000) as writer:
        writer.append(Ragged(np.concatenate(rows).astype(np.uint32), offsets))
    return TokenStore.open(path), topics


def test_neighbours_by_tf_idf_are_those_of_the_exact_cosine(tmp_path):
    store, topics = topical_store(tmp_path / "a.store")
    exact, products = exact_neighbours(store, 10)
    whole = document_neighbours(store, 10, features=400, max_listed=600)
    for row in range(0, len(store), 7):
        found = whole.documents[row]
        # By sums in another order equal ones may change places.
        np.testing.assert_allclose(products[row, found], products[row, exact[row]], atol=1e-5)
        np.testing.assert_allclose(whole.similarities[row], products[row, found], atol=1e-5)
    usual = document_neighbours(store, 10, num_threads=1)
    recall = np.mean([len({*a} & {*b}) / 10 for a, b in zip(usual.documents, exact, strict=True)])
    assert recall > 0.9
    threaded = document_neighbours(store, 10, num_threads=3)
    np.testing.assert_array_equal(usual.documents, threaded.documents)
    np.testing.assert_array_equal(usual.similarities, threaded.similarities)
    found = order_documents(usual)
    shuffled = pypack.DocumentOrder(
        np.random.default_rng(0).permutation(len(store)), found.breaks, found.dropped
    )
    assert mean_neighbour_similarity(usual, found) > 5 * mean_neighbour_similarity(usual, shuffled)
    assert np.count_nonzero(np.diff(topics[found.order])) < 0.3 * len(store)


@pytest.mark.parametrize(("shingle", "num_hashes", "seed"), [(2, 128, 0), (3, 17, 9), (1, 1, 0)])
def test_neighbours_by_min_hash_agree_in_the_most_hashes(tmp_path, shingle, num_hashes, seed):
    rng = np.random.default_rng(1)
    rows = [rng.integers(0, 50, n).tolist() for n in rng.integers(0, 60, 60)]
    rows += [[*row[: 2 * len(row) // 3], 77] for row in rows[::3]]  # much like others
    with pypack.StoreWriter(tmp_path / "a.store", vocab_size=100) as writer:
        writer.append(pypack.Ragged.from_rows(rows))
    options = {"shingle": shingle, "num_hashes": num_hashes, "seed": seed}
    found = min_hash_neighbours(tmp_path / "a.store", 5, num_threads=1, **options)
    hashes = np.array(
        [
            duplicates.band_hashes(duplicates.shingles(row, shingle), num_hashes, 1, seed)
            if row
            else [0] * num_hashes
            for row in rows
        ],
        np.uint64,
    )
    agreed = (hashes[:, None] == hashes).mean(axis=2)
    empty = np.array([not row for row in rows])
    agreed[empty], agreed[:, empty] = 0, 0
    np.fill_diagonal(agreed, 0)
    np.testing.assert_allclose(found.similarities, -np.sort(-agreed, axis=1)[:, :5], atol=1e-5)
    named = found.documents >= 0
    np.testing.assert_array_equal(named, found.similarities > 0)
    of = found.documents[named]
    np.testing.assert_allclose(agreed[np.nonzero(named)[0], of], found.similarities[named], atol=1e-5)
    threaded = min_hash_neighbours(tmp_path / "a.store", 5, num_threads=3, **options)
    np.testing.assert_array_equal(found.documents, threaded.documents)
    assert len(order_documents(found).order) == len(rows)


def test_min_hash_similarities_are_near_those_of_the_runs(tmp_path):
    rng = np.random.default_rng(2)
    one = rng.integers(0, 1000, 400)
    rows = [one, np.concatenate([one[:200], rng.integers(0, 1000, 200)]), rng.integers(0, 1000, 400)]
    with pypack.StoreWriter(tmp_path / "a.store", vocab_size=1000) as writer:
        writer.append(pypack.Ragged.from_rows([row.tolist() for row in rows]))
    found = min_hash_neighbours(tmp_path / "a.store", 1, num_hashes=4096)
    sets = [set(duplicates.shingles(row.tolist(), 2)) for row in rows]
    jaccard = len(sets[0] & sets[1]) / len(sets[0] | sets[1])
    assert found.documents[0, 0] == 1
    assert abs(found.similarities[0, 0] - jaccard) < 4 * 0.5 / 4096**0.5


def test_neighbours_by_embeddings():
    pytest.importorskip("faiss")
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((500, 16)).astype(np.float32)
    vectors[7] = vectors[3]
    found = embedding_neighbours(vectors, 5)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    products = unit @ unit.T
    np.fill_diagonal(products, -1)
    np.testing.assert_allclose(found.similarities, -np.sort(-products, axis=1)[:, :5], atol=1e-5)
    assert found.documents[3][0] == 7
    assert not (found.documents == np.arange(500)[:, None]).any()
    assert order_documents(found, duplicate_above=0.999).dropped.tolist() in ([3], [7])


def test_an_order_is_packed(tmp_path):
    store = make_scored_store(tmp_path / "a.store")
    found = pypack.order_documents(pypack.document_neighbours(store, 5))
    source = pypack.Source.select(store, 64, order=found.order, strategy="concat")
    given = source.documents[source.plan.span_document]
    assert list(dict.fromkeys(given.tolist())) == found.order.tolist()
    assert isinstance(pypack.document_neighbours(store, 3), Neighbours)
