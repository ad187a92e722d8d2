"""What a file holds: by its name, and by its first bytes where these say otherwise."""

from __future__ import annotations

import io
import os
import re
import tarfile
from collections.abc import Callable
from pathlib import Path

from pypack.corpus.decoders import COMPRESSIONS, compression_of, first_unpacked, peek

FORMATS = (
    "json_lines", "json_array", "text", "page", "csv", "tsv", "parquet", "arrow", "tar", "warc",
)  # fmt: skip
_SUFFIXES = {
    ".jsonl": "json_lines",
    ".ndjson": "json_lines",
    ".jsonlines": "json_lines",
    ".json": "json_lines",
    ".txt": "text",
    ".md": "page",
    ".markdown": "page",
    ".html": "page",
    ".htm": "page",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tar": "tar",
    ".warc": "warc",
    ".wet": "warc",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".arrows": "arrow",
    ".feather": "arrow",
}
_TAR_SUFFIXES = {".tgz": ".gz", ".tzst": ".zst", ".tbz2": ".bz2", ".tbz": ".bz2", ".txz": ".xz"}
KNOWN_SUFFIXES = (
    ".jsonl, .ndjson, .jsonlines, .json (JSON lines, or one array), .txt, .md, .html, .csv, .tsv, .tar, "
    ".warc, .wet, each also with .gz, .zst, .bz2, .xz or .lz4; .parquet, .arrow, .feather"
)
# Formats whose records are lines.
LINE_FORMATS = frozenset({"json_lines", "text"})
_TABLES = frozenset({"parquet", "arrow"})
# Enough to tell every kind by: a whole header of a tar.
HEAD_BYTES = 512
OUTPUT_MARKS = ("store.json", "plan.json", "job.json", "journal.jsonl")
_OUTPUT_HEAD = re.compile(rb'\s*\{\s*"format"\s*:\s*"pypack\.')
# Compressions, and archives, that pypack does not read.
_OTHER_COMPRESSIONS = {b"PK\x03\x04": "zip", b"7z\xbc\xaf\x27\x1c": "7-Zip", b"\x02\x21\x4c\x18": "old lz4"}
# An array of objects, or one that says no more yet; lines that are arrays of other things are lines.
_ARRAY = re.compile(rb"\s*\[\s*(\{|\]?\s*$)")
_MARK = b"\xef\xbb\xbf"


def suffix_of(name: str) -> str:
    """What a name ends with, in small letters, the suffix before that of a compression with it: ".tar.gz"."""
    stem, suffix = os.path.splitext(name.lower())  # noqa: PTH122
    if suffix in COMPRESSIONS:
        return os.path.splitext(stem)[1] + suffix  # noqa: PTH122
    return suffix


def kind_by_name(name: str) -> tuple[str | None, str | None]:
    """(format, compression) that the name of a file promises; no format where it is of an unknown kind."""
    stem, suffix = os.path.splitext(name.lower())  # noqa: PTH122
    if suffix in _TAR_SUFFIXES:
        return "tar", COMPRESSIONS[_TAR_SUFFIXES[suffix]]
    compression = COMPRESSIONS.get(suffix)
    if compression is not None:
        suffix = os.path.splitext(stem)[1]  # noqa: PTH122
    return _SUFFIXES.get(suffix), compression


def is_bare_compression(name: str) -> bool:
    """Whether a name promises a compression and nothing else: `part-00000.gz`."""
    stem, suffix = os.path.splitext(name.lower())  # noqa: PTH122
    return suffix in COMPRESSIONS and not os.path.splitext(stem)[1]  # noqa: PTH122


def can_be_compressed(kind: str) -> bool:
    """Whether files of a format are read through a compression."""
    return kind not in _TABLES


def is_named_only(name: str) -> bool:
    """Whether a folder leaves such a file out: plain `.json` is more often a description than text."""
    return name.lower().endswith(".json")


def other_compression_of(head: bytes) -> str | None:
    """The name of a compression that pypack does not read."""
    return next((name for magic, name in _OTHER_COMPRESSIONS.items() if head.startswith(magic)), None)


