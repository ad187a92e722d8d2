"""Archives of samples (webdataset) and WARC files of texts (WET)."""

from __future__ import annotations

import gzip
import io
import json
import sys
from pathlib import Path

import pytest
from fixtures.corpus_archives import make_tar, wet_record
from fixtures.corpus_files import read_all

from pypack import corpus
from pypack.corpus import list_inputs

_MEMBERS = [
    ("a/0001.txt", b"\xef\xbb\xbfone"),
    ("a/0001.jpg", b"\xff\xd8" * 600),
    ("a/0001.json", b'{"id": 1, "text": "of json", "n": NaN}'),
    ("a/0002.json", b'{"id": 2, "text": "two", "u": {"v": "deep"}}'),
    ("b.c/0003.html", b"<p>three</p>"),
    ("b.c/0004.caption", b"four"),
    ("0005.jpg", b""),
    ("0006.txt", b"bad \xff"),
    ("0007.json", b'{"id": '),
    ("0008.txt", "éight".encode()),
]
_TEXTS = ["one", "two", "<p>three</p>", "éight"]
_REJECTS = [(3, "missing_text"), (4, "missing_text"), (5, "invalid_utf8"), (6, "bad_json")]


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.tgz", "shard", "a.jsonl"])
def test_samples_are_records(name: str, tmp_path: Path) -> None:
    data = make_tar(_MEMBERS)
    path = tmp_path / name
    path.write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    (file,) = list_inputs([path])
    assert file.format == "tar"
    assert read_all([file]) == (_TEXTS, _REJECTS)
    batches = list(corpus.read([file], keep=["id", "__key__", "u.v"], batch_bytes=1))
    kept = [[v for batch in batches for v in batch.columns[name]] for name in ("id", "__key__", "u.v")]
    assert kept == [[1, 2, None, None], ["a/0001", "a/0002", "b.c/0003", "0008"], [None, "deep", None, None]]
    places = [batch.position_after(i) for batch in batches for i in range(len(batch))]
    for count, place in enumerate(places, 1):
        assert read_all([file], start=place)[0] == _TEXTS[count:]


def test_the_text_may_be_another_member(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(make_tar(_MEMBERS[5:6]))
    assert read_all(str(tmp_path), field="caption") == (["four"], [])
    reason = next(iter(corpus.read([tmp_path]))).rejects[0].reason
    assert "'b.c/0004' has no text: its members are caption" in reason


def test_a_long_name_and_a_long_sample(tmp_path: Path) -> None:
    name = "d" * 120 + "/" + "n" * 120
    members = [("0.txt", b"x" * 2000), (f"{name}.txt", b"long name"), ("2.txt", b"last")]
    (tmp_path / "a.tar").write_bytes(make_tar(members))
    assert read_all(str(tmp_path), max_document_bytes=1000) == (["long name", "last"], [(0, "too_long")])
    (first, *_) = corpus.read([tmp_path], batch_bytes=1)
    assert read_all(str(tmp_path), start=first.position_after(0))[0] == ["long name", "last"]


def test_every_cut_of_an_archive_is_told(tmp_path: Path) -> None:
    members = [("0.txt", b"zero"), ("1.txt", b"one"), ("2.txt", b"two")]
    whole = make_tar(members)
    end = len(whole) - len(whole.rstrip(b"\0"))
    for size in range(0, len(whole) - end, 100):
        (tmp_path / "a.tar").write_bytes(whole[:size])
        texts, rejects = read_all(str(tmp_path))
        assert texts == ["zero", "one", "two"][: len(texts)]
        assert [kind for _, kind in rejects] == ["damaged_file"], size
    broken = bytearray(whole)
    broken[512 * 3 + 100] ^= 0xFF  # in the header of the second file, which tarfile takes for the end
    (tmp_path / "a.tar").write_bytes(broken)
    assert read_all(str(tmp_path))[1][-1][1] == "damaged_file"


_WET = [
    wet_record(b"software: x\r\n", "", "warcinfo"),
    wet_record(b"first\r\n\r\nWARC/1.0 is no header here\n", "http://a/"),
    wet_record(b"<html>", "http://b/", "response"),
    wet_record("zweí".encode(), "http://c/").replace(b"Content-Length", b"content-LENGTH"),
    wet_record(b"\xff", "http://d/"),
]
_WET_TEXTS = ["first\r\n\r\nWARC/1.0 is no header here\n", "zweí"]
_WET_REJECTS = [(1, "no_text_record"), (3, "invalid_utf8")]


@pytest.mark.parametrize("name", ["a.warc.wet.gz", "a.wet", "a.warc.gz", "data", "data.gz"])
def test_wet_files(name: str, tmp_path: Path) -> None:
    gz = name.endswith(".gz")  # each record is a member of its own, as Common Crawl has it
    (tmp_path / name).write_bytes(b"".join(gzip.compress(one) if gz else one for one in _WET))
    (file,) = list_inputs([tmp_path / name])
    assert file.format == "warc"
    assert read_all([file]) == (_WET_TEXTS, _WET_REJECTS)
    batches = list(corpus.read([file], keep=["url", "WARC-Date"], batch_bytes=1))
    assert [v for batch in batches for v in batch.columns["url"]] == ["http://a/", "http://c/"]
    assert [v for batch in batches for v in batch.columns["WARC-Date"]] == ["2024-01-01T00:00:00Z"] * 2
    place = batches[0].position_after(0)
    assert read_all([file], start=place) == (_WET_TEXTS[1:], _WET_REJECTS)


def test_wet_as_fastwarc_reads_it(tmp_path: Path) -> None:
    warc = pytest.importorskip("fastwarc.warc")
    records = [wet_record(f"text {i}\n".encode() * i, f"http://{i}/") for i in range(40)]
    with gzip.open(tmp_path / "a.warc.wet.gz", "wb") as file:
        file.write(b"".join(records))
    with gzip.open(tmp_path / "a.warc.wet.gz", "rb") as file:
        expected = [record.reader.read().decode() for record in warc.ArchiveIterator(io.BytesIO(file.read()))]
    assert len(expected) == 40
    assert read_all(str(tmp_path)) == (expected, [])


def test_every_cut_of_a_wet_file_is_told(tmp_path: Path) -> None:
    whole = b"".join(_WET)
    ends = [len(b"".join(_WET[:count])) for count in range(len(_WET) + 1)]
    for size in range(1, len(whole)):
        (tmp_path / "a.wet").write_bytes(whole[:size])
        texts, rejects = read_all(str(tmp_path))
        is_whole = any(end - 4 <= size <= end for end in ends)  # the blank lines may be lost
        assert (rejects[-1:] != [] and rejects[-1][1] == "damaged_file") != is_whole, size
        assert texts == _WET_TEXTS[: len(texts)]
    (tmp_path / "a.wet").write_bytes(_WET[1] + b"junk\r\n\r\n" + _WET[3])
    assert read_all(str(tmp_path)) == (_WET_TEXTS[:1], [(1, "damaged_file")])


def test_archives_through_a_pipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for format, data, texts in (("tar", make_tar(_MEMBERS), _TEXTS), ("warc", b"".join(_WET), _WET_TEXTS)):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        assert read_all("-", format=format)[0] == texts


def test_records_of_samples(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(make_tar(_MEMBERS[3:4]))
    (batch,) = corpus.read([tmp_path], record_fields=["text"])
    assert json.loads(batch.texts[0])["u"] == {"v": "deep"}
