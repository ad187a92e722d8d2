"""Arrow columns to the texts of documents."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from pypack.corpus.field import TextFields


def as_text(column: Any) -> tuple[Any, dict[int, str]]:
    """(large strings, row → why it is no UTF-8) of a column of bytes, bad rows null; others as they are."""
    import pyarrow as pa

    if not pa.types.is_large_binary(column.type):
        return column, {}
    try:
        return column.cast(pa.large_string()), {}
    except pa.ArrowInvalid:
        bad: dict[int, str] = {}
        values: list[str | None] = []
        for row, value in enumerate(column.to_pylist()):
            try:
                values.append(None if value is None else value.decode("utf-8"))
            except UnicodeDecodeError as error:
                bad[row] = f"invalid UTF-8 at byte {error.start} ({error.reason})"
                values.append(None)
        return pa.array(values, pa.large_string()), bad


def joined_text(columns: list[Any], text: TextFields) -> tuple[Any, NDArray[np.bool_]]:
    """(the texts of rows, which rows have none): string columns joined, without what is null or empty."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if len(columns) == 1:
        return columns[0], _nulls(columns[0])
    columns = [column.cast(pa.large_string()) for column in columns]
    missing = np.logical_and.reduce([_nulls(column) for column in columns])
    empty, joiner = pa.scalar("", pa.large_string()), pa.scalar(text.joiner, pa.large_string())
    joined, *others = [column.fill_null(empty) for column in columns]
    for column in others:
        both = pc.binary_join_element_wise(joined, column, joiner)
        joined = pc.if_else(
            pc.equal(joined, empty), column, pc.if_else(pc.equal(column, empty), joined, both)
        )
    return joined, missing


def _nulls(column: Any) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = column.is_null().to_numpy(zero_copy_only=False)
    return found


def records_of(columns: list[Any], names: tuple[str, ...]) -> list[Any]:
    """Rows as JSON objects; a dotted name stays one key."""
    rows = zip(*(column.to_pylist() for column in columns), strict=True)
    return [orjson.dumps(dict(zip(names, row, strict=True)), default=str) for row in rows]
