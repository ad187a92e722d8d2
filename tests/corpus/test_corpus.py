"""Corpus reading: formats, line rules, damage, positions."""

from __future__ import annotations

import gzip
import io
import os
import random
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import zstandard
from fixtures.corpus_files import RECORDS, TEXTS, json_lines, read_all, write, write_arrow, write_parquet
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pypack import corpus

_LINES = json_lines(RECORDS)
_TABLE = pa.Table.from_pylist(RECORDS)


def _files(folder: Path) -> dict[str, str]:
    return {
        **{
            kind: write(folder / f"a.{kind}", _LINES)
            for kind in ("jsonl", "ndjson", "json", "jsonl.gz", "jsonl.zst")
        },
        "parquet": write_parquet(folder / "a.parquet", _TABLE, row_group_size=2),
        "arrow": write_arrow(folder / "a.arrow", _TABLE),
        "arrow stream": write_arrow(folder / "b.arrow", _TABLE, stream=True),
        "feather": write_arrow(folder / "a.feather", _TABLE),
    }


def test_every_format_gives_the_same_documents(tmp_path: Path) -> None:
    for kind, path in _files(tmp_path).items():
        (batch,) = corpus.read([path], keep=["id"], batch_bytes=1 << 20) if kind != "parquet" else _one(path)
        assert batch.text_list() == TEXTS, kind
        kept = batch.columns["id"]
        assert (kept if isinstance(kept, list) else kept.to_pylist()) == list("01234")
        assert batch.records.tolist() == [0, 1, 2, 3, 4]
        assert batch.rejects == []


def _one(path: str) -> list[corpus.DocumentBatch]:
    """Row groups come one by one; put together for comparison."""
    parts = list(corpus.read([path], keep=["id"]))
    merged = parts[0]
    merged.texts = [text for part in parts for text in part.text_list()]
    merged.records = np.concatenate([part.records for part in parts])
    merged.columns = {"id": [value for part in parts for value in part.columns["id"].to_pylist()]}
    return [merged]


def test_text_file_is_one_document_kept_exactly(tmp_path: Path) -> None:
    text = "first\r\nsecond\n\n\u2028 third\n"
    write(tmp_path / "a.txt", text.encode())
    write(tmp_path / "b.txt.gz", b"\xef\xbb\xbfmarked")
    write(tmp_path / "c.txt.zst", b"")
    write(tmp_path / "d.txt", b"bad \xff")
    assert read_all(str(tmp_path)) == ([text, "marked", ""], [(0, "invalid_utf8")])


def test_text_per_line(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", b"\xef\xbb\xbfone\r\n\n two \nbad \xff\n\r\nx\xe2\x80\xa8y\nlast")
    assert read_all(path, txt_per_line=True) == (["one", " two ", "x\u2028y", "last"], [(3, "invalid_utf8")])
    (batch,) = corpus.read([path], txt_per_line=True)
    assert batch.blank_lines == 2
    assert len(batch) + len(batch.rejects) + batch.blank_lines == 7


def test_standard_input_is_json_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(_LINES)))
    assert read_all("-") == (TEXTS, [])


def test_multi_member_gzip_and_multi_frame_zstd(tmp_path: Path) -> None:
    cut = len(_LINES) // 2  # inside a line
    parts = (_LINES[:cut], b"", _LINES[cut:])
    members = tmp_path / "a.jsonl.gz"
    members.write_bytes(b"".join(gzip.compress(part) for part in parts) + b"\0" * 512)
    assert read_all(str(members)) == (TEXTS, [])
    frames = tmp_path / "a.jsonl.zst"
    skippable = b"\x50\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"index"
    compress = zstandard.ZstdCompressor().compress
    frames.write_bytes(skippable + b"".join(compress(part) for part in parts) + skippable)
    assert read_all(str(frames)) == (TEXTS, [])


def test_zstd_with_a_large_window(tmp_path: Path) -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=28, enable_ldm=True)
    path = tmp_path / "long.jsonl.zst"
    path.write_bytes(zstandard.ZstdCompressor(compression_params=parameters).compress(_LINES))
    assert read_all(str(path)) == (TEXTS, [])


