"""Compressed inputs: every compression, under any name, in several members, damaged."""

from __future__ import annotations

import bz2
import gzip
import lzma
import random
from collections.abc import Callable
from pathlib import Path

import lz4.frame
import pytest
import zstandard
from fixtures.corpus_files import TEXTS, json_lines, read_all

from pypack import corpus
from pypack.corpus import CorpusError, decoders, list_inputs
from pypack.corpus.bytes import ByteSource

_LINES = json_lines([{"text": text} for text in TEXTS])
COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "lz4": lz4.frame.compress,
}
_SUFFIXES = {"gzip": ".gz", "zstd": ".zstd", "bzip2": ".bz2", "xz": ".xz", "lz4": ".lz4"}


@pytest.mark.parametrize("kind", COMPRESS)
@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.ndjson", "a.jsonlines"])
def test_names_that_tell(kind: str, name: str, tmp_path: Path) -> None:
    (tmp_path / (name + _SUFFIXES[kind])).write_bytes(COMPRESS[kind](_LINES))
    assert read_all(str(tmp_path)) == (TEXTS, [])  # folders read .json that is compressed


@pytest.mark.parametrize("kind", COMPRESS)
@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.jsonl.bz2", "part-00000", "a.log", "a.gz"])
def test_names_that_tell_nothing_or_lie(kind: str, name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(COMPRESS[kind](_LINES))
    (file,) = list_inputs([tmp_path / name])
    assert (file.format, file.compression) == ("json_lines", kind)
    assert read_all(str(tmp_path / name)) == (TEXTS, [])


def test_folders_open_what_promises_a_compression_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "part-00000.gz").write_bytes(gzip.compress(_LINES))
    (tmp_path / "part-00001").write_bytes(_LINES)
    (tmp_path / "backup.gz").write_bytes(gzip.compress(b"\x7fELF no text"))
    found = corpus.find_inputs([tmp_path])
    assert [Path(file.path).name for file in found.files] == ["part-00000.gz"]
    assert found.left_out.to_json() == {"unknown_kind": {"(no suffix)": 1, ".gz": 1}}
    # A pattern is somebody's choice: what has no suffix is looked at.
    names = [Path(file.path).name for file in list_inputs([str(tmp_path / "part-*")])]
    assert names == ["part-00000.gz", "part-00001"]


@pytest.mark.parametrize("kind", COMPRESS)
def test_several_members_are_one_file(kind: str, tmp_path: Path) -> None:
    cut = len(_LINES) // 2  # inside a line
    data = b"".join(COMPRESS[kind](part) for part in (_LINES[:cut], b"", _LINES[cut:]))
    path = tmp_path / "a.jsonl"
    path.write_bytes(data + (b"\0" * 512 if kind in ("gzip", "xz") else b""))
    assert read_all(str(path)) == (TEXTS, [])


@pytest.mark.parametrize("kind", COMPRESS)
def test_a_mark_at_the_start_of_each_member(kind: str, tmp_path: Path) -> None:
    marked = b"\xef\xbb\xbf" + _LINES
    (tmp_path / "a.jsonl").write_bytes(COMPRESS[kind](marked) + COMPRESS[kind](marked))
    assert read_all(str(tmp_path / "a.jsonl")) == ([*TEXTS, *TEXTS], [])
    text = b"\xef\xbb\xbfone\n"
    (tmp_path / "a.txt").write_bytes(COMPRESS[kind](text) + COMPRESS[kind](text))
    assert read_all(str(tmp_path / "a.txt")) == (["one\none\n"], [])
    assert read_all(str(tmp_path / "a.txt"), txt_per_line=True) == (["one", "one"], [])


@pytest.mark.parametrize("kind", COMPRESS)
def test_damage_keeps_every_document_before_it(kind: str, tmp_path: Path) -> None:
    rng = random.Random(5)
    texts = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=300)) for _ in range(12000)]
    data = COMPRESS[kind](json_lines([{"text": text} for text in texts]))
    path = tmp_path / "a.jsonl"
    for damaged in (
        data[: len(data) * 2 // 3],
        data[: len(data) // 2] + b"\xff" * 64 + data[len(data) // 2 :],
    ):
        path.write_bytes(damaged)
        found, rejects = read_all(str(path))
        assert rejects[-1] == (len(found) + len(rejects) - 1, "damaged_file")
        # A checksum tells of a block of gzip and lz4 only after it: a line or two of noise may come through.
        assert 1000 < len(found) < len(texts)
        assert found[:-2] == texts[: len(found) - 2]


def test_little_that_unpacks_to_much_comes_in_pieces(tmp_path: Path) -> None:
    # 45 bytes of bzip2 stand for 46 MB: the decoder is asked for a bounded part at a time.
    for compress in (bz2.compress, lzma.compress, lz4.frame.compress):
        (tmp_path / "a.txt").write_bytes(compress(b" " * (60 << 20)))
        sizes = [len(chunk) for chunk in ByteSource(list_inputs([tmp_path / "a.txt"])[0])]
        assert sum(sizes) == 60 << 20
        assert max(sizes) <= decoders.MOST_OUT


def test_text_that_begins_like_bzip2_is_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"BZh9 is how bzip2 begins")
    assert read_all(str(tmp_path)) == (["BZh9 is how bzip2 begins"], [])


def test_a_missing_library_is_told_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.jsonl.lz4").write_bytes(lz4.frame.compress(_LINES))
    monkeypatch.setattr(decoders, "find_spec", lambda name: None)
    with pytest.raises(CorpusError, match=r"pip install 'pypack-engine\[lz4\]'"):
        list_inputs([tmp_path])
