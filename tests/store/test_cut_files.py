"""A file that is cut while it is mapped: found by a look at sizes, before a read ends the process."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixtures.loader_data import make_store

import pypack
from pypack import Loader, Plan, Ragged, StoreWriter, TokenStore
from pypack.formats.convert import export

LOOKS = 0.06  # seconds: those that are not read are looked at that often at most
READ = 0.02  # those that are read, by a clock that is some milliseconds behind


@pytest.fixture
def store(tmp_path: Path) -> TokenStore:
    return make_store(tmp_path / "a.store", [500] * 40, shard_tokens=5000)


def test_a_document_of_a_cut_store(store: TokenStore) -> None:
    os.truncate(store.path / "00003.bin", 100)
    time.sleep(LOOKS)
    with pytest.raises(ValueError, match=r"00003.bin: was cut from \d+ to 100 bytes while it was open"):
        store[39]


def test_what_is_read_is_looked_at_once_a_training_step(store: TokenStore, tmp_path: Path) -> None:
    """Not only once in 50 ms: steps are shorter."""
    pypack.pack(store.lengths, 500).save(tmp_path / "a.plan")
    loader = Loader(store, Plan.open(tmp_path / "a.plan"), batch_sequences=40, seed=0, prefetch=0)
    loader.batch_at(0)
    os.truncate(store.path / "00003.bin", 100)
    time.sleep(READ)
    with pytest.raises(ValueError, match=r"00003.bin: was cut"):
        loader.batch_at(0)


def test_an_index_that_is_cut(store: TokenStore) -> None:
    os.truncate(store.path / "00000.idx", 0)
    time.sleep(LOOKS)
    with pytest.raises(ValueError, match=r"00000.idx: was cut"):
        store[39]


@pytest.mark.parametrize("prefetch", [0, 2])
def test_a_loader_over_a_cut_store(store: TokenStore, prefetch: int) -> None:
    loader = Loader(store, pypack.pack(store.lengths, 500), batch_sequences=2, seed=0, prefetch=prefetch)
    batches = iter(loader)
    next(batches)
    time.sleep(0.5)  # the thread has made what it makes ahead, and reads no more
    os.truncate(store.path / "00003.bin", 100)
    time.sleep(LOOKS)
    with pytest.raises(ValueError, match=r"00003.bin: was cut"):
        for _ in batches:
            pass


def test_a_plan_that_is_cut(store: TokenStore, tmp_path: Path) -> None:
    pypack.pack(store.lengths, 500).save(tmp_path / "a.plan")
    plan = Plan.open(tmp_path / "a.plan")
    os.truncate(tmp_path / "a.plan/span_document.npy", 10)
    with pytest.raises(
        ValueError, match=r"span_document.npy: was cut from \d+ to 10 bytes while it was open"
    ):
        plan.verify(store.lengths)


def test_the_shard_that_is_read_is_looked_at(tmp_path: Path) -> None:
    """Of very many, too: it is no matter of whose turn it is."""
    store = make_store(tmp_path / "a.store", [500] * 150, shard_tokens=500)
    os.truncate(store.path / "00149.bin", 100)
    with pytest.raises(ValueError, match=r"00149.bin: was cut"):
        store[149]
    with pytest.raises(ValueError, match=r"00149.bin: was cut"):  # and again, at once
        store[149]
    with pytest.raises(ValueError, match=r"00149.bin: was cut"):
        Loader(store, pypack.pack(np.full(150, 500, np.int32), 500), batch_sequences=150, seed=0).batch_at(0)
    with pytest.raises(ValueError, match=r"00149.bin: was cut"):
        store.verify()
    with pytest.raises(ValueError, match=r"00149.bin: was cut"):
        _ = store.lengths
    assert len(store[148]) == 500


@pytest.mark.parametrize("prefetch", [0, 2])
@pytest.mark.parametrize("balance", ["none", "deal"])
def test_a_loader_over_a_cut_plan(prefetch: int, balance: Any, store: TokenStore, tmp_path: Path) -> None:
    pypack.pack(store.lengths, 500).save(tmp_path / "a.plan")
    plan = Plan.open(tmp_path / "a.plan")
    place: dict[str, Any] = {"rank": 0, "world_size": 2} if balance == "deal" else {}
    loader = Loader(store, plan, batch_sequences=2, seed=0, prefetch=prefetch, balance=balance, **place)
    batches = iter(loader)
    next(batches)
    time.sleep(0.5)
    os.truncate(tmp_path / "a.plan/span_length.npy", 10)
    time.sleep(LOOKS)
    with pytest.raises(ValueError, match=r"span_length.npy: was cut from \d+ to 10 bytes while it was open"):
        for _ in batches:
            pass
    with pytest.raises(ValueError, match=r"span_length.npy: was cut"):
        loader.batch_at(0)


def test_values_beside_the_tokens_that_are_cut(tmp_path: Path) -> None:
    beside = [".mask", ".group", ".weight"]
    with StoreWriter(tmp_path / "a.store", vocab_size=9, shard_tokens=8000, beside=beside) as writer:
        for _ in range(2):
            rows = Ragged.from_rows([np.zeros(2, np.uint32)] * 4000)
            writer.append(rows, weights=np.ones(4000, np.float32), places=np.zeros(4000, np.int32))
    store = TokenStore.open(tmp_path / "a.store")
    weights = store.document_weights
    assert weights is not None
    assert weights.of(np.array([7999])).tolist() == [1]
    time.sleep(LOOKS)
    for suffix in beside:
        os.truncate(tmp_path / "a.store" / f"{store.info.shards[1].name}{suffix}", 10)  # type: ignore[union-attr]
    with pytest.raises(ValueError, match=r"\.weight: was cut from \d+ to 10 bytes while it was open"):
        weights.of(np.array([7999]))
    with pytest.raises(ValueError, match=r"\.weight: was cut"):
        weights.all()
    with pytest.raises(ValueError, match=r"\.mask: was cut"):
        store.loss_mask(7999)
    assert weights.of(np.array([0])).tolist() == [1]


def test_a_cut_plan_is_not_converted(store: TokenStore, tmp_path: Path) -> None:
    pypack.pack(store.lengths, 500).save(tmp_path / "a.plan")
    plan = Plan.open(tmp_path / "a.plan")
    os.truncate(tmp_path / "a.plan/span_document.npy", 10)
    with pytest.raises(ValueError, match=r"span_document.npy: was cut"):
        export(store, tmp_path / "a.npy", "nemo", plan)


def test_files_that_are_replaced_or_deleted_stay_as_they_were(store: TokenStore) -> None:
    before = store[39].tolist()
    (store.path / "00003.bin").rename(store.path / "away")
    (store.path / "00003.bin").write_bytes(b"short")
    (store.path / "00002.bin").unlink()
    time.sleep(LOOKS)
    assert store[39].tolist() == before
    assert len(store[20]) == 500
