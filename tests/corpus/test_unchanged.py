"""Inputs that are not what they were: files that change, and streams that a job goes on with."""

from __future__ import annotations

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


def test_a_stream_goes_on_only_if_it_is_the_same(tmp_path: Path) -> None:
    # Chunks of a stream are up to 1 MiB: the mark of a batch may lie far before it, never behind it.
    data = b"".join(json_lines([{"text": f"{i} " + "x" * 50_000}]) for i in range(100))
    batches = _read(_stream(tmp_path, data))
    marked = {batch.stream_mark for batch in batches}
    assert None not in marked
    assert len(marked) > 3
    for batch in (batches[0], batches[40], batches[-1]):
        start, mark = batch.position_after(len(batch) - 1), batch.stream_mark
        assert mark is not None
        assert mark.size <= start.offset
        rest = _read(_stream(tmp_path, data), start=start, stream_mark=mark)
        assert sum(map(len, rest)) == 100 - start.record
        if mark.size == 0:
            continue
        other = data[:99] + b"y" + data[100:]
        with pytest.raises(ChangedInputError, match=r"its first .* bytes differ"):
            _read(_stream(tmp_path, other), start=start, stream_mark=mark)
        with pytest.raises(ChangedInputError, match="it ends after 1,000 bytes"):
            _read(_stream(tmp_path, data[:1000]), start=start, stream_mark=mark)


def test_a_stream_of_arrow_goes_on_only_if_it_is_the_same(tmp_path: Path) -> None:
    def made(first: str) -> bytes:
        sink = pa.BufferOutputStream()
        table = pa.table({"text": [first, *(f"document {i}" for i in range(99))]})
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]

    batches = _read(_stream(tmp_path, made("a"), "arrow"))
    start, mark = Position(0, 50), batches[0].stream_mark
    assert sum(map(len, _read(_stream(tmp_path, made("a"), "arrow"), start=start, stream_mark=mark))) == 50
    with pytest.raises(ChangedInputError, match="bytes differ"):
        _read(_stream(tmp_path, made("b"), "arrow"), start=start, stream_mark=mark)


def test_files_have_no_mark(tmp_path: Path) -> None:
    assert {
        batch.stream_mark for batch in _read(corpus.list_inputs([write(tmp_path / "a.jsonl", _LINES)]))
    } == {None}
