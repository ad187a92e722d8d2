"""Columns that a store gets later: joined by a key, or marks of duplicates."""

import json
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypack import Plan, Ragged, Source, StoreWriter, TokenStore, _core, pack
from pypack.cli import main
from pypack.store import key_join
from pypack.store.duplicates import exact_duplicates, mark_duplicates, near_duplicates, rows_of_band
from pypack.store.joining import join_columns
from tests.fixtures.scored_store import make_scored_store
from tests.reference import duplicates as reference


@pytest.fixture
def store(tmp_path):
    return make_scored_store(tmp_path / "a.store")


def table_at(path, **columns):
    pq.write_table(pa.table(columns), path, row_group_size=50)
    return path


@pytest.mark.parametrize("part_rows", [1 << 22, 40])
def test_columns_are_joined_by_key(store, tmp_path, monkeypatch, part_rows):
    monkeypatch.setattr(key_join, "_PART_ROWS", part_rows)
    plan, before = pack(store.lengths, 64), [np.asarray(store[i]).tolist() for i in range(200)]
    old = store.columns()
    rng = np.random.default_rng(0)
    ids = [*rng.permutation([f"d{i}" for i in range(0, 200, 2)]), "d4", None, "stranger"]
    values = np.arange(len(ids)) / 8
    table = table_at(tmp_path / "s.parquet", id=ids, quality=values, tag=[f"t{i}" for i in ids])
    counts = join_columns(store, table, "id")
    assert (counts.documents, counts.rows) == (200, 103)
    assert (counts.matched_documents, counts.unmatched_documents) == (100, 100)
    assert (counts.unmatched_rows, counts.doubled_rows) == (2, 1)
    joined = TokenStore.open(tmp_path / "a.store")
    assert joined.verify() == []
    assert [np.asarray(joined[i]).tolist() for i in range(200)] == before
    plan.verify(joined.lengths)
    new = joined.columns()
    for name in old.column_names:
        assert new.column(name).to_pylist() == old.column(name).to_pylist()
    first = dict(zip(ids[:100], values[:100].tolist(), strict=True))
    assert new.column("quality").to_pylist() == [first.get(f"d{i}") for i in range(200)]
    assert new.column("tag").to_pylist() == [f"td{i}" if i % 2 == 0 else None for i in range(200)]
    assert not list(tmp_path.glob(".*"))
    assert Source.select(joined, 64, where="quality > 2").plan.counts.documents < 100


def test_whole_numbers_are_keys_too(store, tmp_path):
    table = table_at(tmp_path / "s.parquet", time=pa.array([5, 7], pa.int32()), new=[1.0, 2.0])
    assert join_columns(store, table, "time").matched_documents == 2
    columns = TokenStore.open(tmp_path / "a.store").columns()
    found = dict(zip(columns["time"].to_pylist(), columns["new"].to_pylist(), strict=True))
    assert (found[5], found[7], found[6]) == (1.0, 2.0, None)


def test_what_cannot_be_joined_is_said_and_nothing_is_changed(store, tmp_path):
    before = (tmp_path / "a.store" / "store.json").read_bytes()
    table = table_at(tmp_path / "s.parquet", id=["d1"], score=[0.5], other=[1])
    for options, message in (
        ({"on": "id"}, "keeps a column 'score' already"),
        ({"on": "nope"}, "has no column 'nope'"),
        ({"on": "other"}, "keeps no column 'other'"),
        ({"on": "id", "columns": ["nope"]}, "has no column 'nope'"),
        ({"on": "score", "columns": ["id"]}, "keeps a column 'id'"),
    ):
        with pytest.raises(ValueError, match=message):
            join_columns(store, table, **options)
    wrong = table_at(tmp_path / "w.parquet", time=["x"], new=[1])
    with pytest.raises(ValueError, match="the key 'time' is string in the table and int64 in the store"):
        join_columns(store, wrong, "time")
    assert (tmp_path / "a.store" / "store.json").read_bytes() == before
    assert not list(tmp_path.glob(".*"))
    assert join_columns(store, table, "id", columns=["score"], replace=True).matched_documents == 1
    assert TokenStore.open(store.path).columns(["score"])[0].to_pylist().count(None) == 199


def test_killed_it_leaves_the_old_store_or_the_new_one(store, tmp_path):
    table = table_at(tmp_path / "s.parquet", id=["d1"], new=[0.5])
    program = f"""
import os, pypack.store.new_columns as n
from pypack.store.joining import join_columns
n.exchange = lambda a, b: os._exit(9)
join_columns({str(store.path)!r}, {str(table)!r}, "id")
"""
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=120).returncode == 9
    assert "new" not in TokenStore.open(store.path).columns().column_names
    join_columns(store.path, table, "id")
    assert "new" in TokenStore.open(store.path).columns().column_names
    assert not list(tmp_path.glob(".*columns-*"))


