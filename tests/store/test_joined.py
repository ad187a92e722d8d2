"""Several stores as one: their documents numbered through, of one tokenizer."""

from __future__ import annotations

import json
import pickle
import shutil
import warnings

import numpy as np
import pyarrow as pa
import pytest
from fixtures.loader_data import make_store

import pypack
from pypack import Loader, Ragged, Source, StoreWriter, Tokenizer, TokenStore
from pypack.source import check_same_tokenizer


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder = tmp_path_factory.mktemp("joined")
    for name, lengths, vocabulary in (("a", [3, 5, 1], 40), ("b", [4, 40], 50), ("wide", [2], 70_000)):
        make_store(folder / name, lengths, vocab_size=vocabulary, shard_tokens=5)
    return [folder / "a", folder / "b", folder / "wide"]


def test_documents_are_numbered_through(paths):
    a, b = map(TokenStore.open, paths[:2])
    for form in (paths[:2], [a, b], (str(paths[0]), b), [TokenStore.open([a]), b]):
        both = TokenStore.open(form)
        assert [d.tolist() for d in both] == [d.tolist() for d in [*a, *b]]
        assert both.lengths.tolist() == [3, 5, 1, 4, 40]
        assert (len(both), both.num_tokens, both.dtype) == (5, 53, np.uint16)
        assert (both.vocab_size, both.eos_id, both.pad_id, both.appended_id) == (50, None, None, None)
    assert both.lengths_fingerprint == pypack.pack([3, 5, 1, 4, 40], 8).lengths_fingerprint
    assert [part.path for part in both.parts] == paths[:2]
    assert TokenStore.open([both, a]).parts == (*both.parts, a)
    assert TokenStore.open([paths[0]]).path == paths[0]
    copy = pickle.loads(pickle.dumps(both))
    assert (copy[3].tolist(), repr(copy)) == (b[0].tolist(), repr(both))
    both.verify()
    assert TokenStore.open(a) is a


def test_bare_datasets_join(paths, tmp_path):
    shutil.copy(paths[0] / "00000.bin", tmp_path / "x.bin")
    shutil.copy(paths[0] / "00000.idx", tmp_path / "x.idx")
    both = TokenStore.open([tmp_path / "x", paths[1]])
    assert both[0].tolist() == [1, 2, 3]
    assert len(both) == 3
    assert both.vocab_size is None


def test_what_cannot_be_joined(paths):
    with pytest.raises(ValueError, match=r"wide holds tokens as int32, .*a as uint16"):
        TokenStore.open([paths[0], paths[2]])
    with pytest.raises(ValueError, match="at least one"):
        TokenStore.open([])
    with pytest.raises(FileNotFoundError, match="nothing: there is no such file or folder: neither"):
        TokenStore.open([paths[0], paths[0].parent / "nothing"])


def test_columns_of_all(tmp_path):
    for name, columns in (
        ("a", {"id": [1], "x": ["a"]}),
        ("b", {"x": ["b"], "id": [0.5]}),
        ("c", {"id": [3]}),
    ):
        with StoreWriter(tmp_path / name, vocab_size=9) as writer:
            writer.append(Ragged.from_rows([[1]]), pa.record_batch(columns))
    both = TokenStore.open([tmp_path / "a", tmp_path / "b"])
    assert both.columns().to_pydict() == {"id": [1.0, 0.5], "x": ["a", "b"]}
    three = TokenStore.open([tmp_path / name for name in "abc"])
    assert three.columns(["id"]).column("id").to_pylist() == [1.0, 0.5, 3.0]
    with pytest.raises(ValueError, match="name those that both keep"):
        three.columns()


def test_splits_count_in_each_store(paths):
    alone = [store.split(0.4, seed=3).validation.tolist() for store in map(TokenStore.open, paths[:2])]
    assert TokenStore.open(paths[:2]).split(0.4, seed=3).validation.tolist() == alone[0] + alone[1]
    assert TokenStore.open(paths[1::-1]).split(0.4, seed=3).validation.tolist() == alone[1] + alone[0]


@pytest.mark.parametrize("twice", [False, True])
def test_one_source_gives_every_document_of_all_stores(paths, twice):
    stores = [paths[0], paths[0]] if twice else paths[:2]
    both = TokenStore.open(stores)
    plan = pypack.pack(both.lengths, 8)
    loaders = [
        Loader(Source(stores, plan), batch_sequences=2),
        Loader(list(map(TokenStore.open, stores)), plan, batch_sequences=2),
        Loader(Source.select(stores, 8), batch_sequences=2),
    ]
    for loader in loaders:
        given = {}
        for batch in loader:
            tokens = iter(batch.input_ids[batch.segment_ids > 0].tolist())
            for document, length in zip(
                batch.document_ids.tolist(), batch.span_lengths.tolist(), strict=True
            ):
                given.setdefault(document, []).extend(next(tokens) for _ in range(length))
        assert {d: sorted(ids) for d, ids in given.items()} == {
            d: sorted(both[d].tolist()) for d in range(len(both))
        }
    assert list(Source.by_length(stores, [4], 8)) == ["<4", ">=4"]


def test_the_plan_of_one_store_is_refused_with_the_mend(paths):
    a = TokenStore.open(paths[0])
    for stores in ([a, a], [paths[1], a]):
        with pytest.raises(ValueError, match=r"one of them alone: pack TokenStore.open\(\[...\]\).lengths"):
            Source(stores, pypack.pack(a.lengths, 8))


