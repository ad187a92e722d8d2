"""`pypack join`: time and memory by the number of documents, each in a process of its own."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import numpy as np

from bench.common.printing import Row
from bench.common.processes import in_new_process
from bench.select.peak import measured
from pypack import Ragged, StoreWriter, TokenStore

_BATCH = 1 << 20  # documents that are made at a time


def joins(sizes: list[int]) -> list[Row]:
    """A row a size: so many rows of a table in another order, of which some come twice or are of nobody."""
    return [in_new_process(_join, size) for size in sizes]


def _join(documents: int) -> Row:
    import pyarrow.parquet as pq

    from pypack.store.joining import join_columns

    with tempfile.TemporaryDirectory() as folder:
        store, table = Path(folder) / "a.store", Path(folder) / "scores.parquet"
        _write_store(store, documents)
        _write_table(table, documents)
        counts, seconds, peak = measured(lambda: join_columns(store, table, "id"))
        strangers, again = documents // 10, documents // 100
        assert (counts.documents, counts.rows) == (documents, documents + again)
        assert (
            counts.matched_documents == counts.documents - counts.unmatched_documents == documents - strangers
        )
        assert (counts.unmatched_rows, counts.doubled_rows) == (strangers, again)
        first = 0
        for shard in sorted(store.glob("*.parquet")):
            score = pq.read_table(shard, columns=["score"]).column("score")
            ids = np.arange(first, first + len(score))
            assert np.array_equal(score.is_valid().to_numpy(), ids < documents - strangers)
            assert np.array_equal(score.drop_null().to_numpy(), _score(ids[ids < documents - strangers]))
            first += len(score)
        assert first == documents
    return {
        "documents": documents,
        "rows": documents + again,
        "seconds": seconds,
        "us/document": seconds / documents * 1e6,
        "peak, MB": peak / 1e6,
    }


def _score(ids: np.ndarray) -> np.ndarray:
    return (ids % 1000).astype(np.float32) / np.float32(1000)


def _write_store(path: Path, documents: int) -> None:
    """Documents of one token each, whose ids are their numbers."""
    import pyarrow as pa

    with StoreWriter(path, vocab_size=1000, shard_tokens=1 << 24) as writer:
        for first in range(0, documents, _BATCH):
            count = min(_BATCH, documents - first)
            tokens = Ragged(np.zeros(count, np.uint32), np.arange(count + 1, dtype=np.int64))
            ids = pa.array(np.arange(first, first + count))
            writer.append(tokens, pa.record_batch({"id": ids}))
    assert TokenStore.open(path).num_documents == documents


def _write_table(path: Path, documents: int) -> None:
    """Rows in an order that jumps: a tenth of the documents has none, as many rows have no document, and a
    hundredth of all comes again at the end."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    step = next(s for s in range(int(0.618 * documents) | 1, documents, 2) if math.gcd(s, documents) == 1)
    schema = pa.schema([("id", pa.int64()), ("score", pa.float32())])
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, documents, _BATCH):
            places = np.arange(start, min(documents, start + _BATCH), dtype=np.int64)
            ids = places * step % documents
            ids += np.where(ids >= documents - documents // 10, documents, 0)
            writer.write_table(pa.table({"id": ids, "score": _score(ids)}, schema=schema))
        again = np.arange(documents // 100)
        writer.write_table(
            pa.table({"id": again, "score": np.full(len(again), 9, np.float32)}, schema=schema)
        )
