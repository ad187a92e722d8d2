"""A corpus of several units, and the store that it gives."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from fixtures.corpus_files import json_lines, write, write_parquet
from fixtures.jobs import Corpus, tree_bytes
from fixtures.object_server_fixtures import *  # noqa: F403

from pypack.jobs.tokenize import TokenizeOptions, tokenize
from pypack.tokenizer.tokenizer import Tokenizer


@pytest.fixture(scope="session")
def tokenizer(tokenizer_file: Path) -> Tokenizer:
    return Tokenizer.from_file(tokenizer_file)


@pytest.fixture(scope="session")
def many_units(
    tmp_path_factory: pytest.TempPathFactory, sample_texts: list[str], tokenizer: Tokenizer
) -> Corpus:
    """Files of all kinds with rejects in them, some cut, some gathered; several shards in a unit."""
    folder = tmp_path_factory.mktemp("many-units")
    rng = random.Random(3)
    records: list[bytes] = []
    for i, text in enumerate(sample_texts):
        record: dict[str, Any] = {"id": f"doc {i}", "text": text, "score": i / 4 if i % 3 else i}
        records.append(json_lines([record]))
        records.append(rng.choice([b"", b"", b"\n", b"not json\n", b'{"text": null}\n']))
    inputs = [
        write(folder / "a.jsonl", b"".join(records)),
        write(folder / "b.jsonl.zst", b"".join(records[:200])),
        *(write(folder / f"c{i}.txt", f"text file {i}".encode()) for i in range(5)),
        write(folder / "d.jsonl", b"".join(records[:90])[:-1]),
        write_parquet(
            folder / "e.parquet",
            pa.table({"text": sample_texts, "id": [str(i) for i in range(300)], "score": range(300)}),
            row_group_size=31,
        ),
        write(folder / "f.jsonl.gz", b"".join(records[50:120])),
    ]
    options = TokenizeOptions(keep=("id", "score"), shard_tokens=700, unit_bytes=20_000)
    result = tokenize(inputs, folder / "store", tokenizer, options, num_threads=1)
    return Corpus(inputs, options, tree_bytes(folder / "store"), result)


@pytest.fixture(scope="session")
def few_units(
    tmp_path_factory: pytest.TempPathFactory, sample_texts: list[str], tokenizer: Tokenizer
) -> Corpus:
    """A handful of units, some of several shards, for jobs whose every file is a request to a server."""
    folder = tmp_path_factory.mktemp("few-units")
    records = [json_lines([{"id": f"doc {i}", "text": text}]) for i, text in enumerate(sample_texts[:120])]
    inputs = [
        write(folder / "a.jsonl", b"".join(records[:60])),
        write(folder / "b.jsonl.zst", b"".join(records[:90]) + b"not json\n"),
        write(folder / "c.txt", b"a text file"),
        write(folder / "d.jsonl", b"".join(records[60:])[:-1]),
        write_parquet(
            folder / "e.parquet",
            pa.table({"text": sample_texts[:60], "id": [str(i) for i in range(60)]}),
            row_group_size=31,
        ),
    ]
    options = TokenizeOptions(keep=("id",), shard_tokens=1_500, unit_bytes=9_000)
    result = tokenize(inputs, folder / "store", tokenizer, options, num_threads=1)
    assert 4 <= result.units <= 8
    assert result.shards > result.units
    return Corpus(inputs, options, tree_bytes(folder / "store"), result)