@pytest.mark.parametrize("suffix", ["gz", "zst"])
def test_damage_in_the_middle_keeps_every_document_before_it(suffix: str, tmp_path: Path) -> None:
    rng = random.Random(5)
    records = [{"text": "".join(rng.choices("abcdefghijklmnopqrstuvwxyz \n", k=300))} for _ in range(4000)]
    path = Path(write(tmp_path / f"a.jsonl.{suffix}", json_lines(records)))
    data = path.read_bytes()
    at = len(data) // 2
    path.write_bytes(data[:at])
    texts, rejects = read_all(str(path))
    wanted = [record["text"] for record in records]
    # What the decoder of the language's own library gets out of the same bytes, fed one by one.
    decoder: Any = (
        zstandard.ZstdDecompressor().decompressobj()
        if suffix == "zst"
        else __import__("zlib").decompressobj(31)
    )
    whole = sum(decoder.decompress(data[i : i + 1]).count(b"\n") for i in range(at))
    assert 1000 < whole < 3000
    assert texts == wanted[:whole]
    assert rejects == [(whole, "damaged_file")]

    path.write_bytes(data[:at] + b"\xff" * 64 + data[at + 64 :])
    texts, rejects = read_all(str(path))
    assert rejects[-1][1] == "damaged_file"
    assert texts[: whole - 1] == wanted[: whole - 1]


