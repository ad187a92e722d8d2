"""The JSON lines scanner against its definition, which parses every line with orjson."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from fixtures.compared_scanners import LIMIT, same_block
from fixtures.corpus_files import json_lines
from hypothesis import example, given
from hypothesis import strategies as st

from pypack import _core
from pypack.corpus.json_lines import parse_with_kernel, parse_with_python

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=8,
)
_RECORDS = st.dictionaries(
    st.sampled_from(["text", "id", "other", "textual", "é"]), st.text() | _JSON, max_size=4
) | st.fixed_dictionaries({"text": st.text(), "id": _JSON})
_LINES = st.builds(
    lambda record, ascii_only, indent: json.dumps(record, ensure_ascii=ascii_only, separators=indent).encode(
        "utf-8", "surrogatepass"
    ),
    _RECORDS,
    st.booleans(),
    st.sampled_from([(",", ":"), (", ", ": "), (" ,\t", "\r : ")]),
)


@st.composite
def _mutated(draw: st.DrawFn) -> bytes:
    """A good line with a byte or two changed, put in or left out."""
    line = bytearray(draw(_LINES))
    for _ in range(draw(st.integers(1, 2))):
        place = draw(st.integers(0, max(0, len(line) - 1)))
        how = draw(st.sampled_from("cid"))
        byte = draw(
            st.sampled_from(b'"\\{}[]:,ud8e0-.\x00\x1f \xc3\xed\xa0\x80\xf4\xff') | st.integers(0, 255)
        )
        if how == "d":
            del line[place : place + 1]
        else:
            line[place : place + (how == "c")] = bytes([byte])
    return bytes(line).replace(b"\n", b"")


@given(st.lists(_LINES | _mutated() | st.binary(max_size=20), max_size=12), st.booleans())
@example([b'{"text": "a", "text": "b", "id": 1, "id": 2}', b'{"text": "a", "text": null}'], True)
@example([rb'{"te\u0078t": "key with an escape"}', b'{"text":"then the block goes the slow way"}'], True)
def test_any_lines(lines: list[bytes], final_newline: bool) -> None:
    same_block(b"\n".join(lines) + (b"\n" if final_newline and lines else b""))


_ODD = [
    *(
        b'{"text": "a", "n": %s}' % number
        for number in (
            b"0",
            b"-0",
            b"01",
            b"-",
            b"1.",
            b".5",
            b"1e5",
            b"1E+05",
            b"1e",
            b"1e999",
            b"-1e-999",
            b"1e100",
            b"+1",
            b"0x1",
            b"123456789012345678901234567890",
            b"0." + b"1" * 400,
            b"NaN",
            b"Infinity",
            b"-Infinity",
            b"1_000",
            b"1 2",
        )
    ),
    *(
        b'{"text": "%s"}' % text
        for text in (
            rb"\ud83d\ude00",
            rb"\ud83d",
            rb"\ude00",
            rb"\ud83d\u0041",
            rb"\ud83dx",
            rb"\ud83d\n",
            rb"\uD83D\uDE00",
            rb"\u00g0",
            rb"\u12",
            rb"\x41",
            rb"\'",
            "\x7f\u2028\x85".encode(),
            b"\x00",
            b"\x1f",
            b"\t",
            b"\xc0\xaf",
            b"\xe0\x80\x80",
            b"\xed\xa0\x80",
            b"\xed\x9f\xbf",
            b"\xf0\x80\x80\x80",
            b"\xf4\x8f\xbf\xbf",
            b"\xf4\x90\x80\x80",
            b"\xf5\x80\x80\x80",
            b"\xe4\xb8",
            b"\xef\xbf\xbf",
            b"\xc2",
            b"\x80",
        )
    ),
    b"",
    b" ",
    b"\r",
    b"{}",
    b"[]",
    b"null",
    b'"text"',
    b'{"text"}',
    b'{"text":}',
    b'{"text":"a",}',
    b'{,"text":"a"}',
    b'{"text":"a"}x',
    b'{"text":"a"} \r',
    b'\xef\xbb\xbf{"text":"a"}',
    b'{"text":"a"}{"text":"b"}',
    b"{'text':'a'}",
    b'{"text":"a","x":tru}',
    b'{"text":"a","x":nul}',
    b'{"text":"a","x":[1,]}',
    b'{"text":"a","x":[1 2]}',
    b'{"text":"a","x":{"a":1,}}',
    b'{"text":"a","x":{1:2}}',
    b'{"text":"a"',
    b'{"text":"a',
    b"{",
    b'{"',
    b'{"text":"a"]',
    b'{"text":"a","x":"' + b"[" * 70 + b'"}',
    b'{"text":{"text":"inner"}}',
    b'{"x":{"text":"inner"},"text":"outer"}',
    *(
        b'{"text":"a","x":' + b"[" * depth + b"]" * depth + b"}"
        for depth in (62, 63, 64, 65, 200, 1022, 1023, 1024, 5000)
    ),
    b'{"text":"' + b"x" * 100 + b'","id":"' + b"y" * 100 + b'"}',
]


@pytest.mark.parametrize("line", _ODD)
def test_odd_lines(line: bytes) -> None:
    same_block(line)
    same_block(b'{"text":"before","id":1}\n' + line + b'\n{"id":[2],"text":"after"}\n')


@pytest.mark.parametrize("length", range(40))
def test_specials_at_every_place_of_a_vector(length: int) -> None:
    lines = []
    for special in (b'"', rb"\n", b"\xc3\xa9", "中".encode(), "😀".encode(), b"\x01", b"\xff"):
        for rest in (0, 1, 15, 16, 33):
            lines.append(b'{"text":"' + b"a" * length + special + b"b" * rest + b'"}')
            lines.append(b'{"text":"a","x":"' + b"a" * length + special + b"b" * rest + b'"}')
    same_block(b"\n".join(lines))


def test_the_limit_counts_the_bytes_of_the_line() -> None:
    same_block(b'{"text":"12345"}\n{"text":"123456"}\n{"text":"1"}', limit=16)
    assert parse_with_kernel(b'{"text":"12345"}\n{"text":"123456"}', "text", (), 16).lines.tolist() == [0]


def test_kept_values_are_parsed_once_and_null_where_missing() -> None:
    data = json_lines([{"text": "a", "id": {"n": [1, 2.5, None]}}, {"text": "b"}, {"id": "é\n", "text": "c"}])
    block = parse_with_kernel(data, "text", ("id", "absent"), LIMIT)
    assert block.columns == {"id": [{"n": [1, 2.5, None]}, None, "é\n"], "absent": [None, None, None]}


@pytest.mark.parametrize("field", ["id", "a.b"])  # by the kernel, and by Python
def test_kept_integers_are_exact_whatever_their_size(field: str) -> None:
    values = [
        2**63,
        2**64 - 1,
        2**64,
        -(2**70),
        10**30 + 1,
        0.1234567890123456789012,
        7,
        [10**25, {"n": 10**40}],
    ]
    records = [{"text": "t", "id": value, "a": {"b": value}} for value in values]
    data = "".join(json.dumps(record) + "\n" for record in records).encode()
    parse = parse_with_kernel if field == "id" else parse_with_python
    assert repr(parse(data, "text", (field,), LIMIT).columns[field]) == repr(values)
    too_large = b'{"text": "t", "id": %s, "a": {"b": %s}}\n' % (b"7" * 400, b"7" * 400)
    assert parse(too_large, "text", (field,), LIMIT).columns[field] == [int("7" * 400)]


def test_marks_of_files_that_were_joined() -> None:
    bom = b"\xef\xbb\xbf"
    data = bom + b'{"text":"a"}\n' + bom + b'{"text":"b"}\n' + bom + b"\n" + bom + bom + b'{"text":"c"}\n'
    same_block(data)
    block = parse_with_kernel(data, "text", (), LIMIT)
    assert (block.texts, block.blank_lines, len(block.faults)) == (["a", "b"], 1, 1)


def test_good_lines_need_no_python() -> None:
    rng = random.Random(1)
    alphabet = 'abc "\\\n\t/é中😀\u2028\x00'
    records = [{"id": i, "text": "".join(rng.choices(alphabet, k=i % 90)), "x": [i, {}]} for i in range(500)]
    for ascii_only in (False, True):
        data = b"".join(json.dumps(r, ensure_ascii=ascii_only).encode() + b"\n" for r in records)
        *_, odd, num_lines = _core.scan_json_lines(data, "text", [], LIMIT)
        assert (odd, num_lines) == ([], 500)
        same_block(data)


def test_shared_corpora(shared: Path) -> None:
    import zstandard

    for path in sorted((shared / "data/corpus").glob("*.zst")):
        with path.open("rb") as file:
            data = zstandard.ZstdDecompressor().stream_reader(file).read(3_000_000)
        same_block(data[: data.rfind(b"\n") + 1], keep=("id", "url", "lang"))
    for path in sorted((shared / "data/input_edge_cases").glob("*.jsonl")):
        same_block(path.read_bytes())
