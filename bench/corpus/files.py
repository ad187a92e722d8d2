"""The files that are read: the same texts in every kind."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import zstandard

KINDS = ("jsonl", "jsonl.zst", "jsonl.gz", "parquet", "csv")


def lines_of(source: Path) -> bytes:
    """The lines of a plain or a .zst file."""
    data = source.read_bytes()
    return zstandard.ZstdDecompressor().decompressobj().decompress(data) if source.suffix == ".zst" else data


def write_files(folder: Path, source: Path, times: int) -> Iterator[tuple[str, Path]]:
    """Writes a corpus so many times into a file of each kind; (kind, file) of each.

    Compressed, each time is a member, or frame, of its own.
    """
    lines = lines_of(source)
    texts = pa.array([orjson.loads(line)["text"] for line in lines.splitlines()] * times, pa.large_string())
    table = pa.table({"id": pa.array(range(len(texts))), "text": texts})
    for kind in KINDS:
        path = folder / f"corpus.{kind}"
        if kind == "parquet":
            pq.write_table(table, path, row_group_size=2000, compression="zstd")
        elif kind == "csv":
            pyarrow.csv.write_csv(table, path)
        else:
            path.write_bytes(_compressed(lines, path.suffix) * times)
        yield kind, path


def _compressed(data: bytes, suffix: str) -> bytes:
    if suffix == ".zst":
        return zstandard.ZstdCompressor(3).compress(data)
    return gzip.compress(data, 6) if suffix == ".gz" else data
