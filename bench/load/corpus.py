"""The store that loaders are measured on, and its plans."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.common.lengths import web
from pypack import Ragged, StoreWriter, TokenStore, pack

ROWS = 8  # of a batch
VOCABULARY = 50_257
EOS = VOCABULARY - 1


def make_store(path: Path, tokens: int) -> TokenStore:
    """Random tokens in documents of lengths like those of the web, each ended by EOS."""
    documents = web(tokens // 1000)
    documents = documents[np.cumsum(documents, dtype=np.int64) <= tokens]
    offsets = np.zeros(len(documents) + 1, np.int64)
    np.cumsum(documents, out=offsets[1:])
    ids = np.random.default_rng(0).integers(0, EOS, int(offsets[-1]), dtype=np.uint32)
    ids[offsets[1:] - 1] = EOS
    with StoreWriter(path, vocab_size=VOCABULARY) as writer:
        writer.append(Ragged(ids, offsets))
    return TokenStore.open(path)


def prepare(work: Path, tokens: int, row_lengths: list[int]) -> tuple[TokenStore, dict[int, Path]]:
    """The store of so many tokens and its plans by row length, made where they are not there yet."""
    work.mkdir(parents=True, exist_ok=True)
    path = work / f"web-{tokens}.store"
    store = TokenStore.open(path) if (path / "store.json").exists() else make_store(path, tokens)
    plans = {length: work / f"web-{tokens}-{length}.plan" for length in row_lengths}
    for length, plan in plans.items():
        if not plan.exists():
            pack(store.lengths, length, strategy="best_fit").save(plan)
    return store, plans