def kind_by_content(path: str, kind: str | None, compression: str | None) -> tuple[str | None, str | None]:
    """What a file holds whose name promises `kind` and `compression`: its first bytes decide.

    Bytes that say nothing leave it with the name's word; so does a file that cannot be opened, of which
    reading says why.
    """
    try:
        with Path(path).open("rb", buffering=0) as file:
            head = file.read(HEAD_BYTES)
            if head.startswith((b"PAR1", b"ARROW1")):
                magic, found = (b"PAR1", "parquet") if head.startswith(b"PAR1") else (b"ARROW1", "arrow")
                if kind in _TABLES:
                    return found, None
                # A text may begin with these letters, too; that it also ends with them tells a table.
                file.seek(-min(len(magic), os.fstat(file.fileno()).st_size), os.SEEK_END)
                return (found, None) if file.read() == magic else (kind, compression)
    except OSError:
        return kind, compression
    return _kind_of_text(path, head, kind, compression, lambda packed: peek(path, packed, HEAD_BYTES))


def kind_by_head(
    name: str, head: bytes, kind: str | None, compression: str | None
) -> tuple[str | None, str | None]:
    """The same by the first bytes alone, of an object: a table is known by its name there."""
    if head.startswith((b"PAR1", b"ARROW1")) and kind in _TABLES:
        return ("parquet" if head.startswith(b"PAR1") else "arrow"), None

    def unpacked(packed: str) -> bytes:
        try:
            return first_unpacked(io.BytesIO(head), packed, HEAD_BYTES)
        except ImportError:
            return b""

    return _kind_of_text(name, head[:HEAD_BYTES], kind, compression, unpacked)


def _kind_of_text(
    path: str, head: bytes, kind: str | None, compression: str | None, unpacked: Callable[[str], bytes]
) -> tuple[str | None, str | None]:
    """What a file holds that is no table."""
    if kind in _TABLES:
        return kind, compression
    compression = compression_of(head) or compression
    return _inside(path, head, kind, compression, unpacked), compression


def _inside(
    path: str, head: bytes, kind: str | None, compression: str | None, unpacked: Callable[[str], bytes]
) -> str | None:
    """What the uncompressed bytes say."""
    if compression is not None:
        # A block of bzip2 takes some 50 ms to begin with, so that its name is believed where it may be.
        if kind is not None and (kind != "json_lines" or (compression == "bzip2" and ".json." not in path)):
            return kind
        head = unpacked(compression)
    if kind in (None, "json_lines", "text") and is_tar(head):
        return "tar"
    text = head.removeprefix(_MARK).lstrip()
    if kind == "json_lines":
        return "json_array" if _ARRAY.match(head.removeprefix(_MARK)) else kind
    if kind is not None:
        return kind
    if text.startswith(b"{"):
        return "json_lines"
    if _ARRAY.match(head.removeprefix(_MARK)) and text:
        return "json_array"
    if head.startswith(b"WARC/1."):
        return "warc"
    return "page" if text[:14].lower().startswith((b"<!doctype html", b"<html")) else None


def is_tar(head: bytes) -> bool:
    """Whether a file begins with the header of a tar archive, whose checksum is right."""
    if len(head) < tarfile.BLOCKSIZE or not head.strip(b"\0"):
        return False
    try:
        tarfile.TarInfo.frombuf(head[: tarfile.BLOCKSIZE], "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def is_output(folder: str) -> bool:
    """Whether a folder is a store or plan, finished or not: by what its files say, not by their names."""
    return any(_begins_as_ours(Path(folder) / mark) for mark in OUTPUT_MARKS)


def begins_as_output(head: bytes) -> bool:
    """Whether a file of one of the names `OUTPUT_MARKS` says that its folder is an output of pypack."""
    return _OUTPUT_HEAD.match(head) is not None


def _begins_as_ours(path: Path) -> bool:
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return begins_as_output(file.read(256))
    except OSError:
        return False