def test_gzip_without_its_fast_library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Elsewhere than on x86-64 and ARM there is only zlib: the same documents, and the same damage."""
    data = gzip.compress(_LINES * 40) + gzip.compress(_LINES)
    files = [tmp_path / name for name in ("whole.jsonl.gz", "cut.jsonl.gz", "bad.jsonl.gz", "more.jsonl.gz")]
    bad = data[:40] + b"\xff" * 30 + data[70:]
    for file, content in zip(files, (data, data[:-12], bad, data + b"x"), strict=True):
        file.write_bytes(content)
    found = [read_all(str(file)) for file in files]
    monkeypatch.setattr("pypack.corpus.decoders._gzip", zlib)
    assert [read_all(str(file)) for file in files] == found
    assert [bool(rejects) for _, rejects in found] == [False, True, True, True]


@pytest.mark.parametrize(
    ("name", "data", "word"),
    [
        ("a.jsonl.gz", b"", "empty file"),
        ("a.jsonl.zst", b"", "empty file"),
        ("a.jsonl.gz", _LINES, "corrupt gzip"),
        ("a.jsonl.gz", gzip.compress(_LINES) + b"garbage", "corrupt gzip"),
        ("a.jsonl.zst", _LINES, "corrupt zstd"),
        ("a.parquet", b"PAR1 nothing", "parquet"),
        ("a.arrow", b"ARROW1 nothing", "arrow"),
        ("a.feather", b"", "arrow"),
    ],
)
def test_whole_file_rejects(name: str, data: bytes, word: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    *_, last = corpus.read([str(path)])
    (reject,) = last.rejects
    assert reject.whole_file
    assert word in reject.reason
    assert reject.to_json()["file"] == str(path)
    with pytest.raises(corpus.RejectedInputError, match=word):
        list(corpus.read([str(path)], on_error="stop"))


def test_damaged_parquet_keeps_the_row_groups_before(tmp_path: Path) -> None:
    path = Path(
        write_parquet(
            tmp_path / "a.parquet",
            pa.table({"text": [f"{i} " * 50 for i in range(100)]}),
            row_group_size=10,
            compression="none",
            use_dictionary=False,
            write_page_checksum=True,
        )
    )
    data = bytearray(path.read_bytes())
    at = data.index(b"55 55 ")
    data[at] ^= 0xFF
    path.write_bytes(data)
    texts, rejects = read_all(str(path))
    assert texts == [f"{i} " * 50 for i in range(50)]
    assert rejects == [(50, "damaged_file")]


def test_an_unreadable_file_is_a_reject(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.jsonl", _LINES)
    files = corpus.list_inputs([path, write(tmp_path / "b.jsonl", _LINES)])
    Path(path).unlink()
    assert read_all(files) == (TEXTS, [(0, "unreadable_file")])


@pytest.mark.parametrize(
    "kind", [pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())]
)
def test_arrow_string_types(kind: pa.DataType, tmp_path: Path) -> None:
    values = ["a", None, "", "中文", "a"]
    column = pa.array(values).dictionary_encode() if pa.types.is_dictionary(kind) else pa.array(values, kind)
    path = write_arrow(tmp_path / "a.arrow", pa.table({"text": column}))
    assert read_all(path) == (["a", "", "中文", "a"], [(1, "null_text")])


def test_invalid_utf8_in_arrow_strings(tmp_path: Path) -> None:
    raw = pa.array([b"fine", b"bad \xff", None, b"also fine"])
    strings = pa.Array.from_buffers(pa.string(), 4, raw.buffers())
    table = pa.table({"text": strings, "id": [1, 2, 3, 4]})
    for path in (write_arrow(tmp_path / "a.arrow", table), write_parquet(tmp_path / "a.parquet", table)):
        (batch,) = corpus.read([path], keep=["id"])
        assert batch.text_list() == ["fine", "also fine"]
        assert batch.columns["id"].to_pylist() == [1, 4]
        assert [(r.record, r.kind) for r in batch.rejects] == [(1, "invalid_utf8"), (2, "null_text")]


def test_nested_fields(tmp_path: Path) -> None:
    records = [
        {"meta": {"text": "inner", "n": 1}, "a.b": "literal", "a": {"b": "nested"}},
        {"meta": {"text": "second"}, "a.b": "literal2", "a": None},
    ]
    lines = write(tmp_path / "a.jsonl", json_lines(records))
    table = write_parquet(tmp_path / "a.parquet", pa.Table.from_pylist(records))
    for path in (lines, table):
        assert read_all(path, field="meta.text") == (["inner", "second"], [])
        assert read_all(path, field="a.b") == (["literal", "literal2"], [])
        (batch,) = corpus.read([path], field="meta.text", keep=["meta.n", "absent"])
        kept = {name: list(map(_plain, values)) for name, values in batch.columns.items()}
        assert kept == {"meta.n": [1, None], "absent": [None, None]}
    assert read_all(lines, field="a.b.c")[1] == [(0, "missing_text"), (1, "missing_text")]
    assert read_all(table, field="a.x")[1] == [(0, "no_text_column")]


def _plain(value: Any) -> Any:
    return value.as_py() if isinstance(value, pa.Scalar) else value


def test_not_a_number_is_no_text(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", b'{"text": "a", "score": NaN}\n{"text": NaN}\n{"text": Nan}\n')
    (batch,) = corpus.read([path])
    assert batch.text_list() == ["a"]
    assert [reject.kind for reject in batch.rejects] == ["not_string", "bad_json"]


def test_rejects_say_file_line_offset_and_reason(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", b'{"text": "ok"}\n\n{"text": 3}\n')
    (batch,) = corpus.read([path])
    assert batch.rejects[0].to_json() == {
        "file": path,
        "line": 3,
        "offset": 16,
        "kind": "not_string",
        "whole_file": False,
        "reason": "the field 'text' is a JSON number, not a string",
    }
    assert Path(path).read_bytes()[16:].startswith(b'{"text": 3}')
    with pytest.raises(
        corpus.RejectedInputError, match=r"a\.jsonl: line 3 \(byte 16\): the field 'text' is a JSON number"
    ):
        list(corpus.read([path], on_error="stop"))


@pytest.mark.parametrize("suffix", ["jsonl", "jsonl.gz", "txt"])
def test_lines_above_the_limit_are_rejected_unread(suffix: str, tmp_path: Path) -> None:
    long = json_lines([{"text": "x" * 3_000_000}])
    path = write(tmp_path / f"a.{suffix}", _LINES + long + _LINES)
    limit = 2_500_000
    texts, rejects = read_all(path, max_document_bytes=limit, txt_per_line=True)
    assert len(texts) == 10
    assert rejects == [(5, "too_long")]
    (batch,) = corpus.read([path], max_document_bytes=limit, txt_per_line=True)
    assert batch.rejects[0].offset == len(_LINES)
    assert batch.ends[-1] == 2 * len(_LINES) + len(long)


def test_text_file_above_the_limit(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", b"x" * 100)
    write(tmp_path / "b.txt", b"y" * 10)
    assert read_all(str(tmp_path), max_document_bytes=50) == (["y" * 10], [(0, "too_long")])


@pytest.mark.parametrize("bad", [{"on_error": "skip"}, {"batch_bytes": 0}, {"keep": ["id", "id"]}])
def test_bad_arguments(bad: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(corpus.CorpusError):
        corpus.read([write(tmp_path / "a.jsonl", _LINES)], **bad)


_VALUES = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.text(max_size=5))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
@given(
    lines=st.lists(
        st.one_of(
            st.text(max_size=20).map(lambda text: json_lines([{"text": text, "id": 1}]).rstrip(b"\n")),
            st.dictionaries(st.sampled_from(["text", "id"]), _VALUES).map(
                lambda r: json_lines([r]).rstrip(b"\n")
            ),
            st.binary(max_size=10).filter(lambda line: b"\n" not in line),
        ),
        max_size=30,
    ),
    batch_bytes=st.integers(1, 200),
    final_newline=st.booleans(),
)
def test_reading_can_go_on_behind_every_document(
    lines: list[bytes], batch_bytes: int, final_newline: bool, tmp_path: Path
) -> None:
    data = b"\n".join(lines) + (b"\n" if final_newline else b"")
    half = data.find(b"\n", len(data) // 2) + 1
    inputs = [
        write(tmp_path / "a.jsonl", data[:half]),
        write(tmp_path / "b.jsonl.gz", data[half:]),
        write(tmp_path / "c.txt", b"whole\nfile"),
        write(tmp_path / "d.jsonl.zst", _LINES),
        write_parquet(tmp_path / "e.parquet", _TABLE, row_group_size=2),
        write_arrow(tmp_path / "f.arrow", _TABLE, stream=True),
    ]
    batches = list(corpus.read(inputs, batch_bytes=batch_bytes))
    texts = [text for batch in batches for text in batch.text_list()]
    (reference,) = [read_all(inputs)]
    assert texts == reference[0]
    ends = [batch.position_after(i) for batch in batches for i in range(len(batch))]
    assert ends == sorted(ends)
    rejects = [reject for batch in batches for reject in batch.rejects]
    for i, end in enumerate(ends):
        rest = list(corpus.read(inputs, batch_bytes=batch_bytes, start=end))
        assert [text for batch in rest for text in batch.text_list()] == texts[i + 1 :]
        later = [reject for reject in rejects if (reject.index, reject.record) >= (end.file, end.record)]
        assert [reject for batch in rest for reject in batch.rejects] == later
    blanks = sum(batch.blank_lines for batch in batches)
    rows = 16  # of the files after the first two
    assert (
        len(texts) + len(rejects) + blanks == len(_lines_of(data[:half])) + len(_lines_of(data[half:])) + rows
    )


def _lines_of(data: bytes) -> list[bytes]:
    lines = data.split(b"\n")
    return lines[:-1] if not lines[-1] else lines


def test_progress_counts_the_bytes_on_disk(tmp_path: Path) -> None:
    files = corpus.list_inputs(list(_files(tmp_path).values())[:5])
    batches = list(corpus.read(files))
    assert sum(batch.disk_bytes for batch in batches) == sum(file.size for file in files)
    assert sum(batch.input_bytes for batch in batches) == 5 * len(_LINES)


def test_memory_stays_flat(tmp_path: Path) -> None:
    """Peak memory of reading grows by far less than the corpus."""
    path = tmp_path / "a.jsonl.zst"
    block = json_lines([{"text": "some words of a document " * 40}] * 10_000)
    with path.open("wb") as file, zstandard.ZstdCompressor(level=1).stream_writer(file) as writer:
        for _ in range(20):
            writer.write(block)
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    documents = sum(len(batch) for batch in corpus.read([str(path)]))
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert documents == 200_000
    assert grown < 100 << 20 < 20 * len(block)


def test_shared_corpora_read_whole(shared: Path) -> None:
    lines = {"code": 1126, "english": 2324, "instruct": 7597, "multilingual": 9922, "weird": 16324}
    for name, count in lines.items():
        path = str(shared / f"data/corpus/{name}.jsonl.zst")
        batches = list(corpus.read([path], keep=["id", "url"]))
        assert sum(len(batch) for batch in batches) == count
        assert not any(batch.rejects for batch in batches)
        assert sum(batch.disk_bytes for batch in batches) == os.path.getsize(path)  # noqa: PTH202
