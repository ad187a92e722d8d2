"""What a look at the first documents tells before any work."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import zstandard
from fixtures.corpus_archives import make_tar, wet_record
from fixtures.corpus_files import json_lines, write, write_arrow, write_parquet

from pypack.corpus import list_inputs
from pypack.jobs.preflight import Preflight, PreflightError, look

_RECORDS = [{"id": i, "text": f"document {i}"} for i in range(30)]
_LINES = json_lines(_RECORDS)
_PAGE = b"<!DOCTYPE html>\n<html><body>Log in</body></html>\n"


def _look(*paths: str | Path, **options: Any) -> Preflight:
    return look(list_inputs([str(path) for path in paths]), **options)


def _raw(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_good_files_of_every_kind_are_no_news(tmp_path: Path) -> None:
    paths = [
        write(tmp_path / "a.jsonl", _LINES),
        write(tmp_path / "b.jsonl.gz", _LINES),
        write(tmp_path / "c.txt", "ä".encode() * 200_000),
        write_parquet(tmp_path / "d.parquet", pa.table({"text": ["a"]})),
        write_arrow(tmp_path / "e.arrow", pa.table({"text": ["a"]}), stream=True),
        write(tmp_path / "f.jsonl", b""),
        write(tmp_path / "g.txt", b""),
        write(tmp_path / "h.jsonl", json_lines([{"text": "long " * 100_000}])),
        write(tmp_path / "i.jsonl", b"not json\n" + _LINES),  # a few bad lines are what rejected.jsonl is for
    ]
    assert _look(*paths) == Preflight(9, 9, ())


@pytest.mark.parametrize(
    ("name", "data", "word"),
    [
        ("a.jsonl", json_lines([{"id": 1, "content": "x"}]), r"did you mean --field content\?"),
        ("a.jsonl", json_lines([{"id": 1, "Text": "x"}]), r"did you mean --field Text\?"),
        ("a.jsonl", json_lines([{"id": "1", "doc": {"text": "x"}}]), r"did you mean --field doc\.text\?"),
        ("a.jsonl", json_lines([{"u": "http://x", "t": "y" * 50}]), r"did you mean --field t\?"),
        ("a.jsonl", json_lines([{"id": 1}]), "the records have 'id'; name the one"),
        ("a.jsonl", json_lines([{"text": None}]), "is null"),
        ("a.jsonl", json_lines([{"messages": [{"role": "user", "content": "x"}]}]), "chat records"),
        ("a.jsonl", json_lines([{"prompt": "x", "completion": "y"}]), r"pairs \('prompt', 'completion'\)"),
        ("a.jsonl", json_lines([{"instruction": "x", "output": "y"}]), "instructions with answers"),
        ("a.jsonl", json.dumps([{"body": "x"}]).encode(), r"did you mean --field body\?"),
        ("a.jsonl", json.dumps([{"body": "x"}] * 9000, indent=1).encode(), r"did you mean --field body\?"),
        ("a.jsonl", json.dumps([["x"], ["y"]]).encode(), "a JSON array"),
        (
            "a.csv",
            b"id,body\n1,x\n",
            r"no column 'text'; the file has 'id', 'body'; did you mean --field body",
        ),
        ("a.tar", make_tar([("0.jpg", b"x")]), "'0' has no text: its members are jpg"),
        ("a.tar", make_tar([("0.txt", b"x")])[:1536], "cut off"),
        (
            "a.warc",
            wet_record(b"<html>", "http://a/", "response"),
            "not a text: WET files have them extracted",
        ),
        ("a.html", b"\xff\xfe\0\xd8", "UTF-16"),
        ("a.jsonl", json.dumps(_RECORDS[0], indent=1).encode(), "over several lines"),
        ("a.jsonl", json.dumps({"a": list(range(10**6))}, indent=1).encode(), "over several lines"),
        ("a.jsonl", _LINES.decode().encode("utf-16"), "UTF-16 text: .* iconv"),
        ("a.jsonl", _LINES.decode().encode("utf-16-le"), "UTF-16LE"),
        ("a.jsonl", _LINES.decode().encode("utf-32"), "UTF-32"),
        ("a.txt", "Grüße".encode("latin-1"), "not UTF-8"),
        ("a.txt", "text".encode("utf-16"), "UTF-16"),
        ("a.jsonl", b"version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 4\n", "git lfs pull"),
        ("a.parquet", b"version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 4\n", "git lfs pull"),
        ("a.jsonl", _PAGE, "an HTML page"),
        ("a.parquet", _PAGE, "an HTML page"),
        ("a.jsonl", b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "server that refused"),
        ("a.jsonl", gzip.compress(gzip.compress(_LINES)), "gzip data inside gzip data"),
        ("a.jsonl.gz", _LINES, "corrupt gzip"),
        ("a.jsonl", b"BZh91AY&SY", "truncated bzip2 file"),
        ("a.jsonl", b"\xfd7zXZ\0\0\4", "truncated xz file"),
        ("a.jsonl", b"7z\xbc\xaf\x27\x1c", "7-Zip data: pypack unpacks gzip, zstd, bzip2, xz and lz4"),
        ("a.parquet", gzip.compress(b"PAR1"), "gzip data: pypack reads Parquet as it is"),
        ("a.parquet", _LINES, r"name it \.jsonl"),
        ("a.parquet", b"PAR1 nothing PAR1", "cannot be read as parquet"),
        ("a.jsonl.zst", zstandard.ZstdCompressor().compress(_LINES)[:-9], "truncated zstd"),
    ],
    ids=range(38),
)
def test_a_job_that_would_fail_as_a_whole(name: str, data: bytes, word: str, tmp_path: Path) -> None:
    path = _raw(tmp_path / name, data)
    with pytest.raises(PreflightError, match=word) as caught:
        _look(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert len(str(caught.value)) < 400
    # Beside a good file it is a warning.
    report = _look(path, write(tmp_path / "z.jsonl", _LINES))
    assert len(report.warnings) == 1
    assert report.warnings[0].startswith(f"{path}: ")


def test_columns(tmp_path: Path) -> None:
    table = pa.table({"id": [1], "meta": [{"body": "x", "n": 1}], "tags": [["a"]]})
    path = write_parquet(tmp_path / "a.parquet", table)
    with pytest.raises(
        PreflightError, match=r"the file has 'id', 'meta', 'tags'; did you mean --field meta\.body"
    ):
        _look(path)
    with pytest.raises(PreflightError, match="'id' holds number, not strings"):
        _look(path, field="id")
    with pytest.raises(PreflightError, match="'tags' holds array"):
        _look(path, field="tags")
    assert _look(path, field="meta.body", keep=["meta.n", "tags"]).warnings == ()


def test_the_same_fault_in_many_files_is_one_sentence(tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{i}.jsonl", json_lines([{"body": "x"}])) for i in range(20)]
    with pytest.raises(
        PreflightError, match=r"20 files looked at.*0\.jsonl and 19 more files: no field 'text'"
    ):
        _look(*paths)
    paths.append(write(tmp_path / "good.jsonl", _LINES))
    paths.append(str(_raw(tmp_path / "page.jsonl", _PAGE)))
    first, second = _look(*paths).warnings
    assert "0.jsonl and 19 more files: no field 'text'" in first
    assert "page.jsonl: an HTML page" in second


def test_many_files_are_sampled(tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{i:03}.jsonl", json_lines([{"body": "x"}])) for i in range(200)]
    with pytest.raises(PreflightError, match="1 of 200 files, chosen at random, looked at"):
        _look(*paths, most_seconds=0.0)


def test_kept_fields(tmp_path: Path) -> None:
    (tmp_path / "lang=en").mkdir()
    paths = [
        write(tmp_path / "a.jsonl", json_lines([{"text": "x", "url": "u", "id": 1}] * 3)),
        write(tmp_path / "b.jsonl", json_lines([{"text": "x", "url": "u", "id": "1"}])),
        write_parquet(tmp_path / "lang=en/c.parquet", pa.table({"text": ["x"], "id": [1]})),
    ]
    with pytest.raises(PreflightError, match=r"--keep ulr: .* did you mean url\? \(--no-preflight"):
        _look(*paths, keep=["ulr"])
    with pytest.raises(PreflightError, match=r"--keep zz: .* there are 'text', 'url', 'id'"):
        _look(*paths, keep=["zz"])
    # Files that give no document have no say in it.
    with pytest.raises(PreflightError, match=r"--keep ulr: .* did you mean url"):
        _look(*paths, _raw(tmp_path / "d.jsonl", _LINES.decode().encode("utf-16")), keep=["ulr"])
    url, lang, several = _look(*paths, keep=["url", "lang", "id"]).warnings
    assert "c.parquet: no field 'url'" in url
    assert "a.jsonl and 1 more files: no field 'lang'" in lang
    assert several.startswith("--keep id: values of several kinds")


def test_what_cannot_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [write(tmp_path / "a.jsonl", _LINES), write(tmp_path / "b.jsonl", _LINES)]
    files = list_inputs(paths)
    (tmp_path / "b.jsonl").unlink()
    (warning,) = look(files).warnings
    assert "b.jsonl: cannot be read" in warning


def test_records_that_become_texts(tmp_path: Path) -> None:
    chat = {"messages": [{"role": "user", "content": "x"}], "n": 1}
    paths = [write(tmp_path / "a.jsonl", json_lines([chat] * 3)), write(tmp_path / "b.txt", b"x")]
    assert _look(*paths, records=["messages"]).warnings == ()
    with pytest.raises(
        PreflightError, match=r"no field 'massages'; the records have 'messages', 'n'; did you"
    ):
        _look(paths[0], records=["massages"])
    table = pa.table({"prompt": ["x"], "answer": ["y"]})
    path = write_parquet(tmp_path / "c.parquet", table)
    assert _look(path, records=["prompt", "answer"]).warnings == ()
    with pytest.raises(PreflightError, match=r"no column 'answers'; .* did you mean answer\?"):
        _look(path, records=["prompt", "answers"])
