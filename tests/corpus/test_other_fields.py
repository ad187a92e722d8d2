"""What nobody asks for does no harm, in lines, samples and records; what is asked for is exact or refused."""

from __future__ import annotations

import math
from pathlib import Path

import pyarrow as pa
import pytest
from fixtures.compared_scanners import same_block
from fixtures.corpus_files import read_all, write, write_arrow, write_parquet

from pypack import corpus

_ODD = [
    b"NaN", b"Infinity", b"-Infinity", b"1e400", b"-1e-400", b"9" * 500, b"0." + b"3" * 400,
    rb'"\ud800"', rb'"\udc00\ud800 x"', rb'["\ud800", NaN, {"a": -Infinity, "\udfff": 1e999}]', b"9" * 5000,
]  # fmt: skip


@pytest.mark.parametrize("value", _ODD, ids=range(len(_ODD)))
@pytest.mark.parametrize("field", ["text", "a.text"])
def test_odd_values_elsewhere(value: bytes, field: str, tmp_path: Path) -> None:
    record = b'{"x": %s, "text": "t", "a": {"text": "t", "y": %s}, "z": [%s]}\n' % (value, value, value)
    path = write(tmp_path / "a.jsonl", record * 3)
    assert read_all(path, field=field) == (["t"] * 3, [])
    same_block(record * 3, keep=())
    same_block(record * 3, keep=("x",))


@pytest.mark.parametrize("value", [rb'"\ud800"', rb'{"a": ["\udc00"]}'])
def test_half_a_character_where_it_is_asked_for(value: bytes, tmp_path: Path) -> None:
    line = b'{"text": "a", "id": %s}\n{"text": "b", "id": 1}\n' % value
    assert read_all(write(tmp_path / "a.jsonl", line), keep=["id"]) == (["b"], [(0, "lone_surrogate")])
    line = rb'{"text": "\ud800", "x": NaN}' + b"\n"
    assert read_all(write(tmp_path / "b.jsonl", line)) == ([], [(0, "lone_surrogate")])


def test_kept_numbers_that_json_has_not(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", b'{"text": "a", "s": NaN}\n{"text": "b", "s": -Infinity}\n')
    (batch,) = corpus.read([path], keep=["s"])
    assert math.isnan(batch.columns["s"][0])
    assert batch.columns["s"][1] == -math.inf


@pytest.mark.parametrize(
    "kind", [pa.binary(), pa.large_binary(), pa.binary_view(), pa.dictionary(pa.int32(), pa.binary())]
)
def test_text_in_columns_of_bytes(kind: pa.DataType, tmp_path: Path) -> None:
    values = [b"a", None, "é".encode(), b"\xff", b""]
    table = pa.table({"text": pa.array(values, pa.binary()).cast(kind)})
    path = write_arrow(tmp_path / "a.arrow", table)
    assert read_all(path) == (["a", "é", ""], [(1, "null_text"), (3, "invalid_utf8")])
    if kind != pa.binary_view():
        path = write_parquet(tmp_path / "a.parquet", table)
        assert read_all(path) == (["a", "é", ""], [(1, "null_text"), (3, "invalid_utf8")])
    assert read_all(path, max_document_bytes=1)[1][-2:] == [(2, "too_long"), (3, "invalid_utf8")]


def test_marks_of_files_that_were_joined(tmp_path: Path) -> None:
    one = b'\xef\xbb\xbf{"text": "a"}\n'
    assert read_all(write(tmp_path / "a.jsonl", one * 3)) == (["a"] * 3, [])
    text = b"\xef\xbb\xbfa\nb\n"
    assert read_all(write(tmp_path / "a.txt", text * 2), txt_per_line=True) == (["a", "b"] * 2, [])
