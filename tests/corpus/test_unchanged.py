"""Inputs that are not what they were: files that change, and streams that a job goes on with."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from fixtures.corpus_files import json_lines, write

from pypack import corpus
from pypack.corpus import ChangedInputError, DocumentBatch, InputFile, Position
from pypack.corpus.unchanged import changed, require_unchanged

_LINES = json_lines([{"text": f"document {i}"} for i in range(100)])


def _grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"{}\n")


def _replace(path: Path) -> None:
    was = path.stat()
    (path.parent / "new").write_bytes(path.read_bytes())
    os.utime(path.parent / "new", ns=(was.st_atime_ns, was.st_mtime_ns))
    (path.parent / "new").replace(path)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (_grow, "grew from 2,290 to 2,293 bytes"),
        (lambda path: os.truncate(path, 100), "was cut from 2,290 to 100"),
        (lambda path: os.utime(path, ns=(1, 1)), "was written to"),
        (_replace, "was replaced by another file"),
        (os.unlink, "has gone"),
    ],
)
def test_files_that_change(change: Callable[[Path], None], word: str, tmp_path: Path) -> None:
    path = Path(write(tmp_path / "a.jsonl", _LINES))
    files = corpus.list_inputs([path, write(tmp_path / "b.jsonl", _LINES)])
    require_unchanged(files)
    change(path)
    (sentence,) = changed(files)
    assert sentence.startswith(f"{path}: {word}")
    with pytest.raises(ChangedInputError, match="must not change while a job reads them"):
        require_unchanged(files)


def _stream(folder: Path, data: bytes, format: str = "json_lines") -> list[InputFile]:
    """A stream of these bytes: a file that is read as if it were a pipe."""
    path = folder / "stream"
    path.write_bytes(data)
    return [InputFile(str(path), format, None, 0, 0, is_stream=True)]


def _read(files: list[InputFile], **options: object) -> list[DocumentBatch]:
    return list(corpus.read(files, batch_bytes=500, **options))  # type: ignore[arg-type]


@pytest.mark.parametrize("words", [1, 10_000])
def test_a_stream_goes_on_only_if_it_is_the_same(words: int, tmp_path: Path) -> None:
    data = b"".join(json_lines([{"text": f"{i} " + "word " * words}]) for i in range(100)).removesuffix(b"\n")
    batches = _read(_stream(tmp_path, data))
    places = [(batch, i) for batch in batches for i in range(len(batch))]
    assert len(places) == 100
    for batch, i in (places[0], places[1], places[40], places[99]):
        start = batch.position_after(i)
        mark = batch.mark_at(start)
        assert mark is not None
        assert mark.size == min(start.offset, len(data))
        assert mark.digest == f"sha256:{hashlib.sha256(data[: mark.size]).hexdigest()}"
        rest = _read(_stream(tmp_path, data), start=start, stream_mark=mark)
        assert sum(map(len, rest)) == 100 - start.record
        last = mark.size - 3
        other = data[:last] + b"#" + data[last + 1 :]
        with pytest.raises(ChangedInputError, match=r"its first .* bytes differ"):
            _read(_stream(tmp_path, other), start=start, stream_mark=mark)
        with pytest.raises(ChangedInputError, match="it ends after 9 bytes"):
            _read(_stream(tmp_path, data[:9]), start=start, stream_mark=mark)
        # What follows behind the place is no matter.
        more = b"\n" + json_lines([{"text": "more"}])
        grown = _read(_stream(tmp_path, data + more), start=start, stream_mark=mark)
        assert sum(map(len, grown)) == 101 - start.record


def test_a_resumed_stream_has_the_same_marks(tmp_path: Path) -> None:
    batches = _read(_stream(tmp_path, _LINES))
    start = batches[1].position_after(0)
    rest = _read(_stream(tmp_path, _LINES), start=start, stream_mark=batches[1].mark_at(start))
    end = rest[-1].position_after(len(rest[-1]) - 1)
    assert rest[-1].mark_at(end) == batches[-1].mark_at(batches[-1].position_after(len(batches[-1]) - 1))


def test_a_stream_of_arrow_goes_on_only_if_it_is_the_same(tmp_path: Path) -> None:
    def made(first: str) -> bytes:
        sink = pa.BufferOutputStream()
        table = pa.table({"text": [first, *(f"document {i}" for i in range(99))]})
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]

    batches = _read(_stream(tmp_path, made("a"), "arrow"))
    start = Position(0, 50)
    mark = batches[0].mark_at(start)
    assert mark is not None
    assert {batch.mark_at(start) for batch in batches} == {mark}
    assert sum(map(len, _read(_stream(tmp_path, made("a"), "arrow"), start=start, stream_mark=mark))) == 50
    with pytest.raises(ChangedInputError, match="bytes differ"):
        _read(_stream(tmp_path, made("b"), "arrow"), start=start, stream_mark=mark)


def test_files_have_no_mark(tmp_path: Path) -> None:
    batches = _read(corpus.list_inputs([write(tmp_path / "a.jsonl", _LINES)]))
    assert {batch.mark_at(Position()) for batch in batches} == {None}
