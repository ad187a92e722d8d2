"""WARC files of texts (WET, as Common Crawl publishes them) to documents."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import closing
from typing import BinaryIO

from pypack._common.words import counted
from pypack.corpus.batch import BatchBuilder, DocumentBatch, Position
from pypack.corpus.bytes import ByteSource, SourceStream
from pypack.corpus.errors import DamagedInputError
from pypack.corpus.inputs import InputFile
from pypack.corpus.options import ReadOptions
from pypack.corpus.record_reader import FoundRecord, add_records

_VERSION = b"WARC/"
_MOST_HEADER_BYTES = 1 << 16
_SKIP = 1 << 20
# Short names beside those of the headers.
_NAMES = {"WARC-Target-URI": "url", "WARC-Record-ID": "id", "WARC-Date": "date", "WARC-Type": "type"}
# Records that are about others.
_WITHOUT_TEXT = frozenset({"warcinfo", "request", "metadata", "revisit"})


def read_warc(
    file: InputFile, index: int, start: Position, builder: BatchBuilder, options: ReadOptions
) -> Iterator[DocumentBatch]:
    """Adds the texts of a WARC file: its conversion records, and resources that are plain text.

    The fields of a record are `text`, its headers under their names, and `url`, `id`, `date` and `type`.
    Records about others (warcinfo, request, metadata, revisit) are no documents; a response is a page with
    its markup and headers of HTTP, whose text somebody has to extract first: it is rejected.

    Raises:
        DamagedInputError: the file is damaged, or cut; what stood before that has been added.
    """
    with closing(ByteSource(file, start.offset, options.stream_mark)) as source:
        records = _records(source, start.offset, options.max_document_bytes)
        yield from add_records(records, source, file, index, start, builder, options)


def _records(source: ByteSource, place: int, limit: int) -> Iterator[FoundRecord]:
    stream = io.BufferedReader(SourceStream(source), 1 << 18)
    while True:
        headers, size, blanks = _headers(stream, place)
        if headers is None:
            return
        place += size + blanks
        length = int(headers["Content-Length"])
        kind = headers.get("WARC-Type", "")
        if length > limit or kind in _WITHOUT_TEXT:
            _pass_over(stream, length)
            place += length
            if kind in _WITHOUT_TEXT:
                continue
            what = f"the record has {counted(length, 'byte')}, the limit for one document is {limit}"
            yield FoundRecord(("too_long", what), place, length)
            continue
        data = stream.read(length)
        if len(data) < length:
            raise _cut(headers)
        place += length
        yield _found(headers, kind, data, place)


def _found(headers: dict[str, str], kind: str, data: bytes, place: int) -> FoundRecord:
    content_type = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind != "conversion" and not (kind == "resource" and content_type == "text/plain"):
        what = f"a WARC record of type {kind!r} ({content_type or 'of no type'}), not a text"
        return FoundRecord(("no_text_record", f"{what}: WET files have them extracted"), place, len(data))
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        what = f"invalid UTF-8 at byte {error.start} of the record ({error.reason})"
        return FoundRecord(("invalid_utf8", what), place, len(data))
    short = {_NAMES[name]: value for name, value in headers.items() if name in _NAMES}
    return FoundRecord({**headers, **short, "text": text}, place, len(data))


def _headers(stream: BinaryIO, place: int) -> tuple[dict[str, str] | None, int, int]:
    """(headers by their names, their bytes, bytes of blank lines before them); no headers at the end."""
    blanks = 0
    while (line := stream.readline(_MOST_HEADER_BYTES)).strip() == b"" and line:
        blanks += len(line)
    if not line:
        return None, 0, blanks
    if not line.startswith(_VERSION):
        raise DamagedInputError("damaged_file", f"byte {place + blanks} of the file begins no WARC record")
    headers: dict[str, str] = {}
    size, last = len(line), ""
    while (line := stream.readline(_MOST_HEADER_BYTES)).strip() != b"":
        size += len(line)
        if size > _MOST_HEADER_BYTES:
            raise DamagedInputError("damaged_file", f"headers without end at byte {place + blanks}")
        if line[:1] in b" \t" and last:  # a line that goes on
            headers[last] += " " + line.strip().decode("utf-8", "replace")
            continue
        name, _, value = line.decode("utf-8", "replace").partition(":")
        last = _canonical(name.strip())
        headers[last] = value.strip()
    if not line:
        raise _cut(headers)
    length = headers.get("Content-Length", "")
    if not length.isascii() or not length.isdigit():
        raise DamagedInputError(
            "damaged_file", f"the WARC record at byte {place + blanks} does not say how long it is"
        )
    return headers, size + len(line), blanks


_SPELLED = {name.lower(): name for name in (*_NAMES, "Content-Length", "Content-Type")}


def _canonical(name: str) -> str:
    return _SPELLED.get(name.lower(), name)


def _pass_over(stream: BinaryIO, length: int) -> None:
    while length > 0:
        data = stream.read(min(length, _SKIP))
        if not data:
            raise DamagedInputError("damaged_file", "cut off inside a WARC record")
        length -= len(data)


def _cut(headers: dict[str, str]) -> DamagedInputError:
    which = headers.get("WARC-Target-URI") or headers.get("WARC-Record-ID") or "its last record"
    return DamagedInputError("damaged_file", f"cut off inside the WARC record of {which}")
