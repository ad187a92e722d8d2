"""Like documents one after another: neighbours, their recall, and the order beside others."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.common.printing import Row
from pypack import Ragged, StoreWriter, TokenStore, tokenize
from pypack.source.ordering import (
    DocumentOrder,
    Neighbours,
    document_neighbours,
    mean_neighbour_similarity,
    min_hash_neighbours,
    order_documents,
)

_SHARED = ("english", "code", "multilingual", "instruct")


def traversal(documents: int, k: int = 10) -> list[Row]:
    """The order of made-up neighbours: near ones in a hidden line, as many for all."""
    rng = np.random.default_rng(0)
    line = rng.permutation(documents).astype(np.int32)
    neighbours = np.empty((documents, k), np.int32)
    places = np.arange(documents)
    for j in range(k):
        away = rng.integers(1, 30, documents) * rng.choice([-1, 1], documents)
        neighbours[line, j] = line[(places + away) % documents]
    similarities = rng.random((documents, k), dtype=np.float32)
    began = time.perf_counter()
    found = order_documents(neighbours, similarities)
    seconds = time.perf_counter() - began
    assert np.array_equal(np.sort(found.order), places)
    return [{"documents": documents, "neighbours": k, "seconds": seconds, "runs": len(found.breaks)}]


def shared_store(corpus: Path, tokenizer: Path, folder: Path) -> TokenStore:
    """The shared documents as a store."""
    return tokenize([corpus / f"{name}.jsonl.zst" for name in _SHARED], folder / "shared.store", tokenizer)


def recall(store: TokenStore, documents: int, k: int = 10) -> list[Row]:
    """Of the neighbours by the cosine of whole vectors, all against all, how many the cut ones find."""
    exact = document_neighbours(store, k, features=4096, max_ids=1 << 30, max_listed=len(store))
    rows: list[Row] = []
    for features, listed in ((32, 256), (64, 512), (128, 1024)):
        began = time.perf_counter()
        found = document_neighbours(store, k, features=features, max_listed=listed)
        seconds = time.perf_counter() - began
        pairs = zip(found.documents[:documents].tolist(), exact.documents[:documents].tolist(), strict=True)
        share = float(np.mean([len({*one} & {*other}) / k for one, other in pairs]))
        rows.append({
            "features": features, "listed": listed, "documents": documents, "recall": share,
            "seconds": seconds,
        })  # fmt: skip
    return rows


def _made_up_store(documents: int, folder: Path, copies: int = 0) -> TokenStore:
    """Documents of a thousand topics; behind them as many as are asked for that copy half of a first one."""
    rng = np.random.default_rng(0)
    sizes = rng.integers(60, 300, documents)
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    topics = np.repeat(rng.integers(0, 1000, documents), sizes)
    common = np.minimum(rng.zipf(1.2, offsets[-1]), 9999)
    own = 10_000 + topics * 40 + rng.integers(0, 40, offsets[-1])
    ids = np.where(rng.random(offsets[-1]) < 0.2, own, common).astype(np.uint32)
    with StoreWriter(folder / "topics.store", vocab_size=50_000) as writer:
        writer.append(Ragged(ids, offsets))
        if copies:
            firsts = [ids[offsets[d] : offsets[d + 1]] for d in range(copies)]
            rows = [np.concatenate([row[: len(row) // 2], rng.permutation(row)]) for row in firsts]
            writer.append(Ragged.from_rows(rows))
    return TokenStore.open(folder / "topics.store")


def made_up_neighbours(documents: int, folder: Path) -> list[Row]:
    """The time of neighbours by tf-idf."""
    store = _made_up_store(documents, folder)
    began = time.perf_counter()
    found = document_neighbours(store, 10)
    seconds = time.perf_counter() - began
    assert (found.documents[:, 0] >= 0).mean() > 0.99
    return [{"documents": documents, "tokens": store.num_tokens, "seconds": seconds}]


def made_up_copies(documents: int, folder: Path) -> list[Row]:
    """The time of neighbours by MinHash, and how many of those that copy half of another find it."""
    store = _made_up_store(documents, folder, copies=documents // 10)
    began = time.perf_counter()
    found = min_hash_neighbours(store, 10)
    seconds = time.perf_counter() - began
    copies = np.arange(documents // 10)
    share = float((found.documents[documents + copies] == copies[:, None]).any(axis=1).mean())
    return [{"documents": len(store), "tokens": store.num_tokens, "found": share, "seconds": seconds}]


def orders(store: TokenStore) -> list[Row]:
    """Mean similarity of neighbours in an order, beside a random one, and one whose runs begin anywhere and
    are of 21 documents at most, as the code of the paper has it."""
    neighbours = document_neighbours(store, 10, features=128, max_listed=1024)
    count = len(neighbours.documents)
    shuffled = np.random.default_rng(0).permutation(count)
    empty = np.empty(0, np.int64)
    made = {
        "random": DocumentOrder(shuffled, empty, empty),
        "runs from anywhere, 21 at most": _from_anywhere(neighbours, shuffled, 21),
        "order_documents": order_documents(neighbours),
        "order_documents, 21 at most": order_documents(neighbours, max_run=21),
    }
    rows: list[Row] = []
    for name, found in made.items():
        assert np.array_equal(np.sort(found.order), np.arange(count))
        rows.append({
            "order": name, "documents": count, "runs": len(found.breaks),
            "mean similarity": mean_neighbour_similarity(neighbours, found),
        })  # fmt: skip
    return rows


def _from_anywhere(neighbours: Neighbours, starts: NDArray[np.int64], most: int) -> DocumentOrder:
    """Greedy runs along the neighbours that a document names itself, from starts in a given order."""
    taken = np.zeros(len(starts), np.bool_)
    order: list[int] = []
    breaks: list[int] = []
    lists = neighbours.documents.tolist()
    for start in starts.tolist():
        at, length = (None if taken[start] else start), 0
        if at is not None:
            breaks.append(len(order))
        while at is not None and length < most:
            taken[at] = True
            order.append(at)
            length += 1
            at = next((other for other in lists[at] if other >= 0 and not taken[other]), None)
    return DocumentOrder(np.array(order), np.array(breaks), np.empty(0, np.int64))
