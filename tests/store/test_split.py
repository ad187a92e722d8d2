"""Validation splits: documents keep their side, whatever the store becomes."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from fixtures.loader_data import make_store

from pypack import Loader, Ragged, Source, StoreWriter, TokenStore


def keyed(path, keys, **options):
    with StoreWriter(path, vocab_size=300, **options) as writer:
        for part in keys:
            writer.append(Ragged.from_rows([[1, 2, 3]] * len(part)), pa.record_batch({"key": pa.array(part)}))
    return TokenStore.open(path)


def test_shares_are_kept_and_nested(tmp_path):
    store = make_store(tmp_path / "s", [3] * 20_000)
    for share in (0.01, 0.3, 0.99):
        train, validation = store.split(share)
        assert (train.dtype, len(train)) == (bool, 20_000)
        assert (train == ~validation).all()
        assert abs(validation.sum() - share * 20_000) < 5 * np.sqrt(20_000 * share * (1 - share))
    small, large = store.split(0.01).validation, store.split(0.3).validation
    assert (large >= small).all()
    assert (store.split(0.3, seed=1).validation != large).sum() > 4_000
    assert (store.split(0.3).validation == large).all()


def test_growing_changes_no_side(tmp_path):
    small = make_store(tmp_path / "small", [3] * 500).split(0.2)
    grown = make_store(tmp_path / "grown", [3] * 500 + [7] * 500).split(0.2)
    assert (grown.validation[:500] == small.validation).all()


def test_keys_keep_their_side_in_any_store(tmp_path):
    keys = [f"https://{i % 300}.org" for i in range(1000)]
    side = dict(
        zip(keys, keyed(tmp_path / "a", [keys]).split(0.3, key="key").validation.tolist(), strict=True)
    )
    other = keyed(tmp_path / "b", [keys[::-1][:200], keys[100:300]], shard_tokens=60)
    assert other.split(0.3, key="key").validation.tolist() == [
        side[key] for key in keys[::-1][:200] + keys[100:300]
    ]
    assert 50 < sum(side.values()) < 130
    validation = keyed(tmp_path / "c", [keys]).split(0.3, key="key").validation
    assert all(side[key] == held for key, held in zip(keys, validation.tolist(), strict=True))


def test_keys_keep_their_side_when_columns_widen(tmp_path):
    """Numbers become floats or JSON text, texts become JSON text, when stores of other types are joined."""
    numbers, texts = list(range(200)), [f"t{i}" for i in range(200)]
    sides = {}
    for keys in (numbers, texts):
        found = keyed(tmp_path / str(keys[0]), [keys]).split(0.5, key="key").validation.tolist()
        sides |= dict(zip(keys, found, strict=True))
    for name, parts in (("floats", [numbers, [0.5]]), ("mixed", [numbers, texts]), ("text", [texts, [1]])):
        store = keyed(tmp_path / name, parts, shard_tokens=90)
        found = store.split(0.5, key="key").validation.tolist()
        keys = [key for part in parts for key in part]
        assert [held for key, held in zip(keys, found, strict=True) if key in sides] == [
            sides[key] for key in keys if key in sides
        ]


def test_a_split_is_what_select_takes(tmp_path):
    store = make_store(tmp_path / "s", list(range(1, 61)))
    train, validation = (Source.select(store, 64, where=side) for side in store.split(0.3))
    given = [
        {int(d) for b in Loader(source, batch_sequences=2) for d in b.document_ids}
        for source in (train, validation)
    ]
    assert given[0] | given[1] == set(range(60))
    assert not given[0] & given[1]
    assert train.plan.num_tokens + validation.plan.num_tokens == store.num_tokens


def test_wrong_splits_are_told(tmp_path):
    store = keyed(tmp_path / "s", [["a", None]])
    for share in (0, 1, 1.5, float("nan")):
        with pytest.raises(ValueError, match="a share of the documents between 0 and 1"):
            store.split(share)
    with pytest.raises(ValueError, match="'key' of document 1 is null"):
        store.split(0.5, key="key")
    with pytest.raises(ValueError, match="keeps no column 'url', but 'key'"):
        store.split(0.5, key="url")
    with pytest.raises(FileNotFoundError, match="keeps no columns"):
        make_store(tmp_path / "bare", [3]).split(0.5, key="url")
