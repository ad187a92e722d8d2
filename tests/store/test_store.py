"""TokenStore and StoreWriter: what is written is read back, whatever else is in the files is refused."""

from __future__ import annotations

import json
import pickle
import struct
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from conftest import SCALE
from hypothesis import given
from hypothesis import strategies as st
from reference import permutation as reference

import pypack
from pypack import Ragged, StoreWriter, TokenStore, _core
from pypack.store.index_file import index_bytes

rows_of_ids = st.lists(st.lists(st.integers(0, 299), max_size=12), min_size=1, max_size=30)


def write(path: Path, batches: list[list[list[int]]], **options) -> TokenStore:
    options = {"vocab_size": 300, **options}
    with StoreWriter(path, **options) as writer:
        for batch in batches:
            writer.append(Ragged.from_rows(batch))
    return TokenStore.open(path)


@given(
    rows=rows_of_ids,
    batch=st.integers(1, 31),
    shard_tokens=st.integers(1, 60),
    append_id=st.sampled_from([None, 0, 299]),
    vocab_size=st.sampled_from([300, 70_000]),
)
def test_round_trip(tmp_path_factory, rows, batch, shard_tokens, append_id, vocab_size):
    path = tmp_path_factory.mktemp("store")
    batches = [rows[i : i + batch] for i in range(0, len(rows), batch)]
    store = write(path, batches, vocab_size=vocab_size, shard_tokens=shard_tokens, append_id=append_id)
    end = [] if append_id is None else [append_id]
    expected = [row + end for row in rows]
    assert [document.tolist() for document in store] == expected
    assert store.dtype == (np.uint16 if vocab_size == 300 else np.int32)
    assert store.lengths.tolist() == [len(row) for row in expected]
    assert (store.num_documents, store.num_tokens) == (len(rows), sum(map(len, expected)))
    for shard in store.info.shards:
        assert shard.documents == 1 or shard.tokens <= shard_tokens
    store.verify()


def test_shards_do_not_depend_on_batches(tmp_path):
    rows = [[i] * (i % 7) for i in range(100)]
    one = write(tmp_path / "one", [rows], shard_tokens=40)
    many = write(tmp_path / "many", [[row] for row in rows], shard_tokens=40)
    assert one.info.shards == many.info.shards
    for shard in one.info.shards:
        for suffix in (".bin", ".idx"):
            name = shard.name + suffix
            assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "many" / name).read_bytes()


def test_documents_are_read_only_views_that_outlive_the_store(tmp_path):
    store = write(tmp_path / "s", [[[1, 2, 3], []]])
    document = store[0]
    with pytest.raises(ValueError, match="read-only"):
        document[0] = 9
    del store
    assert document.tolist() == [1, 2, 3]


def test_indexing(tmp_path):
    store = write(tmp_path / "s", [[[1], [2, 2]]])
    assert store[-1].tolist() == [2, 2]
    assert len(store) == 2
    for index in (2, -3):
        with pytest.raises(IndexError, match=f"document {index} of a store with 2 documents"):
            store[index]
    copy = pickle.loads(pickle.dumps(store))
    assert copy[1].tolist() == [2, 2]


def test_tokenizer_travels_with_the_store(tmp_path, tokenizer_file, sample_texts):
    tokenizer = pypack.Tokenizer.from_file(tokenizer_file)
    with StoreWriter(
        tmp_path / "s", vocab_size=tokenizer.vocab_size, append_id=tokenizer.eos_id, tokenizer=tokenizer
    ) as writer:
        writer.append(tokenizer.encode_batch(sample_texts))
    store = TokenStore.open(tmp_path / "s")
    assert store.info.tokenizer_fingerprint == tokenizer.fingerprint == store.tokenizer().fingerprint
    assert (store.eos_id, store.pad_id) == (tokenizer.eos_id, None)
    assert store.tokenizer().decode(store[7]) == sample_texts[7]


def test_columns(tmp_path):
    rows = [[i] for i in range(10)]
    with StoreWriter(tmp_path / "s", vocab_size=300, shard_tokens=4) as writer:
        for part in (slice(0, 3), slice(3, 10)):
            ids = [f"id{i}" for i in range(10)][part]
            writer.append(Ragged.from_rows(rows[part]), pa.record_batch({"id": ids}))
    store = TokenStore.open(tmp_path / "s")
    assert store.columns()["id"].to_pylist() == [f"id{i}" for i in range(10)]
    store.verify()
    assert write(tmp_path / "plain", [rows]).info.shards[0].columns_checksum is None
    with pytest.raises(FileNotFoundError, match="keeps no columns"):
        TokenStore.open(tmp_path / "plain").columns()


def test_columns_must_fit(tmp_path):
    with (
        pytest.raises(ValueError, match="2 rows for 1 documents"),
        StoreWriter(tmp_path / "a", vocab_size=9) as w,
    ):
        w.append(Ragged.from_rows([[1]]), pa.record_batch({"id": [1, 2]}))
    with (
        pytest.raises(ValueError, match="every batch of a store, or for none"),
        StoreWriter(tmp_path / "b", vocab_size=9) as w,
    ):
        w.append(Ragged.from_rows([[1]]), pa.record_batch({"id": [1]}))
        w.append(Ragged.from_rows([[1]]))


