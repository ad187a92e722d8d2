"""A loss mask, groups and weights beside the tokens: written, read, refused where damaged, and in batches."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pypack
from pypack import Loader, Ragged, Source, StoreWriter, TokenStore, _core
from pypack.store.beside import GROUP, MASK, WEIGHT

flags = st.lists(st.lists(st.booleans(), max_size=90), min_size=1, max_size=12)


def rows_of(masks: list[list[bool]]) -> tuple[Ragged, np.ndarray]:
    rows = Ragged.from_rows([np.arange(len(mask), dtype=np.uint32) % 250 for mask in masks])
    return rows, np.array([flag for mask in masks for flag in mask], np.bool_)


def write(path: Path, masks: list[list[bool]], batch: int = 100, **options) -> TokenStore:
    with StoreWriter(path, vocab_size=300, beside=[MASK], **options) as writer:
        for start in range(0, len(masks), batch):
            rows, learned = rows_of(masks[start : start + batch])
            writer.append(rows, learned=learned)
    return TokenStore.open(path)


@given(
    masks=flags,
    batch=st.integers(1, 12),
    shard_tokens=st.integers(1, 200),
    begin=st.sampled_from([(), (7,), (7, 8)]),
    end=st.sampled_from([None, 9]),
)
def test_round_trip(tmp_path_factory, masks, batch, shard_tokens, begin, end):
    path = tmp_path_factory.mktemp("store")
    store = write(path, masks, batch, shard_tokens=shard_tokens, prepend_ids=begin, append_id=end)
    wanted = [[False] * len(begin) + mask + [True] * (end is not None) for mask in masks]
    assert [store.loss_mask(i).tolist() for i in range(len(store))] == wanted
    assert store.learned_lengths.tolist() == [sum(mask) for mask in wanted]
    assert store.info.requires == ("loss_mask",)
    assert store.prepended_ids == begin
    assert store.verify() == []
    for i, mask in enumerate(masks):
        ids = [*begin, *(j % 250 for j in range(len(mask))), *([] if end is None else [end])]
        assert store[i].tolist() == ids


@given(masks=flags, first=st.integers(0, 7), begins=st.integers(0, 2), ends=st.integers(0, 2))
def test_packed_bits_are_those_of_numpy(masks, first, begins, ends):
    rows, learned = rows_of(masks)
    flat = [0] * first
    for mask in masks:
        flat += [0] * begins + [int(flag) for flag in mask] + [1] * ends
    packed = _core.pack_mask(learned.view(np.uint8), rows.offsets, begins, ends, first)
    assert packed == np.packbits(np.array(flat, np.uint8), bitorder="little").tobytes()


@pytest.mark.filterwarnings("ignore:.*hold no token that is learned")
@settings(deadline=None, max_examples=60)
@given(
    masks=flags,
    length=st.integers(1, 40),
    strategy=st.sampled_from(["concat", "stream", "best_fit"]),
    layout=st.sampled_from(["padded", "varlen"]),
    dtype=st.sampled_from(["int64", "int32"]),
)
def test_batches_are_those_of_a_given_mask(tmp_path_factory, masks, length, strategy, layout, dtype):
    if not any(map(len, masks)):
        return
    path = tmp_path_factory.mktemp("store")
    store = write(path, masks, 3, shard_tokens=64)
    plan = pypack.pack(store.lengths, length, strategy)
    options = {
        "batch_sequences": 2, "layout": layout, "dtype": dtype, "shuffle": False, "epochs": 1,
        "arrays": ("labels", "loss_mask"),
    }  # fmt: skip
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        own = Source(store, plan)
        given_mask = Source(store, plan, loss_mask=masks)
    assert own.num_learned_tokens == given_mask.num_learned_tokens
    assert own.unlearned_sequences == given_mask.unlearned_sequences
    assert plan.count_learned(store).sum() == own.num_learned_tokens == plan.stats.learned_tokens
    for one, other in zip(Loader(own, **options), Loader(given_mask, **options), strict=True):
        np.testing.assert_array_equal(one.labels, other.labels)
        np.testing.assert_array_equal(one.loss_mask, other.loss_mask)
        np.testing.assert_array_equal(one.loss_mask, (one.labels != -100).astype(np.float32))


def test_rows_that_learn_nothing_by_the_stores_mask_are_warned_of(tmp_path):
    """Conversations whose answers are cut off: the loss of a batch of them would be nan."""
    store = write(tmp_path / "s", [[False] * 6 + [True] * 3, [False, True, True], [False] * 7 + [True]])
    cut = pypack.pack(store.lengths, 5, "pad", overflow="truncate")
    with pytest.warns(UserWarning, match="^2 of 3 sequences hold no token that is learned: .*drop_unlearned"):
        Source(store, cut)
    assert Source(store, cut, drop_unlearned=True).num_learned_tokens == 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Source(store, pypack.pack(store.lengths, 9, "pad"))


def test_a_mask_that_is_given_stands_in_the_place_of_the_stores(tmp_path):
    store = write(tmp_path / "s", [[True, False, True, True], [False, True, True, False]])
    plan = pypack.pack(store.lengths, 8)
    assert Source(store, plan).num_learned_tokens == 4
    assert Source(store, plan, store_mask=False).num_learned_tokens == 6
    assert Source(store, plan, loss_mask=[[1, 1, 1, 1], [1, 1, 1, 1]]).num_learned_tokens == 6


def test_stores_are_joined_with_and_without_masks(tmp_path):
    masked = write(tmp_path / "a", [[True, False, True], [False, False, True, True]])
    with StoreWriter(tmp_path / "b", vocab_size=300) as writer:
        writer.append(Ragged.from_rows([[1, 2, 3]]))
    both = TokenStore.open([tmp_path / "b", masked])
    assert [both.loss_mask(i).tolist() for i in range(3)] == [
        [True, True, True],
        [True, False, True],
        [False, False, True, True],
    ]
    assert pickle.loads(pickle.dumps(both)).learned_lengths.tolist() == [3, 2, 2]


def test_groups_and_weights(tmp_path):
    with StoreWriter(tmp_path / "s", vocab_size=300, beside=[GROUP, WEIGHT], shard_tokens=10) as writer:
        rows = Ragged.from_rows([[1, 2, 3], [4, 5], [6], [7, 8, 9], [1], [2, 3]])
        places = np.array([0, 1, 0, 0, 1, 2], np.int32)
        writer.append(rows, places=places, weights=np.array([1, 2, 3, 4, 5, 6], np.float32))
    store = TokenStore.open(tmp_path / "s")
    assert store.info.requires == ("groups", "loss_weights")
    assert store.groups.tolist() == [0, 0, 2, 3, 3, 3]
    assert [shard.documents for shard in store.info.shards] == [3, 3]  # no group is parted
    assert store.document_weights.of(np.array([5, 0, 3])).tolist() == [6, 1, 4]
    plan = pypack.pack(store.lengths, 6, "best_fit", overflow="drop", keep_together=store.groups)
    loader = Loader(Source(store, plan), batch_sequences=2, epochs=1, shuffle=False)
    seen = list(loader)
    documents = np.concatenate([batch.document_ids for batch in seen])
    groups = np.concatenate([batch.group_ids for batch in seen])
    assert groups.tolist() == store.groups[documents].tolist()
    for batch in seen:
        learned = batch.labels != -100
        assert set(batch.loss_weights[learned].tolist()) <= {1.0, 2.0, 4.0, 6.0}
        assert batch.split(2)[0].group_ids.tolist() == batch.group_ids[: batch.row_spans[1]].tolist()
    assert store.verify() == []


def test_a_reader_that_does_not_know_masks_refuses_the_store(tmp_path, monkeypatch):
    write(tmp_path / "s", [[True, False]])
    monkeypatch.setattr("pypack.store.format.FEATURES", frozenset())
    with pytest.raises(ValueError, match="loss_mask"):
        TokenStore.open(tmp_path / "s")


def test_a_cut_mask_is_refused(tmp_path):
    write(tmp_path / "s", [[True, False] * 20])
    path = tmp_path / "s" / "00000.mask"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"00000\.mask: size: 4 bytes, a loss mask of 40 tokens has 5"):
        TokenStore.open(tmp_path / "s")


def test_a_changed_mask_is_found(tmp_path):
    write(tmp_path / "s", [[True, False] * 20])
    path = tmp_path / "s" / "00000.mask"
    path.write_bytes(bytes(5))
    with pytest.raises(ValueError, match=r"00000\.mask"):
        TokenStore.open(tmp_path / "s").verify()


def test_values_that_the_store_was_not_begun_for_are_refused(tmp_path):
    with StoreWriter(tmp_path / "s", vocab_size=300) as writer:
        rows = Ragged.from_rows([[1, 2]])
        with pytest.raises(ValueError, match=r"beside=\['\.mask'\]"):
            writer.append(rows, learned=np.ones(2, np.bool_))
        writer.append(rows)
    with StoreWriter(tmp_path / "t", vocab_size=300, beside=[MASK]) as writer:
        with pytest.raises(ValueError, match=r"must have the shape \(2,\), got \(3,\)"):
            writer.append(rows, learned=np.ones(3, np.bool_))
        writer.append(rows)
    assert TokenStore.open(tmp_path / "t").loss_mask(0).all()