def test_paths_open(paths, tmp_path):
    store = TokenStore.open(paths[0])
    plan, pads = pypack.pack(store.lengths, 8), pypack.pack(store.lengths, 16, "pad")
    plan.save(tmp_path / "a.plan")
    pads.save(tmp_path / "b.plan")
    for source in (
        Source(str(paths[0]), str(tmp_path / "a.plan")),
        Source(paths[0], tmp_path / "a.plan"),
        Loader(str(paths[0]), str(tmp_path / "a.plan"), batch_sequences=1).sources[""],
        Loader(paths[0], plan, batch_sequences=1).sources[""],
    ):
        assert source.plan == plan
        assert source.store[0].tolist() == store[0].tolist()
    assert list(Source(paths[0], [tmp_path / "a.plan", pads]).lengths) == [8, 16]
    for wrong in ((tmp_path / "no.store", plan), (paths[0], tmp_path / "no.plan")):
        with pytest.raises(FileNotFoundError, match=r"no\.(store|plan)"):
            Loader(*wrong, batch_sequences=1)
    with pytest.raises(ValueError, match="needs its plan"):
        Loader(str(paths[0]), batch_sequences=1)


# Tokenizers.


def written_by(path, tokenizer, texts=("a b", "b a")):
    with StoreWriter(path, vocab_size=tokenizer.vocab_size, tokenizer=tokenizer) as writer:
        writer.append(tokenizer.encode_batch(list(texts)))
    return TokenStore.open(path)


def changed(tokenizer, change):
    definition = json.loads(tokenizer.to_json())
    change(definition)
    return json.dumps(definition)


@pytest.fixture
def tokenized(tmp_path, tokenizer_file):
    """Stores by name: of a tokenizer, of one that decodes otherwise, of one with other ids, of none."""
    tokenizer = Tokenizer.from_file(tokenizer_file)

    def other_decoder(definition):
        definition["decoder"] = {
            "type": "ByteLevel",
            "add_prefix_space": True,
            "trim_offsets": False,
            "use_regex": True,
        }
        single = [{"Sequence": {"id": "A", "type_id": 0}}]
        pair = [*single, {"Sequence": {"id": "B", "type_id": 1}}]
        template = {"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": {}}
        definition["post_processor"] = template

    def other_ids(definition):
        definition["normalizer"] = {"type": "Lowercase"}

    made = {"first": tokenizer}
    for name, change in (("decoder", other_decoder), ("ids", other_ids)):
        (tmp_path / f"{name}.json").write_text(changed(tokenizer, change))
        made[name] = Tokenizer.from_file(tmp_path / f"{name}.json")
    stores = {name: written_by(tmp_path / name, one) for name, one in made.items()}
    stores["none"] = make_store(tmp_path / "none", [3], vocab_size=tokenizer.vocab_size)
    return stores


def source_of(store):
    return Source(store, pypack.pack(store.lengths, 8))


def load(stores):
    phase = pypack.Phase(tokens=64, weights=dict.fromkeys(stores, 1.0))
    sources = {name: source_of(store) for name, store in stores.items()}
    return Loader(sources, schedule=pypack.Schedule([phase]), batch_sequences=1)


def test_stores_of_tokenizers_that_agree_are_mixed(tokenized):
    first, decoder = tokenized["first"], tokenized["decoder"]
    assert first.tokenizer_fingerprint != decoder.tokenizer_fingerprint
    assert first.ids_fingerprint == decoder.ids_fingerprint
    load({"a": first, "b": decoder, "c": first})
    both = TokenStore.open([first, decoder])
    assert both.tokenizer().encode("a b").tolist() == first.tokenizer().encode("a b").tolist()
    assert both.text(0) == first.text(0)


def test_stores_of_other_tokenizers_are_refused(tokenized):
    first, ids = tokenized["first"], tokenized["ids"]
    with pytest.raises(
        ValueError, match="the source 'a' and the source 'c' were made by tokenizers that give different"
    ):
        load({"a": first, "b": tokenized["decoder"], "c": ids})
    with pytest.raises(ValueError, match=r"first and .*ids were made by tokenizers that give different ids"):
        TokenStore.open([first, ids])
    with pytest.raises(ValueError, match="the source 'x' and the source 'y'"):
        check_same_tokenizer({"x": source_of(TokenStore.open([first, first])), "y": source_of(ids)})


def test_stores_of_no_tokenizer_are_warned_of(tokenized):
    with pytest.warns(UserWarning, match="^the source 'b': of unknown tokenizer"):
        load({"a": tokenized["first"], "b": tokenized["none"]})
    with pytest.warns(UserWarning, match="none: of unknown tokenizer"):
        TokenStore.open([tokenized["none"], tokenized["first"], tokenized["none"]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load({"a": tokenized["none"], "b": tokenized["none"]})  # nothing to compare with


def test_several_stores_of_no_tokenizer_are_warned_of(tokenized, tmp_path):
    other = make_store(tmp_path / "other.store", [3, 4])
    with pytest.warns(UserWarning, match="^the source 'a', the source 'b': none of these stores tells"):
        load({"a": tokenized["none"], "b": other})
    with pytest.warns(UserWarning, match="none of these stores tells its tokenizer"):
        TokenStore.open([tokenized["none"], other])


def test_a_tokenizer_that_was_removed_is_known_by_its_record(tokenized):
    (tokenized["first"].path / "tokenizer.json").unlink()
    load({"a": tokenized["first"], "b": TokenStore.open(tokenized["first"].path)})
    with pytest.warns(UserWarning, match="^the source 'a': of unknown tokenizer"):
        load({"a": TokenStore.open(tokenized["first"].path), "b": tokenized["ids"]})
