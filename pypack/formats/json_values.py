"""Values of kept columns as JSON texts, and back, without Python per value where Arrow can do it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as types

from pypack.formats.byte_rows import ByteRows, interleaved

_NUMBER_WORDS = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity", "-0": "-0.0"}


def json_rows(values: pa.Array) -> ByteRows:
    """The JSON text of each value; of a list, of all that it holds."""
    kind = values.type
    if types.is_list(kind) and _is_plain(kind.value_type):
        items = _texts(values.flatten())
        bounds = np.asarray(values.offsets).astype(np.int32)
        lists = pa.ListArray.from_arrays(pa.array(bounds - bounds[0]), items)
        texts = pc.binary_join_element_wise("[", pc.binary_join(lists, ","), "]", "")
    elif _is_plain(kind):
        texts = _texts(values)
    else:
        texts = pa.array([_text(value) for value in values.to_pylist()], pa.string())
    return binary_rows(texts)


def binary_rows(texts: pa.Array) -> ByteRows:
    """The bytes of strings without nulls."""
    whole = texts.cast(pa.large_string()) if not types.is_large_string(texts.type) else texts
    bounds = np.frombuffer(whole.buffers()[1], np.int64)[whole.offset : whole.offset + len(whole) + 1]
    data = whole.buffers()[2]
    every = np.zeros(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)
    return every[int(bounds[0]) : int(bounds[-1])], bounds - bounds[0]


def _is_plain(kind: pa.DataType) -> bool:
    return bool(
        types.is_string(kind)
        or types.is_large_string(kind)
        or types.is_boolean(kind)
        or types.is_integer(kind)
        or types.is_float64(kind)
        or types.is_null(kind)
    )


def _texts(values: pa.Array) -> pa.Array:
    """JSON texts of plain values, as strings without nulls."""
    kind = values.type
    if types.is_null(kind):
        return pa.array(["null"] * len(values), pa.string())
    if types.is_string(kind) or types.is_large_string(kind):
        texts = _quoted(values.cast(pa.string()))
    else:
        texts = values.cast(pa.string())
        if types.is_float64(kind):
            for word, ours in _NUMBER_WORDS.items():
                texts = pc.if_else(pc.equal(texts, word), ours, texts)
    return pc.fill_null(texts, "null")


def _quoted(texts: pa.Array) -> pa.Array:
    for sign, ours in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        texts = pc.replace_substring(texts, sign, ours)
    if pc.any(pc.match_substring_regex(texts, "[\\x00-\\x1f]")).as_py():
        for code in range(32):
            texts = pc.replace_substring(texts, chr(code), f"\\u{code:04x}")
    return pc.binary_join_element_wise('"', texts, '"', "")


def _text(value: Any) -> str:
    try:
        return orjson.dumps(value, default=str).decode()
    except TypeError:
        return json.dumps(value, default=str)


def values_of_json(rows: ByteRows) -> list[Any]:
    """The values that JSON texts spell.

    Raises:
        ValueError: one is no JSON.
    """
    data, bounds = rows
    count = len(bounds) - 1
    comma = np.full(count, ord(","), np.uint8), np.arange(count + 1, dtype=np.int64)
    texts = b"[" + interleaved([(data, bounds), comma])[0].tobytes()[:-1] + b"]"
    try:
        values = list(orjson.loads(texts))
    except orjson.JSONDecodeError:  # NaN and Infinity, which Python writes
        values = list(json.loads(texts))
    if len(values) != count:
        raise ValueError(f"{count} JSON texts spell {len(values)} values")
    return values
