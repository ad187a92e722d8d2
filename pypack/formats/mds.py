"""MosaicML's streaming shards (MDS), by its own writer and reader."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pypack.formats.rows import iterate_rows
from pypack.plan.plan import Plan
from pypack.ragged import Ragged
from pypack.store.store import TokenStore

COLUMN = "tokens"
_READ_ROWS = 1000


def write(store: TokenStore, plan: Plan | None, directory: Path) -> int:
    """Writes shards with one column, `tokens` (ndarray:int32), as llm-foundry reads; returns the rows."""
    from streaming import MDSWriter

    count = 0
    with MDSWriter(out=str(directory), columns={COLUMN: "ndarray:int32"}) as writer:
        for rows in iterate_rows(store, plan):
            for row in range(len(rows)):
                writer.write({COLUMN: rows.input_ids[rows.offsets[row] : rows.offsets[row + 1]]})
            count += len(rows)
    return count


def read(directory: Path, column: str) -> Iterator[Ragged]:
    """Documents of local shards: the integer arrays in a column."""
    from streaming.base.format import reader_from_json

    rows: list[np.ndarray] = []  # type: ignore[type-arg]
    for shard in json.loads((directory / "index.json").read_bytes())["shards"]:
        reader = reader_from_json(str(directory), None, shard)
        for i in range(reader.samples):
            rows.append(np.asarray(reader[i][column]).reshape(-1))
            if len(rows) == _READ_ROWS:
                yield Ragged.from_rows(rows)
                rows = []
    if rows:
        yield Ragged.from_rows(rows)
