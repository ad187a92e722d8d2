"""Documents in an order in which like ones stand together (In-Context Pretraining), and their neighbours."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pypack import _core
from pypack._common.arguments import number_within, whole_number
from pypack._common.threads import resolve_num_threads
from pypack.store.store import StorePaths, TokenStore


@dataclasses.dataclass(frozen=True)
class DocumentOrder:
    """What `order_documents` gives. `numpy.save("order.npy", found.order)` is for `pypack pack --order`.

    Attributes:
        order: int64 [n], documents, each once; those in `dropped` are not among them.
        breaks: int64 [runs], where in `order` each run of like documents begins.
        dropped: int64, near duplicates of documents that stand in `order`.
    """

    order: NDArray[np.int64]
    breaks: NDArray[np.int64]
    dropped: NDArray[np.int64]


@dataclasses.dataclass(frozen=True)
class Neighbours:
    """The documents most like each document.

    Attributes:
        documents: int32 [D, k], the most like first; -1: there are no more.
        similarities: float32 [D, k]; 0 where there is none.
    """

    documents: NDArray[np.int32]
    similarities: NDArray[np.float32]


def order_documents(
    neighbours: Neighbours | ArrayLike,
    similarities: ArrayLike | None = None,
    *,
    max_run: int | None = None,
    duplicate_above: float | None = None,
    seed: int = 0,
    num_threads: int | None = None,
) -> DocumentOrder:
    """An order in which each document is followed by one like it: the traversal of In-Context Pretraining
    (arXiv 2310.10638).

    Two documents are joined where one is a neighbour of the other. A run begins with a document that has the
    fewest joined ones not yet taken, goes on to the most similar of those, and ends where there is none.
    Pack with `order=` and "concat" or "stream"; the loader then shuffles the sequences. Memory: some 30 bytes
    a neighbour.

    Args:
        neighbours: `Neighbours`, or int [D, k], such as faiss gives; -1: no neighbour.
        similarities: float [D, k], the larger the more alike.
        max_run: documents after which a run ends; None: any number.
        duplicate_above: a neighbour of a taken document that is more similar is left out, as a near
            duplicate. None: none is.
        seed: of the order in which documents of equal degree begin runs.
        num_threads: None: all available cores.

    Raises:
        ValueError: a number is no document, a similarity no number, or an argument is out of its range.
    """
    if isinstance(neighbours, Neighbours):
        numbers, weights = neighbours.documents, neighbours.similarities
    elif similarities is None:
        raise ValueError("order_documents needs the similarities of the neighbours, float [D, k]")
    else:
        numbers, weights = np.asarray(neighbours), np.asarray(similarities)
    if numbers.ndim != 2 or numbers.shape != weights.shape:
        raise ValueError(
            f"neighbours and similarities must both be [D, k], are {numbers.shape} and {weights.shape}"
        )
    if numbers.dtype.kind not in "iu":
        raise TypeError(f"neighbours must be whole numbers, are {numbers.dtype}")
    if numbers.dtype.itemsize > 4 and numbers.size and np.abs(numbers).max() > np.iinfo(np.int32).max:
        raise ValueError("neighbours: there may be 2^31 - 1 documents at most")
    if max_run is not None and whole_number("max_run", max_run) < 1:
        raise ValueError(f"max_run must be at least 1, got {max_run}")
    found = _core.order_documents(
        np.ascontiguousarray(numbers, np.int32),
        np.ascontiguousarray(weights, np.float32),
        max_run or 0,
        duplicate_above,
        number_within("seed", seed, 64, signed=False),
        resolve_num_threads(num_threads),
    )
    return DocumentOrder(*found)


def document_neighbours(
    store: StorePaths,
    k: int = 10,
    *,
    features: int = 64,
    max_ids: int = 1 << 14,
    max_listed: int = 512,
    num_threads: int | None = None,
) -> Neighbours:
    """The k documents most like each document of a store, by the cosine of their tf-idf over token ids: no
    model is needed. Documents that share no telling id are no neighbours.

    Args:
        store: the tokens; as for `Source`.
        k: neighbours of a document.
        features: ids of a document that are compared, those of the largest weights. Memory: 16 bytes each.
        max_ids: ids of a document that are looked at, from its start.
        max_listed: documents with the largest weights that are looked through for each id; more find more and
            take longer.
        num_threads: None: all available cores.
    """
    opened = TokenStore.open(store)
    vocabulary = opened.vocab_size or 1 << 20
    rows, products = _core.nearest_documents(
        opened.kernel_view,
        _core.TfIdfOptions(features=features, max_ids=max_ids, buckets=min(vocabulary, 1 << 20)),
        whole_number("k", k),
        whole_number("max_listed", max_listed),
        resolve_num_threads(num_threads),
    )
    return Neighbours(rows.reshape(-1, k), products.reshape(-1, k))


def min_hash_neighbours(
    store: StorePaths,
    k: int = 10,
    *,
    shingle: int = 2,
    num_hashes: int = 128,
    seed: int = 0,
    max_ids: int = 1 << 14,
    max_listed: int = 64,
    num_threads: int | None = None,
) -> Neighbours:
    """The k documents most like each document of a store by the runs of ids that they share, found by the
    MinHash of `pypack dedup`: no model, and no counts over all documents are needed.

    The similarity is the share of hashes in which two documents agree: an estimate of the Jaccard similarity
    of their sets of runs, whose standard error is at most 0.5 / sqrt(num_hashes). It finds what copies of
    another, where `document_neighbours` finds what is about the same; documents that agree in no hash are no
    neighbours.

    Args:
        store: the tokens; as for `Source`.
        k: neighbours of a document.
        shingle: ids of a run.
        num_hashes: of a document. Memory: up to 16 bytes each.
        seed: of the hash functions.
        max_ids: ids of a document that are looked at, from its start.
        max_listed: documents that are looked through for each hash, the first ones: what more agree in tells
            little of each.
        num_threads: None: all available cores.
    """
    options = _core.MinHashOptions(
        shingle=whole_number("shingle", shingle),
        bands=whole_number("num_hashes", num_hashes),
        rows=1,
        threshold=1.0,
        seed=number_within("seed", seed, 64, signed=False),
        max_ids=whole_number("max_ids", max_ids),
    )
    k = whole_number("k", k)
    rows, products = _core.nearest_by_min_hash(
        TokenStore.open(store).kernel_view,
        options,
        k,
        whole_number("max_listed", max_listed),
        resolve_num_threads(num_threads),
    )
    return Neighbours(rows.reshape(-1, k), products.reshape(-1, k))


def embedding_neighbours(embeddings: ArrayLike, k: int = 10, *, index: Any = None) -> Neighbours:
    """The k documents most like each document by embeddings of your own, through faiss (the extra `order`).

    Args:
        embeddings: float [D, dimensions], one a document; they are scaled to unit length.
        k: neighbours of a document.
        index: a faiss index to search with, trained or not, of the inner product; the embeddings are added
            where it is empty. None: an exact one up to 100,000 documents, and 16 * sqrt(D) lists beyond, of
            which 64 are looked through.

    Raises:
        ImportError: faiss is not installed.
    """
    try:
        import faiss
    except ImportError as error:
        raise ImportError("embedding_neighbours needs faiss: pip install 'pypack[order]'") from error
    vectors = np.array(embeddings, np.float32, order="C")
    if vectors.ndim != 2:
        raise ValueError(f"embeddings must be [D, dimensions], are of shape {vectors.shape}")
    faiss.normalize_L2(vectors)
    if index is None:
        count, width = vectors.shape
        index = faiss.IndexFlatIP(width)
        if count > _EXACT:
            lists = int(16 * count**0.5)
            index = faiss.IndexIVFFlat(index, width, lists, faiss.METRIC_INNER_PRODUCT)
            index.nprobe = 64
    if not index.is_trained:
        index.train(vectors)
    if index.ntotal == 0:
        index.add(vectors)
    similarities, found = index.search(vectors, k + 1)
    return _without_self(found, similarities, k)


_EXACT = 100_000


def _without_self(found: NDArray[np.int64], similarities: NDArray[np.float32], k: int) -> Neighbours:
    """The first k of k + 1 that are not the document itself."""
    is_self = found == np.arange(len(found))[:, None]
    is_self[~is_self.any(axis=1), -1] = True  # equal documents may have pushed it out
    others = ~is_self
    documents = found[others].reshape(-1, k).astype(np.int32)
    weights = similarities[others].reshape(-1, k)
    return Neighbours(documents, np.where(documents < 0, np.float32(0), weights))


def mean_neighbour_similarity(neighbours: Neighbours, found: DocumentOrder) -> float:
    """How alike documents are that follow one another: the mean similarity of the pairs in an order, 0 of
    those that are no neighbours."""
    first, second = found.order[:-1], found.order[1:]
    if not len(first):
        return 0.0
    total = np.zeros(len(first), np.float32)
    for one, other in ((first, second), (second, first)):
        is_named = neighbours.documents[one] == other[:, None]
        np.maximum(total, np.where(is_named, neighbours.similarities[one], 0).max(axis=1), out=total)
    return float(total.mean(dtype=np.float64))
