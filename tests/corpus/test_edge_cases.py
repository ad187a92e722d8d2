"""Every malformed or unusual input with the exact documents and rejects it must give."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pytest
import zstandard
from fixtures.corpus_files import RECORDS, TEXTS, json_lines, read_all, write, write_parquet

_LINES = json_lines(RECORDS)
_DOCS = [f"doc {i} " * (i % 50) for i in range(1000)]


def _damaged_gzip(folder: Path) -> str:
    # Two bytes of a stored block change: the text is wrong on two lines and the checksum tells.
    data = bytearray(gzip.compress(_LINES, compresslevel=0, mtime=0))
    for text in (b"hello world", b"it's ok"):
        place = data.index(text) + len(text)
        data[place : place + 1] = b"|"
    path = folder / "corrupt.jsonl.gz"
    path.write_bytes(data)
    return str(path)


def _cut(folder: Path, name: str, data: bytes, keep: int) -> str:
    path = folder / name
    path.write_bytes(data[:keep])
    return str(path)


# name of the file in input_edge_cases -> (documents, rejects as (0-based line or row, kind))
CASES: dict[str, tuple[list[str], list[tuple[int, str]]]] = {
    "all_escapes.jsonl": (['"\\/\b\f\n\r\t\0\x1fé中😀', "spaces \u2009 around"], []),
    "binary_text.parquet": (["bytes", "é"], []),
    "blank_lines.jsonl": (TEXTS, []),
    "bom_start.jsonl": (TEXTS, []),
    "corrupt.jsonl.gz": (TEXTS[2:], [(0, "bad_json"), (1, "bad_json"), (5, "damaged_file")]),
    "crlf_lines.jsonl": (TEXTS, []),
    "empty.jsonl.gz": ([], []),
    "empty_file.jsonl": ([], []),
    "invalid_utf8_bytes.jsonl": (["good"], [(i, "invalid_utf8") for i in range(4)]),
    "lone_surrogate_escapes.jsonl": (["😀 ok pair"], [(i, "lone_surrogate") for i in (0, 1, 3, 4)]),
    "malformed_json.jsonl": (
        ["ok", "ok last"],
        [(i, "bad_json") for i in (1, 2, 3)] + [(i, "not_object") for i in (4, 5, 6)],
    ),
    "missing_null_nonstring_text.jsonl": (
        ["", "fine"],
        [(0, "missing_text"), (1, "null_text"), *((i, "not_string") for i in (2, 3, 4, 6))],
    ),
    "nested_columns.parquet": (["a", "b"], []),
    "no_final_newline.jsonl": (TEXTS, []),
    "no_text_column.parquet": ([], [(0, "no_text_column")]),
    "nulls.parquet": (["a", "", "中文"], [(1, "null_text")]),
    "raw_u2028_u0085_in_text.jsonl": (["a\u2028b\u2029c\x85d\x0be", "second"], []),
    "truncated.jsonl.gz": (TEXTS, [(5, "damaged_file")]),
    "truncated.jsonl.zst": ([], [(0, "damaged_file")]),  # its only block is cut, which gives no byte
    "zero_rows.parquet": ([], []),
}


def _build(name: str, folder: Path) -> str:
    """The same case without the shared folder."""
    raw: dict[str, bytes] = {
        "all_escapes.jsonl": (
            rb'{"id":"0","text":"\"\\\/\b\f\n\r\t\u0000\u001f\u00e9\u4e2d\ud83d\ude00"}'
            b'\n{ "text" : "spaces \xe2\x80\x89 around" , "id" : "1" , "n" : 1.5e10,'
            b' "nested": {"text":"inner"} }\n'
        ),
        "blank_lines.jsonl": b"\n\n" + _LINES.replace(b"\n", b"\n\n") + b"  \n",
        "bom_start.jsonl": b"\xef\xbb\xbf" + _LINES,
        "crlf_lines.jsonl": _LINES.replace(b"\n", b"\r\n"),
        "empty.jsonl.gz": b"",
        "empty_file.jsonl": b"",
        "invalid_utf8_bytes.jsonl": b"".join(
            b'{"text":"' + bad + b'"}\n'
            for bad in (
                b"bad \xff\xfe byte",
                b"cut \xe4\xb8",
                b"\xed\xa0\xbd\xed\xb8\x80 cesu",
                b"\xc0\xaf",
                b"good",
            )
        ),
        "lone_surrogate_escapes.jsonl": b"".join(
            b'{"text":"' + text + b'"}\n'
            for text in (
                rb"hi \ud83d there",
                rb"\ude00\ud83d",
                rb"\ud83d\ude00 ok pair",
                rb"\uD83D\u0041",
                rb"end \ud83d",
            )
        ),
        "malformed_json.jsonl": (
            b'{"text":"ok"}\n{"id":"1","text":"unterminated\n{"id":"2" "text":"missing comma"}\n'
            b'{"text":"ok"} trailing\n[1,2,3]\n"just a string"\nnull\n{"text":"ok last"}\n'
        ),
        "missing_null_nonstring_text.jsonl": (
            b'{"id":"0"}\n{"text":null}\n{"text":42}\n{"text":["a","b"]}\n{"text":{"a":"b"}}\n{"text":""}\n'
            b'{"text":true}\n{"text":"fine"}\n'
        ),
        "no_final_newline.jsonl": _LINES.rstrip(b"\n"),
        "raw_u2028_u0085_in_text.jsonl": (
            '{"text": "a\u2028b\u2029c\x85d\\u000be"}\n{"text": "second"}\n'.encode()
        ),
    }
    if name in raw:
        return write(folder / name, raw[name])
    if name == "corrupt.jsonl.gz":
        return _damaged_gzip(folder)
    if name == "truncated.jsonl.gz":  # the checksum is gone, the text is not
        return _cut(folder, name, gzip.compress(_LINES, mtime=0), -8)
    if name == "truncated.jsonl.zst":
        return _cut(folder, name, zstandard.ZstdCompressor().compress(_LINES), -4)
    tables = {
        "binary_text.parquet": pa.table({"text": pa.array([b"bytes", b"\xc3\xa9"])}),
        "nested_columns.parquet": pa.table(
            {
                "text": ["a", "b"],
                "meta": [{"text": "in", "n": 1}, {"text": "in2", "n": 2}],
                "tags": [["x"], ["y"]],
            }
        ),
        "no_text_column.parquet": pa.table({"id": [0, 1], "content": ["no text column", "x"]}),
        "nulls.parquet": pa.table({"text": ["a", None, "", "中文"]}),
        "zero_rows.parquet": pa.table({"text": pa.array([], pa.string())}),
    }
    return write_parquet(folder / name, tables[name])


@pytest.mark.parametrize("name", sorted(CASES))
def test_case(name: str, tmp_path: Path) -> None:
    assert read_all(_build(name, tmp_path)) == CASES[name]


@pytest.mark.parametrize("name", sorted(CASES))
def test_shared_case(name: str, shared: Path) -> None:
    assert read_all(str(shared / "data/input_edge_cases" / name)) == CASES[name]


@pytest.mark.parametrize("name", ["codec_gzip", "codec_lz4", "codec_none", "data_page_v2_delta"])
def test_shared_parquet_codecs(name: str, shared: Path) -> None:
    texts, rejects = read_all(str(shared / f"data/input_edge_cases/{name}.parquet"))
    assert rejects == []
    assert texts == [f"doc {i} " * (i % 50) for i in range(1000)]


def test_shared_long_line(shared: Path) -> None:
    texts, rejects = read_all(str(shared / "data/input_edge_cases/long_line_20MB.jsonl.gz"))
    assert rejects == []
    assert [len(text) for text in texts] == [21_600_000]


def test_every_shared_case_has_its_outcome_stated(shared: Path) -> None:
    stated = {*CASES, "long_line_20MB.jsonl.gz", "data_page_v2_delta.parquet"}
    stated |= {f"codec_{codec}.parquet" for codec in ("gzip", "lz4", "none")}
    assert {path.name for path in (shared / "data/input_edge_cases").iterdir()} == stated


@pytest.mark.parametrize("codec", ["gzip", "lz4", "none", "zstd", "snappy"])
def test_parquet_codecs(codec: str, tmp_path: Path) -> None:
    path = write_parquet(
        tmp_path / "a.parquet", pa.table({"text": _DOCS}), compression=codec, row_group_size=97
    )
    assert read_all(path) == (_DOCS, [])
