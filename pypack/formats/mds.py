"""MosaicML's streaming shards (MDS), by its own writer and reader."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pypack._common.schema import COUNT, TEXT, Field, brief, check, read_json
from pypack.formats.rows import iterate_rows
from pypack.plan.plan import Plan
from pypack.ragged import Ragged
from pypack.store.store import TokenStore

COLUMN = "tokens"
_READ_ROWS = 1000
_NUMBERS_AND_TEXT = re.compile(
    r"ndarray(:[a-z0-9,:]*)?|u?int(8|16|32|64)?|float(16|32|64)|str(_int|_float|_decimal)?|bytes|json"
)
_FILE = Field("dict", open=True, fields={"basename": Field("name"), "bytes": COUNT})
_INDEX = Field(
    "dict",
    open=True,
    fields={
        "shards": Field(
            "list",
            items=Field(
                "dict",
                open=True,
                fields={
                    "column_names": Field("list", items=TEXT),
                    "column_encodings": Field("list", items=TEXT),
                    "samples": COUNT,
                    "raw_data": _FILE,
                    "zip_data": Field("dict", open=True, null=True, optional=True, fields=_FILE.fields),
                },
            ),
        )
    },
)


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
    place = directory / "index.json"
    index = read_json(place)
    check(index, _INDEX, str(place))
    for shard in index["shards"]:
        for encoding in shard["column_encodings"]:
            if not _NUMBERS_AND_TEXT.fullmatch(encoding):  # "pkl" runs what the file says
                raise ValueError(f"{place}: a column of encoding {brief(encoding)} is not read")
    from streaming.base.format import reader_from_json

    rows: list[np.ndarray] = []  # type: ignore[type-arg]
    for number, shard in enumerate(index["shards"]):
        try:
            reader = reader_from_json(str(directory), None, shard)
            for i in range(reader.samples):
                rows.append(np.asarray(reader[i][column]).reshape(-1))
                if len(rows) == _READ_ROWS:
                    yield Ragged.from_rows(rows)
                    rows = []
        except Exception as error:  # whatever the library makes of a damaged shard
            what = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
            raise ValueError(f"{place}: shard {number} cannot be read ({what})") from error
    if rows:
        yield Ragged.from_rows(rows)
