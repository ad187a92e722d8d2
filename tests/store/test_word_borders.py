"""Where words begin, kept beside the tokens: written, read, joined, and refused where damaged or unknown."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from fixtures.range_server import range_server
from fixtures.remote_data import kill_fetcher
from hypothesis import given
from hypothesis import strategies as st

import pypack
from pypack import Ragged, StoreWriter, TokenStore
from pypack.cli import main
from pypack.objectives import MaskedLM
from pypack.store import format as store_format
from pypack.store.beside import MASK, WORDS

flags = st.lists(st.lists(st.booleans(), max_size=90), min_size=1, max_size=12)


def write(path: Path, words: list[list[bool]], batch: int = 100, **options) -> TokenStore:
    """Documents whose every first token begins a word, as tokenizers have it."""
    options.setdefault("beside", [WORDS])
    with StoreWriter(path, vocab_size=300, **options) as writer:
        for start in range(0, len(words), batch):
            part = words[start : start + batch]
            rows = Ragged.from_rows([np.arange(len(one), dtype=np.uint32) % 250 for one in part])
            bits = [i == 0 or flag for one in part for i, flag in enumerate(one)]
            writer.append(rows, words=np.array(bits, np.bool_))
    return TokenStore.open(path)


@given(
    words=flags,
    batch=st.integers(1, 12),
    shard_tokens=st.integers(1, 200),
    begin=st.sampled_from([(), (7,), (7, 8)]),
    end=st.sampled_from([None, 9]),
    masked=st.booleans(),
)
def test_round_trip(tmp_path_factory, words, batch, shard_tokens, begin, end, masked):
    path = tmp_path_factory.mktemp("store")
    beside = [WORDS, MASK] if masked else [WORDS]
    options = {"shard_tokens": shard_tokens, "prepend_ids": begin, "append_id": end, "beside": beside}
    store = write(path, words, batch, **options)
    wanted = [
        [True] * len(begin) + [i == 0 or flag for i, flag in enumerate(one)] + [True] * (end is not None)
        for one in words
    ]
    assert store.has_word_borders
    assert [store.word_borders(i).tolist() for i in range(len(store))] == wanted
    assert store.info.requires == (("loss_mask", "word_borders") if masked else ("word_borders",))
    assert store.has_loss_mask is masked
    assert store.verify("deep") == []
    assert store.verify("quick") == []
    again = pickle.loads(pickle.dumps(store))
    assert again.word_borders(0).tolist() == wanted[0]


def test_joined_stores_know_what_all_of_them_know(tmp_path):
    a, b = write(tmp_path / "a", [[True, False]]), write(tmp_path / "b", [[True], [True, True, False]])
    joined = TokenStore.open([a, b])
    assert [joined.word_borders(i).tolist() for i in range(3)] == [[True, False], [True], [True, True, False]]
    plain = _without(tmp_path / "c")
    mixed = TokenStore.open([a, plain])
    assert not mixed.has_word_borders
    with pytest.raises(ValueError, match="--word-borders"):
        mixed.word_borders(0)


def _without(path: Path) -> TokenStore:
    with StoreWriter(path, vocab_size=300) as writer:
        writer.append(Ragged.from_rows([[1, 2, 3]]))
    return TokenStore.open(path)


def test_a_reader_that_does_not_know_of_them_says_so(tmp_path, monkeypatch):
    write(tmp_path / "a", [[True, False]])
    monkeypatch.setattr(store_format, "FEATURES", store_format.FEATURES - {"word_borders"})
    with pytest.raises(ValueError, match="requires the feature 'word_borders'"):
        TokenStore.open(tmp_path / "a")


def test_words_must_be_given(tmp_path):
    with StoreWriter(tmp_path / "a", vocab_size=300, beside=[WORDS]) as writer:
        with pytest.raises(ValueError, match="where words begin"):
            writer.append(Ragged.from_rows([[1, 2]]))
        with pytest.raises(ValueError, match="must have the shape"):
            writer.append(Ragged.from_rows([[1, 2]]), words=np.ones(3, np.bool_))
        writer.append(Ragged.from_rows([[1, 2]]), words=np.ones(2, np.bool_))
    with StoreWriter(tmp_path / "b", vocab_size=300) as writer:
        with pytest.raises(ValueError, match=r"\.words"):
            writer.append(Ragged.from_rows([[1, 2]]), words=np.ones(2, np.bool_))
        writer.append(Ragged.from_rows([[1, 2]]))


def test_damage_is_found(tmp_path, capsys):
    store = write(tmp_path / "a", [[True] * 20, [True, False]])
    file = tmp_path / "a" / "00000.words"
    good = file.read_bytes()
    file.write_bytes(good[:-1])
    with pytest.raises(ValueError, match=r"00000\.words"):
        TokenStore.open(tmp_path / "a").verify("quick")
    with pytest.raises(ValueError, match=r"00000\.words"):
        TokenStore.open(tmp_path / "a").word_borders(0)
    file.write_bytes(bytes([good[0] ^ 4]) + good[1:])
    with pytest.raises(ValueError, match=r"00000\.words"):
        store.verify()
    assert main(["verify", str(tmp_path / "a")]) == 1
    assert "00000.words" in capsys.readouterr().err


def test_a_document_that_begins_with_no_word_is_found_by_a_deep_look(tmp_path):
    with StoreWriter(tmp_path / "a", vocab_size=300, beside=[WORDS]) as writer:
        writer.append(Ragged.from_rows([[1], [], [1, 2]]), words=np.array([1, 0, 1], np.bool_))
    assert TokenStore.open(tmp_path / "a").verify() == []
    with pytest.raises(ValueError, match=r"document 2 of the store does not begin with a word"):
        TokenStore.open(tmp_path / "a").verify("deep")


def test_a_store_at_a_url_has_them(tmp_path):
    local = write(tmp_path / "data" / "a", [[True, False, False, True] * 40] * 30, shard_tokens=1500)
    cache = tmp_path / "cache"
    try:
        with range_server(tmp_path / "data") as server:
            remote = TokenStore.open(f"{server.url}/a", cache=cache)
            assert remote.has_word_borders
            for i in (0, 17, 29):
                assert remote.word_borders(i).tolist() == local.word_borders(i).tolist()
            assert remote.verify() == []
            objective = MaskedLM(0.3, whole_word=True, mask_id=299, special_ids=[0])
            plan = pypack.pack(local.lengths, 512)
            ours, theirs = (
                pypack.Loader(store, plan, batch_sequences=2, objective=objective)
                for store in (remote, local)
            )
            for step in range(3):
                a, b = ours.batch_at(step), theirs.batch_at(step)
                np.testing.assert_array_equal(a.input_ids, b.input_ids)
                np.testing.assert_array_equal(a.labels, b.labels)
    finally:
        kill_fetcher(cache)


def test_inspect_names_the_feature(tmp_path, capsys):
    write(tmp_path / "a", [[True, False]])
    assert main(["inspect", str(tmp_path / "a"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["requires"] == ["word_borders"]


def test_other_formats_say_that_they_lose_them(tmp_path, capsys):
    write(tmp_path / "a", [[True, False, True]])
    arguments = ["convert", str(tmp_path / "a"), str(tmp_path / "b"), "--to", "datasets"]
    assert main(arguments) != 0
    assert "where words begin (3 tokens)" in capsys.readouterr().err
    assert main([*arguments, "--allow-loss"]) == 0
