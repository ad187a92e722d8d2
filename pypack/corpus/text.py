"""Text files to documents: one a file, or one a line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson

from pypack._common.words import counted
from pypack.corpus.batch import BatchBuilder, DocumentBatch, Position
from pypack.corpus.block import Block, read_blocks
from pypack.corpus.bytes import BOM, ByteSource
from pypack.corpus.errors import Reject
from pypack.corpus.inputs import InputFile
from pypack.corpus.lines import split_lines
from pypack.corpus.options import ReadOptions


def read_text_file(
    file: InputFile, index: int, start: Position, builder: BatchBuilder, options: ReadOptions
) -> Iterator[DocumentBatch]:
    """Adds the whole file as one document, exactly as it stands (line ends too) but for the byte order mark
    that it, or a compressed member of it, begins with.

    Raises:
        DamagedInputError: the file cannot be read to its end: nothing of it is added.
    """
    if start.record > 0:
        return
    limit = options.max_document_bytes
    source = ByteSource(file, drops_marks=True)
    pieces: list[bytes] = []
    size = 0
    for chunk in source:
        size += len(chunk)
        if size > limit:
            pieces.clear()
        else:
            pieces.append(chunk)
    builder.input_bytes += size
    builder.disk_bytes += source.disk_bytes
    if size > limit:
        reason = f"the text has {counted(size, 'byte')}, the limit for one document is {limit}"
        builder.reject(Reject(file.path, index, 0, "line", 0, "too_long", reason))
    else:
        data = b"".join(pieces)
        try:
            text = data.removeprefix(BOM).decode("utf-8")
        except UnicodeDecodeError as error:
            reason = f"invalid UTF-8 at byte {error.start} ({error.reason})"
            builder.reject(Reject(file.path, index, 0, "line", 0, "invalid_utf8", reason))
        else:
            builder.add(index, _texts([text], options), np.zeros(1, np.int64), np.zeros(1, np.int64), {})
    if builder.full:
        yield builder.take()


def read_text_lines(
    file: InputFile, index: int, start: Position, builder: BatchBuilder, options: ReadOptions
) -> Iterator[DocumentBatch]:
    """Adds each line (without its line end, b"\\n" or b"\\r\\n") as a document; empty lines are passed over.

    Raises:
        DamagedInputError: the file ends in damage; what stood before it has been added.
    """
    limit = options.max_document_bytes

    def parse(data: bytes | memoryview) -> Block:
        block = _parse(bytes(data), limit)
        assert isinstance(block.texts, list)
        block.texts = _texts(block.texts, options)
        return block

    yield from read_blocks(file, index, start, builder, parse, options)


def _texts(texts: list[str], options: ReadOptions) -> list[Any]:
    """The texts, or where records are wanted those with the text in their field `text`."""
    return [orjson.dumps({"text": text}) for text in texts] if options.record_fields else texts


def _parse(data: bytes, limit: int) -> Block:
    texts: list[str] = []
    lines: list[int] = []
    ends: list[int] = []
    contents = split_lines(data)
    block = Block(texts, np.empty(0, np.int64), np.empty(0, np.int64), {}, [], 0, len(contents))
    offset = 0
    for number, line in enumerate(contents):
        content = line.removesuffix(b"\r").removeprefix(BOM)  # of a file that others were joined to
        if len(line) > limit:
            reason = f"the line has {counted(len(line), 'byte')}, the limit is {limit}"
            block.add_fault(number, offset, ("too_long", reason))
        elif not content:
            block.add_fault(number, offset, None)
        else:
            try:
                texts.append(content.decode("utf-8"))
                lines.append(number)
                ends.append(offset + len(line) + 1)
            except UnicodeDecodeError as error:
                reason = f"invalid UTF-8 at byte {error.start} of the line ({error.reason})"
                block.add_fault(number, offset, ("invalid_utf8", reason))
        offset += len(line) + 1
    block.lines, block.ends = np.array(lines, np.int64), np.array(ends, np.int64)
    return block
