"""Archives of samples, as webdataset has them: members of one key are one record."""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from pypack._common.words import counted
from pypack.corpus.batch import BatchBuilder, DocumentBatch, Position
from pypack.corpus.block import Fault
from pypack.corpus.bytes import BOM, ByteSource, SourceStream
from pypack.corpus.errors import DamagedInputError
from pypack.corpus.inputs import InputFile
from pypack.corpus.lenient_json import parse_json, parsed_exactly
from pypack.corpus.options import ReadOptions
from pypack.corpus.record_reader import FoundRecord, add_records

# The key ends at the first dot of the member's own name, what is behind it is the kind.
_NAME = re.compile(r"((?:.*/)?[^./][^./]*)\.([^/]+)")
KEY = "__key__"
# Kinds of members that are texts; the first that a sample has is its field `text`.
_TEXTS = ("txt", "text", "md", "markdown", "html", "htm")


def read_tar(
    file: InputFile, index: int, start: Position, builder: BatchBuilder, options: ReadOptions
) -> Iterator[DocumentBatch]:
    """Adds the samples of a tar archive as documents.

    A sample is a run of members of one key (`0001.txt`, `0001.json`). Its fields are those of its `json`, and
    its texts (`txt`, `md`, `html`, and whatever member `field` and `keep` name) under their kinds; the first
    text is `text`, too, and `__key__` the key. Other members are passed over.

    Raises:
        DamagedInputError: the archive is damaged, or cut; what stood before that has been added.
    """
    wanted = {*_TEXTS, *options.text.names, *options.keep}
    with closing(ByteSource(file, start.offset, options.stream_mark)) as source:
        samples = _samples(source, start.offset, wanted, options.max_document_bytes)
        yield from add_records(samples, source, file, index, start, builder, options)


class _Header(tarfile.TarInfo):
    """A header that tells a file which ends without the mark of its end from a whole one."""

    @classmethod
    def fromtarfile(cls, tar: tarfile.TarFile) -> _Header:
        try:
            return super().fromtarfile(tar)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise
        except tarfile.EmptyHeaderError:  # type: ignore[attr-defined]
            raise DamagedInputError("damaged_file", "cut off: the tar archive has no end mark") from None
        except tarfile.HeaderError as error:  # which the library would take for the end
            raise DamagedInputError("damaged_file", f"damaged tar archive: {error}") from None


class _Sample:
    """The members of one key."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.kinds: list[str] = []
        self.fields: dict[str, Any] = {}
        self.json: Any = None
        self.fault: Fault | None = None
        self.size = 0
        self.is_strict = True

    def add(self, kind: str, data: bytes) -> None:
        """Takes a member that holds text."""
        self.size += len(data)
        if kind == "json":
            try:
                value, self.is_strict = parse_json(data.removeprefix(BOM))
            except ValueError as error:
                self.fault = ("bad_json", f"the member {self.key}.json is not JSON: {error}")
                return
            self.json = parsed_exactly(data, value)
            return
        try:
            self.fields[kind] = data.removeprefix(BOM).decode("utf-8")
        except UnicodeDecodeError as error:
            what = f"invalid UTF-8 at byte {error.start} of the member {self.key}.{kind} ({error.reason})"
            self.fault = ("invalid_utf8", what)

    def found(self, end: int) -> FoundRecord:
        """The sample as a record."""
        if self.fault is not None:
            return FoundRecord(self.fault, end, self.size)
        record: dict[str, Any] = {KEY: self.key}
        if self.json is not None:
            record |= (self.json if isinstance(self.json, dict) else {}) | {"json": self.json}
        texts = [self.fields[kind] for kind in _TEXTS if kind in self.fields]
        record |= self.fields | ({"text": texts[0]} if texts else {})
        if len(record) == 1:
            kinds = ", ".join(self.kinds) or "none"
            what = f"the sample {self.key!r} has no text: its members are {kinds}"
            return FoundRecord(("missing_text", what), end, self.size)
        return FoundRecord(record, end, self.size, self.is_strict)


def _samples(source: ByteSource, begin: int, wanted: set[str], limit: int) -> Iterator[FoundRecord]:
    sample: _Sample | None = None
    try:
        stream = io.BufferedReader(SourceStream(source), 1 << 18)
        if begin == 0 and not stream.peek(1):
            raise DamagedInputError("damaged_file", "empty file: not a tar archive")
        with tarfile.open(fileobj=stream, mode="r|", tarinfo=_Header) as tar:
            for member in tar:
                tar.members = []  # type: ignore[attr-defined]  # which it would keep for ever
                if not member.isfile():
                    continue
                parts = _NAME.fullmatch(member.name)
                key, kind = (parts[1], parts[2].lower()) if parts is not None else (member.name, "")
                if sample is None or key != sample.key:
                    if sample is not None:
                        yield sample.found(begin + member.offset)
                    sample = _Sample(key)
                sample.kinds.append(kind)
                if kind != "json" and kind not in wanted:
                    continue
                if sample.size + member.size > limit:
                    most = counted(limit, "byte")
                    what = f"the sample {key!r} has more than {most}, the limit for one document"
                    sample.fault = ("too_long", what)
                    continue
                content = tar.extractfile(member)
                assert content is not None
                data = content.read()
                if len(data) < member.size:
                    raise DamagedInputError("damaged_file", f"cut off inside its member {member.name}")
                sample.add(kind, data)
            if sample is not None:
                yield sample.found(begin + tar.offset)
    except tarfile.TarError as error:
        raise DamagedInputError("damaged_file", f"damaged tar archive: {error}") from None
