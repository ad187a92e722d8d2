"""Bytes of many rows at once are what a plain loop makes of each."""

from __future__ import annotations

import pickle
from itertools import chain, pairwise

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from pypack.formats import examples
from pypack.formats.byte_rows import interleaved, sliced
from pypack.formats.json_values import json_rows, values_of_json
from pypack.formats.nemo_pickle import dicts, head_and_tail
from pypack.formats.varints import numbers_of, varints

_ROWS = st.lists(st.lists(st.binary(max_size=6), min_size=3, max_size=3), max_size=6)
_NUMBERS = st.lists(st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(0, 300), max_size=5), max_size=5)


def offsets_of(rows: list[list[int]]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)


@given(rows=_ROWS)
def test_parts_are_interleaved(rows: list[list[bytes]]) -> None:
    data, bounds = interleaved([examples.joined([row[i] for row in rows]) for i in range(3)])
    assert data.tobytes() == b"".join(chain(*rows))
    assert np.diff(bounds).tolist() == [sum(map(len, row)) for row in rows]


@given(data=st.binary(max_size=30), edges=st.lists(st.integers(0, 30), max_size=8))
def test_rows_are_sliced(data: bytes, edges: list[int]) -> None:
    edges = sorted(min(edge, len(data)) for edge in edges[: len(edges) // 2 * 2])
    starts, stops = np.array(edges[::2], np.int64), np.array(edges[1::2], np.int64)
    found, bounds = sliced(np.frombuffer(data, np.uint8), starts, stops - starts)
    assert found.tobytes() == b"".join(data[a:b] for a, b in zip(starts, stops, strict=True))
    assert np.diff(bounds).tolist() == (stops - starts).tolist()


def plain_varint(value: int) -> bytes:
    value &= 2**64 - 1
    out = b""
    while value >= 128:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


@given(rows=_NUMBERS)
def test_varints_there_and_back(rows: list[list[int]]) -> None:
    numbers, offsets = np.array(list(chain(*rows)), np.int64), offsets_of(rows)
    data, bounds = varints(numbers, offsets)
    assert data.tobytes() == b"".join(map(plain_varint, chain(*rows)))
    back, places = numbers_of(data, bounds)
    assert back.tolist() == numbers.tolist()
    assert places.tolist() == offsets.tolist()


def test_cut_varints_are_refused() -> None:
    with pytest.raises(ValueError, match="cut off"):
        numbers_of(np.array([1, 200], np.uint8), np.array([0, 2], np.int64))


@given(rows=_NUMBERS, text=st.text(max_size=4))
def test_examples_are_parsed(rows: list[list[int]], text: str) -> None:
    ints = varints(np.array(list(chain(*rows)), np.int64), offsets_of(rows))
    features = {
        "ids": (examples.INTS, ints),
        "text": (examples.BYTES, examples.joined([text.encode()] * len(rows))),
    }
    data, bounds = examples.examples(features, len(rows))
    records = [data[begin:end].tobytes() for begin, end in pairwise(bounds)]
    assert all(set(examples.names_in(record)) == {"ids", "text"} for record in records)
    found = examples.parse(records, ["text", "ids"])
    if rows:
        assert found["ids"][0] == examples.INTS
        assert found["text"][0] == examples.BYTES
    assert found["text"][1][0].tobytes() == text.encode() * len(rows)
    assert found["ids"][1][0].tobytes() == b"".join(map(plain_varint, chain(*rows)))
    assert np.diff(found["ids"][1][1]).tolist() == [sum(len(plain_varint(n)) for n in row) for row in rows]


_VALUES = st.none() | st.text(max_size=4)


@settings(deadline=None)
@given(
    values=st.lists(_VALUES, min_size=1, max_size=5),
    numbers=st.lists(st.none() | st.floats(), min_size=1, max_size=5),
)
def test_json_there_and_back(values: list[str | None], numbers: list[float | None]) -> None:
    import pyarrow as pa

    assert values_of_json(json_rows(pa.array(values, pa.string()))) == values
    assert values_of_json(json_rows(pa.array([values], pa.list_(pa.string())))) == [values]
    found = values_of_json(json_rows(pa.array(numbers, pa.float64())))
    np.testing.assert_array_equal(np.array(found, np.float64), np.array(numbers, np.float64))


@given(rows=st.lists(st.lists(st.integers(0, 2**31 - 1) | st.integers(0, 300), max_size=5), max_size=5))
def test_pickles_are_those_of_dicts(rows: list[list[int]]) -> None:
    field = np.array(list(chain(*rows)), np.int64), offsets_of(rows)
    head, tail = head_and_tail(len(rows))
    found = pickle.loads(head + dicts(["a", "bc"], [field, field]).tobytes() + tail)
    assert found.tolist() == [{"a": row, "bc": row} for row in rows]
