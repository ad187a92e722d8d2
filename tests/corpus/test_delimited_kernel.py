"""The compiled reader of CSV rows against its definition, and that against Python's csv."""

from __future__ import annotations

import csv
import io
import itertools

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from reference.delimited import documents_of, rows_of

from pypack import _core

_KINDS = ("cells", "too long", "open quote")
_DATA = st.lists(
    st.sampled_from(
        [b"a", b'"', b'""', b",", b"\t", b"\n", b"\r", b"\r\n", b"\0", b"\xff", b"bc" * 40, b"\xc3\xa9"]
    ),
    max_size=60,
).map(b"".join)


def _read(
    data: bytes,
    delimiter: bytes,
    columns: list[int],
    num_columns: int,
    first_row: int,
    limit: int,
    sizes: list[int],
    batch_rows: int,
) -> tuple[list[tuple[int, list[bytes]]], list[tuple[str, int, int]]]:
    slots = [columns.index(i) if i in columns else -1 for i in range(num_columns)]
    reader = _core.DelimitedReader(delimiter.decode(), slots, first_row, limit, 200, batch_rows)
    good: list[tuple[int, list[bytes]]] = []
    bad: list[tuple[str, int, int]] = []

    def take() -> None:
        cells, numbers, faults = reader.take()
        assert len(numbers) + len(faults) <= batch_rows
        rows = [[bytes(values[a:b]) for a, b in itertools.pairwise(offsets)] for values, offsets in cells]
        good.extend(zip(numbers.tolist(), map(list, zip(*rows, strict=True)), strict=True))
        bad.extend((_KINDS[kind], number, size) for kind, number, size in faults)

    place = 0
    while place < len(data):
        chunk = data[place : place + sizes[place % len(sizes)]]
        place += reader.feed(chunk)
        if reader.is_full:
            take()
    reader.finish()
    take()
    return good, bad


@given(
    data=_DATA,
    delimiter=st.sampled_from([b",", b"\t"]),
    picks=st.lists(st.integers(0, 4), min_size=1, unique=True),
    first_row=st.integers(0, 3),
    limit=st.sampled_from([3, 100, 1000]),
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=5),
    batch_rows=st.integers(1, 5),
)
@settings(max_examples=400)
@example(b'a,b\r\n1,"x', b",", [1], 0, 100, [4], 5)
@example(b'a,b\n"""",\n', b",", [0, 1], 0, 100, [1], 1)
def test_rows_of_any_bytes_in_any_chunks(
    data: bytes,
    delimiter: bytes,
    picks: list[int],
    first_row: int,
    limit: int,
    sizes: list[int],
    batch_rows: int,
) -> None:
    data = b"x" + delimiter + b"y\n" + data if data[:1] in b"\r\n" else data  # a first row there is
    rows, _ = rows_of(data, delimiter)
    if not rows:
        return
    columns = [column for column in picks if column < len(rows[0])] or [0]
    expected = documents_of(data, delimiter, columns, first_row, limit)
    assert _read(data, delimiter, columns, len(rows[0]), first_row, limit, sizes, batch_rows) == expected


@given(data=_DATA, delimiter=st.sampled_from([",", "\t"]))
@settings(max_examples=300)
def test_the_definition_is_what_python_reads(data: bytes, delimiter: str) -> None:
    text = data.decode("latin-1").replace("\0", "0")
    rows, opened = rows_of(text.encode("latin-1"), delimiter.encode())
    found = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]
    if opened is not None:
        found.pop()  # which Python takes as it is
    assert [[cell.decode("latin-1") for cell in row] for row in rows] == found


def test_a_row_that_is_too_long_takes_no_memory() -> None:
    reader = _core.DelimitedReader(",", [0, -1], 0, 1000, 1 << 20, 100)
    reader.feed(b'text,k\nshort,1\n"')
    chunk = b"x" * (1 << 20)
    for _ in range(50):
        assert reader.feed(chunk) == len(chunk)
    reader.feed(b'",2\nlast,3\n')
    reader.finish()
    (((cells, offsets),), numbers, bad) = reader.take()
    assert (bytes(cells), offsets.tolist(), numbers.tolist()) == (b"shortlast", [0, 5, 9], [0, 2])
    assert bad == [(1, 1, 50 << 20)]
    assert isinstance(cells, np.ndarray)
    assert cells.base is None or cells.nbytes == 9