def test_the_commands_join_and_dedup(store, tmp_path, capsys):
    table = str(table_at(tmp_path / "s.parquet", id=["d1", "d1", "x"], new=[0.5, 1, 2]))
    assert main(["join", str(store.path), table, "--on", "id"]) == 0
    shown = capsys.readouterr().out
    assert "1 of 200 documents have got values" in shown
    assert "199 documents, 1 of 3 rows; rows of a key that came before: 1" in shown
    assert main(["dedup", str(store.path), "--near", "0.8", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["documents"] == 200
    assert main(["dedup", str(store.path)]) == 1
    assert "already: replace it (--replace)" in capsys.readouterr().err
    plan = str(tmp_path / "once.plan")
    asked = ["--sequence-length", "64", "--where", "not duplicate"]
    assert main(["pack", str(store.path), "-o", plan, *asked]) == 0
    assert Plan.open(plan).selection["where"] == "not duplicate"


def made(path, rows, vocab_size=1000, shard_tokens=500):
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    with StoreWriter(path, vocab_size=vocab_size, shard_tokens=shard_tokens) as writer:
        writer.append(Ragged(np.concatenate([np.empty(0, int), *rows]).astype(np.uint32), offsets))
    return TokenStore.open(path)


@given(st.lists(st.lists(st.integers(0, 2), max_size=4), min_size=1, max_size=30), st.integers(1, 3))
def test_exact_duplicates_are_those_of_the_definition(tmp_path_factory, rows, threads):
    store = made(tmp_path_factory.mktemp("exact") / "a.store", rows, shard_tokens=9)
    assert exact_duplicates(store, num_threads=threads).first.tolist() == reference.first_equals(rows)


def test_ids_count_and_not_the_type_that_holds_them(tmp_path):
    rows = [[1, 2, 3], [4], [1, 2, 3]]
    small = exact_duplicates(made(tmp_path / "a.store", rows)).first.tolist()
    large = exact_duplicates(made(tmp_path / "b.store", rows, vocab_size=100_000)).first.tolist()
    assert small == large == [0, 1, 0]


@given(st.lists(st.integers(0, 2**32 - 1), max_size=12), st.integers(1, 5), st.integers(0, 9))
def test_shingles_and_bands_are_those_of_the_definition(ids, shingle, seed):
    options = {"shingle": shingle, "bands": 4, "rows": 3, "seed": seed}
    made_here = _core.MinHashOptions(**options, threshold=0.5, max_ids=100)
    shingles, bands = _core.min_hash_bands(np.array(ids, np.uint32), made_here)
    assert shingles.tolist() == reference.shingles(ids, shingle)
    assert bands.tolist() == reference.band_hashes(shingles.tolist(), 4, 3, seed)


def test_near_duplicates_are_similar_and_most_are_found(tmp_path):
    rng = np.random.default_rng(0)
    rows = [rng.integers(0, 900, rng.integers(30, 120)).tolist() for _ in range(150)]
    for i in range(100):  # copies with some ids changed
        copy = np.array(rows[i])
        copy[rng.random(len(copy)) < 0.01 * (i % 5)] = 999
        rows.append(copy.tolist())
    rows += [[], []]
    store = made(tmp_path / "a.store", rows)
    found = near_duplicates(store, 0.7).first
    true, similar = reference.first_similar(rows, 5, 0.7)
    pairs = [pair for pair in similar if found[pair[0]] == found[pair[1]]]
    assert len(pairs) > 0.9 * len(similar)
    assert all(true[i] == true[first] for i, first in enumerate(found))
    assert found[-1] == 251
    np.testing.assert_array_equal(found, near_duplicates(store, 0.7, num_threads=3).first)
    exact = near_duplicates(store, 1.0).first
    assert [i for i in range(len(rows)) if exact[i] != i and rows[i] != rows[exact[i]]] == []


def test_bands_find_what_is_at_the_threshold():
    for threshold in (0.5, 0.7, 0.8, 0.9):
        rows = rows_of_band(threshold, 128)
        assert 1 - (1 - threshold**rows) ** (128 // rows) >= 0.9
        assert 1 - (1 - threshold ** (rows + 1)) ** (128 // (rows + 1)) < 0.9


def test_marks_are_columns(tmp_path):
    rows = [[1, 2, 3, 4, 5, 6], [7, 8], [1, 2, 3, 4, 5, 6], [7, 8], [7, 8], [9]]
    mark_duplicates(made(tmp_path / "a.store", rows), near=0.9)
    store = TokenStore.open(tmp_path / "a.store")
    columns = store.columns().to_pydict()
    assert columns["duplicate"] == [False, False, True, True, True, False]
    assert columns["duplicates"] == [2, 3, 2, 3, 3, 1]
    assert columns["near_duplicate"] == columns["duplicate"]
    assert Source.select(store, 8, where="not duplicate").documents.tolist() == [0, 1, 5]
