"""The columns beside a store's tokens may be damaged as any file."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fixtures.bombs import dictionary_bomb
from fixtures.damaged_columns import ROWS, encrypted_column, lying_footer

from pypack import Ragged, StoreWriter, TokenStore


@pytest.fixture
def store(tmp_path: Path) -> TokenStore:
    columns = {
        "id": [f"id{i}" for i in range(ROWS)],
        "same": ["one and the same"] * ROWS,
        "nested": [{"a": [i], "b": None} for i in range(ROWS)],
    }
    with StoreWriter(tmp_path / "a.store", vocab_size=300, shard_tokens=40) as writer:
        for i in range(0, 2 * ROWS, ROWS):
            rows = Ragged.from_rows([np.array([i % 300])] * ROWS)
            writer.append(rows, pa.RecordBatch.from_pydict(columns))
    return TokenStore.open(tmp_path / "a.store")


def test_columns_are_what_was_kept(store: TokenStore) -> None:
    table = store.columns()
    assert table.num_rows == 2 * ROWS
    assert table.column_names == ["id", "same", "nested"]
    assert table.column("id").to_pylist() == [f"id{i}" for i in range(ROWS)] * 2
    assert table.column("nested").to_pylist()[3] == {"a": [3], "b": None}
    assert store.columns(["same", "id"]).column_names == ["same", "id"]
    with pytest.raises(ValueError, match="keeps no column 'url', but 'id', 'same', 'nested'"):
        store.columns(["id", "url"])


@pytest.mark.parametrize("make", [lying_footer, encrypted_column])
def test_a_file_that_ends_its_reader(make: Callable[[Path], object], store: TokenStore) -> None:
    make(store.path / "00000.parquet")
    with pytest.raises(ValueError, match=r"00000\.parquet: "):
        store.columns()


def test_a_bomb(store: TokenStore) -> None:
    dictionary_bomb(store.path / "00000.parquet")
    with pytest.raises(ValueError, match=r"00000\.parquet: .*(unpacks to more|MiB of memory)"):
        store.columns()


def test_a_file_of_another_store(store: TokenStore) -> None:
    pq.write_table(pa.table({"id": ["a"]}), store.path / "00000.parquet")
    with pytest.raises(ValueError, match=r"00000\.parquet: 1 rows for \d+ documents"):
        store.columns()


def test_other_columns_in_one_shard(store: TokenStore) -> None:
    rows = store.info.shards[1].documents if store.info else 0
    pq.write_table(pa.table({"j": ["a"] * rows}), store.path / "00001.parquet")
    with pytest.raises(ValueError, match=r"00001\.parquet: keeps the columns \['j'\], the shards before it"):
        store.columns()


def test_text_that_is_none(store: TokenStore) -> None:
    bad = pa.array([b"ok", b"\xff"]).view(pa.string())
    pq.write_table(pa.table({"id": bad}), store.path / "00000.parquet")
    with pytest.raises(ValueError, match=r"00000\.parquet: .* hold text that is not UTF-8"):
        store.columns()


def test_any_damage_is_told_by_name(store: TokenStore) -> None:
    rng = random.Random(5)
    path = store.path / "00001.parquet"
    whole = path.read_bytes()
    refused = 0
    for i in range(60):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        path.write_bytes(data if i % 3 else data[: rng.randrange(len(data))])
        try:
            store.columns().to_pylist()
        except ValueError as error:
            assert "00001.parquet" in str(error)
            refused += 1
    assert refused > 30


def test_columns_of_one_value_are_no_bomb(tmp_path: Path) -> None:
    """They are far smaller on disk than a factor of 1,000 would allow."""
    rows = 700_000
    with StoreWriter(tmp_path / "a.store", vocab_size=300) as writer:
        columns = pa.RecordBatch.from_pydict({"source": ["a source with a long name, " * 5] * rows})
        writer.append(Ragged(np.zeros(rows, np.uint32), np.arange(rows + 1)), columns)
    store = TokenStore.open(tmp_path / "a.store")
    assert (store.path / "00000.parquet").stat().st_size < 20_000
    table = store.columns()
    assert table.nbytes > 64 << 20
    assert table.num_rows == rows
