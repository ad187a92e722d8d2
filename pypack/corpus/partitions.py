"""Columns that stand in the names of folders (`lang=en/part-0.parquet`), as Hive and Spark write them."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    import pyarrow as pa

_NULL = "__HIVE_DEFAULT_PARTITION__"


def partitions_of(path: str) -> dict[str, str]:
    """Name → value of the folders `name=value` in a path. Values are text; a null has no entry."""
    found = {}
    for part in PurePath(path).parts[:-1]:
        name, equals, value = part.partition("=")
        if equals and name and value and value != _NULL:
            found[unquote(name)] = unquote(value)
    return found


def filled_values(values: list[Any], constant: str) -> list[Any]:
    """The values of a column, those that its records lack taken from the folder's name."""
    return [constant if value is None else value for value in values]


def filled_array(array: pa.Array, constant: str) -> pa.Array:
    """The same of an Arrow column; one that is no text and not empty keeps its nulls."""
    import pyarrow as pa
    import pyarrow.types as types

    if types.is_null(array.type):
        return pa.repeat(pa.scalar(constant), len(array))
    if array.null_count and (types.is_string(array.type) or types.is_large_string(array.type)):
        return array.fill_null(constant)
    return array