def test_an_exception_leaves_finished_shards_and_no_store(tmp_path):
    with pytest.raises(RuntimeError), StoreWriter(tmp_path / "s", vocab_size=300, shard_tokens=2) as writer:
        writer.append(Ragged.from_rows([[1, 1], [2, 2], [3]]))
        raise RuntimeError
    assert sorted(p.name for p in (tmp_path / "s").iterdir()) == [
        "00000.bin",
        "00000.idx",
        "00001.bin",
        "00001.idx",
    ]
    with pytest.raises(FileNotFoundError, match="job did not finish"):
        TokenStore.open(tmp_path / "s")


def test_writing_goes_on_after_finished_shards(tmp_path):
    rows = [[i, i] for i in range(9)]
    whole = write(tmp_path / "whole", [rows], shard_tokens=4)
    finished = []
    with (
        pytest.raises(RuntimeError),
        StoreWriter(
            tmp_path / "s",
            vocab_size=300,
            shard_tokens=4,
            on_shard=lambda info, total: finished.append((info, total)),
        ) as writer,
    ):
        writer.append(Ragged.from_rows(rows[:7]))
        raise RuntimeError
    assert [total for _, total in finished] == [2, 4, 6]
    with StoreWriter(
        tmp_path / "s", vocab_size=300, shard_tokens=4, finished=[info for info, _ in finished]
    ) as writer:
        writer.append(Ragged.from_rows(rows[6:]))
    assert TokenStore.open(tmp_path / "s").info == whole.info


@pytest.mark.parametrize(
    ("options", "rows", "message"),
    [
        ({"vocab_size": 300}, [[1], [2, 300]], r"document 1: token id 300 is not below the vocabulary size"),
        ({"vocab_size": 300, "append_id": 300}, [[1]], "append_id must be in"),
        ({"vocab_size": 0}, [[1]], "vocab_size must be at least 1"),
        ({"shard_tokens": 0}, [[1]], "shard_tokens must be at least 1"),
        ({}, [], "no document was written"),
    ],
)
def test_bad_arguments(tmp_path, options, rows, message):
    with pytest.raises(ValueError, match=message):
        write(tmp_path / "s", [rows], **options)


def test_a_complete_store_is_not_overwritten(tmp_path):
    write(tmp_path / "s", [[[1]]])
    with pytest.raises(FileExistsError, match="already holds a store"):
        StoreWriter(tmp_path / "s", vocab_size=300)


@given(
    rows=rows_of_ids, end_id=st.sampled_from([None, 7]), dtype=st.sampled_from(["uint16", "int32", "int64"])
)
def test_encode_documents_is_its_definition(rows, end_id, dtype):
    ragged = Ragged.from_rows(rows)
    encoded = _core.encode_documents(ragged.values, ragged.offsets, end_id, 300, dtype)
    assert encoded.dtype == dtype
    assert encoded.tobytes() == reference.encode_documents(rows, end_id, dtype)


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=20))
def test_index_bytes_is_the_definition(lengths):
    assert index_bytes(np.array(lengths, np.int32), "uint16") == reference.megatron_index(lengths, 8, 2)


# Bare Megatron-Core datasets.


def write_bare(prefix: Path, lengths: list[int], bounds: list[int] | None = None) -> list[int]:
    tokens = list(range(sum(lengths)))
    prefix.with_suffix(".bin").write_bytes(struct.pack(f"<{len(tokens)}i", *tokens))
    prefix.with_suffix(".idx").write_bytes(reference.megatron_index(lengths, 4, 4, bounds))
    return tokens


def test_bare_dataset(tmp_path):
    write_bare(tmp_path / "data", [3, 0, 2])
    for name in ("data", "data.bin", "data.idx"):
        store = TokenStore.open(tmp_path / name)
        assert [d.tolist() for d in store] == [[0, 1, 2], [], [3, 4]]
    assert (store.info, store.vocab_size, store.eos_id) == (None, None, None)
    store.verify()


def test_documents_of_several_sequences(tmp_path):
    write_bare(tmp_path / "data", [3, 1, 2, 4], bounds=[0, 2, 2, 4])
    store = TokenStore.open(tmp_path / "data")
    assert [d.tolist() for d in store] == [[0, 1, 2, 3], [], [4, 5, 6, 7, 8, 9]]
    assert store.lengths.tolist() == [4, 0, 6]
    store.verify()


@pytest.mark.parametrize("bounds", [[1, 4], [0, 3, 2, 4], [0, 5], [0, 9, 4], []])
def test_wrong_document_bounds(tmp_path, bounds):
    write_bare(tmp_path / "data", [1, 1, 1, 1], bounds=bounds)
    with pytest.raises(ValueError, match=r"data\.idx: document bounds"):
        TokenStore.open(tmp_path / "data")


# Damage. Every file of a store is truncated, extended and overwritten; nothing may crash.


@pytest.fixture
def small_store(tmp_path) -> Path:
    write(tmp_path / "s", [[[1, 2, 3], [4], [], [5, 6]]], append_id=0)
    return tmp_path / "s"


