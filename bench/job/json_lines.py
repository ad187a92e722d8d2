"""The input of whole jobs: JSON lines of ids and texts, uncompressed, as every peer reads them."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import orjson
import zstandard


def _lines(source: Path) -> Iterator[bytes]:
    with source.open("rb") as file:
        if source.suffix == ".zst":
            yield from io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(file))
        else:
            yield from file


def write_lines(sources: Sequence[Path], path: Path, copies: int = 1, most_bytes: int | None = None) -> int:
    """Writes `id` and `text` of every document, the whole of it `copies` times; returns the bytes.

    The peers do not agree on lines with different fields. With `most_bytes` a copy ends at the first document
    that would pass it.
    """
    written = 0
    with path.open("wb") as out:
        for copy in range(copies):
            begin = written
            for number, line in enumerate(line for source in sources for line in _lines(source)):
                text = orjson.loads(line)["text"]
                document = orjson.dumps({"id": f"{copy}-{number}", "text": text}) + b"\n"
                if most_bytes is not None and written + len(document) - begin > most_bytes:
                    break
                written += out.write(document)
    return written


def split_lines(path: Path, folder: Path, parts: int) -> None:
    """Writes a file of lines as `parts` files of about as many bytes each, in order."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    data = path.read_bytes()
    begin = 0
    for part in range(parts):
        end = len(data) if part == parts - 1 else data.index(b"\n", len(data) * (part + 1) // parts) + 1
        (folder / f"{part:03d}.jsonl").write_bytes(data[begin:end])
        begin = end
