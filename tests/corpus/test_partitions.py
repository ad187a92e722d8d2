"""Kept columns that stand in the names of folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
from fixtures.corpus_files import json_lines, write, write_arrow, write_parquet

from pypack import corpus
from pypack.corpus.partitions import partitions_of


def _kept(folder: Path, *keep: str) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {name: [] for name in keep}
    for batch in corpus.read([folder], keep=keep):
        for name, values in batch.columns.items():
            found[name] += values if isinstance(values, list) else values.to_pylist()
    return found


def test_names_of_folders() -> None:
    assert partitions_of("data/lang=en/year=2024/a.jsonl") == {"lang": "en", "year": "2024"}
    assert partitions_of("lang=de%2FAT/a b=c d/x=__HIVE_DEFAULT_PARTITION__/y=/=z/name=value.jsonl") == {
        "lang": "de/AT",
        "a b": "c d",
    }


def test_every_format_takes_them(tmp_path: Path) -> None:
    write(tmp_path / "lang=a/1.jsonl", json_lines([{"text": "t"}, {"text": "t", "lang": "own"}]))
    write(tmp_path / "lang=b/2.txt", b"t")
    for name in ("lang=c", "lang=d", "none"):
        (tmp_path / name).mkdir()
    write_parquet(tmp_path / "lang=c/3.parquet", pa.table({"text": ["t", "t"]}))
    write_parquet(tmp_path / "lang=c/4.parquet", pa.table({"text": ["t", "t"], "lang": ["own", None]}))
    write_arrow(tmp_path / "lang=d/5.arrow", pa.table({"text": ["t"], "lang": [5]}))
    write(tmp_path / "none/6.jsonl", json_lines([{"text": "t"}]))
    assert _kept(tmp_path, "lang")["lang"] == ["a", "own", "b", "c", "c", "own", "c", 5, None]
    assert _kept(tmp_path, "other") == {"other": [None] * 9}
