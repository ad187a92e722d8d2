"""What a file holds: by its name, and by its first bytes where these say otherwise."""

from __future__ import annotations

import os
import re
from pathlib import Path

FORMATS = ("json_lines", "text", "parquet", "arrow")
_SUFFIXES = {
    ".jsonl": "json_lines",
    ".ndjson": "json_lines",
    ".jsonlines": "json_lines",
    ".json": "json_lines",
    ".txt": "text",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".arrows": "arrow",
    ".feather": "arrow",
}
_COMPRESSIONS = {".gz": "gzip", ".gzip": "gzip", ".zst": "zstd", ".zstd": "zstd"}
KNOWN_SUFFIXES = (
    ".jsonl, .ndjson, .jsonlines, .json (JSON lines), .txt, each also with .gz or .zst; .parquet, .arrow, "
    ".feather"
)
# Enough to tell every kind by.
HEAD_BYTES = 16
_OUTPUT_MARKS = ("store.json", "plan.json", "job.json", "journal.jsonl")
_OUTPUT_HEAD = re.compile(rb'\s*\{\s*"format"\s*:\s*"pypack\.')
_OTHER_COMPRESSIONS = {
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"\x04\x22\x4d\x18": "lz4",
    b"PK\x03\x04": "zip",
    b"7z\xbc\xaf\x27\x1c": "7-Zip",
}


def suffix_of(name: str) -> str:
    """What a name ends with, in small letters, the suffix before that of a compression with it: ".tar.gz"."""
    stem, suffix = os.path.splitext(name.lower())  # noqa: PTH122
    if suffix in _COMPRESSIONS:
        return os.path.splitext(stem)[1] + suffix  # noqa: PTH122
    return suffix


def kind_by_name(name: str) -> tuple[str | None, str | None]:
    """(format, compression) that the name of a file promises; no format where it is of an unknown kind."""
    stem, suffix = os.path.splitext(name.lower())  # noqa: PTH122
    compression = _COMPRESSIONS.get(suffix)
    if compression is not None:
        suffix = os.path.splitext(stem)[1]  # noqa: PTH122
    return _SUFFIXES.get(suffix), compression


def can_be_compressed(kind: str) -> bool:
    """Whether files of a format are read through gzip and zstd."""
    return kind in ("json_lines", "text")


def is_named_only(name: str) -> bool:
    """Whether a folder leaves such a file out: plain `.json` is more often a description than text."""
    return name.lower().endswith(".json")


def compression_of(head: bytes) -> str | None:
    """The compression that pypack reads whose data begins so. No UTF-8 text begins like either."""
    if head.startswith(b"\x1f\x8b"):
        return "gzip"
    is_skippable = head[1:4] == b"\x2a\x4d\x18" and head[0] & 0xF0 == 0x50
    return "zstd" if head.startswith(b"\x28\xb5\x2f\xfd") or is_skippable else None


def other_compression_of(head: bytes) -> str | None:
    """The name of a compression that pypack does not read."""
    return next((name for magic, name in _OTHER_COMPRESSIONS.items() if head.startswith(magic)), None)


def kind_by_content(path: str, kind: str, compression: str | None) -> tuple[str, str | None]:
    """What a file holds whose name promises `kind` and `compression`: its first bytes decide.

    Bytes that say nothing leave it with the name's word; so does a file that cannot be opened, of which
    reading says why.
    """
    try:
        with Path(path).open("rb", buffering=0) as file:
            head = file.read(HEAD_BYTES)
            if head.startswith((b"PAR1", b"ARROW1")):
                magic, found = (b"PAR1", "parquet") if head.startswith(b"PAR1") else (b"ARROW1", "arrow")
                if not can_be_compressed(kind):
                    return found, None
                # A text may begin with these letters, too; that it also ends with them tells a table.
                file.seek(-min(len(magic), os.fstat(file.fileno()).st_size), os.SEEK_END)
                return (found, None) if file.read() == magic else (kind, compression)
    except OSError:
        return kind, compression
    if can_be_compressed(kind):
        return kind, compression_of(head) or compression
    return kind, compression


def is_output(folder: str) -> bool:
    """Whether a folder is a store or plan, finished or not: by what its files say, not by their names."""
    return any(_begins_as_ours(Path(folder) / mark) for mark in _OUTPUT_MARKS)


def _begins_as_ours(path: Path) -> bool:
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return _OUTPUT_HEAD.match(file.read(256)) is not None
    except OSError:
        return False
