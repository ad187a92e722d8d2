"""Small stores and plans for the tests of the loader."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import pypack
from pypack import Plan, Ragged, StoreWriter, TokenStore


def make_store(
    path: Path, lengths: list[int], vocab_size: int = 60_000, shard_tokens: int = 2000
) -> TokenStore:
    """Documents of these lengths; every token of the store has an id of its own (as far as the ids reach)."""
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    values = (1 + np.arange(offsets[-1]) % (vocab_size - 1)).astype(np.uint32)
    with StoreWriter(path, vocab_size=vocab_size, shard_tokens=shard_tokens) as writer:
        writer.append(Ragged(values, offsets))
    return TokenStore.open(path)


def web_lengths(documents: int, seed: int = 0) -> list[int]:
    """Lengths spread like those of web pages, many short and few long."""
    rng = np.random.default_rng(seed)
    return np.clip(rng.lognormal(3.0, 1.2, documents), 1, 400).astype(int).tolist()


def make_source(path: Path, documents: int = 200, sequence_length: int = 64, seed: int = 0, **options):
    store = make_store(path, web_lengths(documents, seed))
    return store, pypack.pack(store.lengths, sequence_length, **options)


def replaced(plan: Plan, **arrays: np.ndarray) -> Plan:
    """A plan with some arrays exchanged, as a damaged file would have them."""
    return Plan(
        **{**plan.arrays(), **arrays},
        sequence_length=plan.sequence_length,
        strategy=plan.strategy,
        options=plan.options,
        counts=plan.counts,
        lengths_fingerprint=plan.lengths_fingerprint,
    )
