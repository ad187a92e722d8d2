"""Text files to documents: one a file, or one a line."""

from __future__ import annotations

from collections.abc import Iterator

from pypack.corpus.batch import BatchBuilder, DocumentBatch, Position
from pypack.corpus.bytes import ByteSource
from pypack.corpus.errors import Reject
from pypack.corpus.inputs import InputFile
from pypack.corpus.lines import BOM, TooLong, line_blocks


def read_text_file(
    file: InputFile, index: int, start: Position, builder: BatchBuilder, *, max_document_bytes: int
) -> Iterator[DocumentBatch]:
    """Adds the whole file as one document, exactly as it stands (line ends too) but for a byte order mark.

    Raises:
        DamagedInputError: the file cannot be read to its end: nothing of it is added.
    """
    if start.record > 0:
        return
    source = ByteSource(file)
    pieces: list[bytes] = []
    size = 0
    for chunk in source:
        size += len(chunk)
        if size > max_document_bytes:
            pieces.clear()
        else:
            pieces.append(chunk)
    builder.input_bytes += size
    builder.disk_bytes += source.disk_bytes
    if size > max_document_bytes:
        reason = f"the text has {size} bytes, the limit for one document is {max_document_bytes}"
        builder.reject(Reject(file.path, index, 0, "line", 0, "too_long", reason))
    else:
        data = b"".join(pieces)
        try:
            _add(builder, data.removeprefix(BOM).decode("utf-8"), index, 0, 0)
        except UnicodeDecodeError as error:
            reason = f"invalid UTF-8 at byte {error.start} ({error.reason})"
            builder.reject(Reject(file.path, index, 0, "line", 0, "invalid_utf8", reason))
    if builder.full:
        yield builder.take()


def read_text_lines(
    file: InputFile, index: int, start: Position, builder: BatchBuilder, *, max_document_bytes: int
) -> Iterator[DocumentBatch]:
    """Adds each line (without its line end, b"\\n" or b"\\r\\n") as a document; empty lines are passed over.

    Raises:
        DamagedInputError: the file ends in damage; what stood before it has been added.
    """
    source = ByteSource(file, start.offset)
    number, offset = start.record, start.offset
    seen_on_disk = 0
    for lines in line_blocks(source, max_document_bytes):
        if offset == 0 and lines[0].startswith(BOM):
            lines[0] = lines[0][len(BOM) :]
            offset = len(BOM)
        block_start = offset
        for line in lines:
            end = offset + (line.length if isinstance(line, TooLong) else len(line)) + 1
            content = line.removesuffix(b"\r")
            if isinstance(line, TooLong):
                reason = f"the line has {line.length} bytes, the limit is {max_document_bytes}"
                builder.reject(Reject(file.path, index, number, "line", offset, "too_long", reason))
            elif content:
                try:
                    _add(builder, content.decode("utf-8"), index, number, end)
                except UnicodeDecodeError as error:
                    reason = f"invalid UTF-8 at byte {error.start} of the line ({error.reason})"
                    builder.reject(Reject(file.path, index, number, "line", offset, "invalid_utf8", reason))
            else:
                builder.blank_lines += 1
            number += 1
            offset = end
        builder.input_bytes += offset - block_start
        builder.disk_bytes += source.disk_bytes - seen_on_disk
        seen_on_disk = source.disk_bytes
        builder.reached = (number, offset)
        if builder.full:
            yield builder.take()


def _add(builder: BatchBuilder, text: str, index: int, number: int, end: int) -> None:
    builder.texts.append(text)
    builder.files.append(index)
    builder.records.append(number)
    builder.ends.append(end)
    for column in builder.columns:
        column.append(None)  # text files have no fields