def refuses(path: Path, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TokenStore.open(path)


@pytest.mark.parametrize("keep", [0, 5, 33, 34, 60, -1])
def test_truncated_index(small_store, keep):
    index = small_store / "00000.idx"
    index.write_bytes(index.read_bytes()[:keep])
    refuses(small_store, r"00000\.idx: (magic|sequence count)")


def test_truncated_tokens(small_store):
    data = small_store / "00000.bin"
    data.write_bytes(data.read_bytes()[:-2])
    refuses(small_store, r"00000\.idx: 4 documents and 9 tokens, store\.json says 4 and 10")
    data.write_bytes(data.read_bytes()[:-1])
    refuses(small_store, r"00000\.bin: size: 17 bytes is not a multiple of the 2 bytes")


@pytest.mark.parametrize(
    ("offset", "value", "message"),
    [
        (0, b"X", "magic: not a Megatron-Core index"),
        (9, b"\x02", "version: 2, only version 1"),
        (17, b"\x06", "dtype code: 6 is not an integer type"),
        (17, b"\x04", r"size: 20 bytes|dtype|tokens"),
        (18, b"\xff" * 8, "sequence count"),
        (26, b"\xff" * 8, "sequence count"),
        (18, struct.pack("<Q", 2**63), "sequence count"),
    ],
)
def test_wrong_header(small_store, offset, value, message):
    index = small_store / "00000.idx"
    content = bytearray(index.read_bytes())
    content[offset : offset + len(value)] = value
    index.write_bytes(content)
    refuses(small_store, message)


@given(st.data())
def test_any_damage_to_an_index_is_an_error_or_harmless(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("damage")
    write(path / "s", [[[1, 2, 3], [4], [], [5, 6]]], append_id=0)
    index = path / "s" / "00000.idx"
    content = bytearray(index.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    changed = bytes(content) != index.read_bytes()
    index.write_bytes(content)
    with_error = False
    for open_path in (path / "s", path / "s" / "00000"):
        try:
            store = TokenStore.open(open_path)
            for document in store:
                assert 0 <= int(document.sum()) <= 10 * 65535
            store.verify()
        except ValueError as error:
            assert "00000" in str(error) or "store.json" in str(error)
            with_error = True
    assert with_error == changed or not changed


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 3}, "version: 3; only 1 to 2 can be read, use a newer pypack"),
        (
            {"requires": ["time travel"]},
            "requires the feature 'time travel', which this pypack does not know",
        ),
        ({"format": "other"}, "format: not a pypack store"),
        ({"documents": 5}, "documents, tokens: 5, 10"),
        ({"dtype": "int32"}, "dtype: int32, the shards have uint16"),
        ({"shards": [{}]}, "a field is missing"),
        ({"shards": 3}, "a field is missing"),
        ({"surprise": 1, "version": 1}, "unknown"),
        ({"shards": [], "documents": 0, "tokens": 0}, "the store is empty"),
    ],
)
def test_wrong_description(small_store, change, message):
    file = small_store / "store.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    refuses(small_store, message)


def test_description_that_is_not_json(small_store):
    (small_store / "store.json").write_text("{")
    refuses(small_store, r"store\.json: not valid JSON")


def test_verify_sees_a_changed_token(small_store):
    data = small_store / "00000.bin"
    content = bytearray(data.read_bytes())
    content[0] ^= 1
    data.write_bytes(content)
    with pytest.raises(ValueError, match=r"00000\.bin: its checksum is not the recorded"):
        TokenStore.open(small_store).verify()


def test_what_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="neither a store directory nor a Megatron-Core dataset"):
        TokenStore.open(tmp_path / "nothing")
    with pytest.raises(FileNotFoundError, match="there is no such file or folder"):
        TokenStore.open(tmp_path / "nothing.bin")
    (tmp_path / "texts.jsonl").write_bytes(b"")
    with pytest.raises(FileNotFoundError, match="pypack tokenize makes a store of text"):
        TokenStore.open(tmp_path / "texts.jsonl")
    (tmp_path / "folder").mkdir()
    with pytest.raises(FileNotFoundError, match=r"has no store\.json"):
        TokenStore.open(tmp_path / "folder")
    (tmp_path / "a.bin").mkdir()
    (tmp_path / "a.idx").write_bytes(b"")
    with pytest.raises(FileNotFoundError):
        TokenStore.open(tmp_path / "a")


def test_opening_takes_no_time_per_document(tmp_path):
    """Under 20 ms at 10 million documents (a tenth of them by default: the cost does not grow)."""
    documents = int(1_000_000 * max(1.0, 10 * (SCALE > 1)))
    tokens = np.ones(documents, np.uint32)
    with StoreWriter(tmp_path / "s", vocab_size=300) as writer:
        writer.append(Ragged(tokens, np.arange(documents + 1)))
    times = []
    for _ in range(5):
        start = time.perf_counter()
        store = TokenStore.open(tmp_path / "s")
        times.append(time.perf_counter() - start)
    assert store.num_documents == documents
    assert min(times) < 0.02
