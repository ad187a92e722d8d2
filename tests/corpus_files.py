"""Makes small input files of every kind for the tests of corpus reading."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from pypack import corpus

RECORDS = [
    {"id": "0", "text": "hello world"},
    {"id": "1", "text": "it's ok"},
    {"id": "2", "text": "中文 text"},
    {"id": "3", "text": "multi\nline"},
    {"id": "4", "text": "tab\there"},
]
TEXTS = [record["text"] for record in RECORDS]


def json_lines(records: list[Any]) -> bytes:
    return b"".join(orjson.dumps(record) + b"\n" for record in records)


def write(path: Path, data: bytes) -> str:
    """Writes `data`, compressed as the suffix says."""
    if path.suffix == ".gz":
        data = gzip.compress(data, mtime=0)
    elif path.suffix == ".zst":
        data = zstandard.ZstdCompressor().compress(data)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return str(path)


def write_arrow(path: Path, table: pa.Table, *, stream: bool = False) -> str:
    new = pa.ipc.new_stream if stream else pa.ipc.new_file
    with new(path, table.schema) as writer:
        writer.write_table(table)
    return str(path)


def write_parquet(path: Path, table: pa.Table, **options: Any) -> str:
    pq.write_table(table, path, **options)
    return str(path)


def read_all(inputs: Any, **options: Any) -> tuple[list[str], list[tuple[int, str]]]:
    """All texts, and (record, kind) of all rejects."""
    batches = list(corpus.read(inputs if isinstance(inputs, list) else [inputs], **options))
    texts = [text for batch in batches for text in batch.text_list()]
    return texts, [(reject.record, reject.kind) for batch in batches for reject in batch.rejects]
