"""Blocks of lines, parsed, on their way into batches: what all line formats share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pypack.corpus.batch import BatchBuilder, DocumentBatch, Position
from pypack.corpus.bytes import ByteSource
from pypack.corpus.errors import Reject
from pypack.corpus.inputs import InputFile
from pypack.corpus.lines import BOM, TooLong, line_blocks
from pypack.corpus.options import ReadOptions
from pypack.corpus.piece import first_line_start

if TYPE_CHECKING:
    import pyarrow as pa

Fault: TypeAlias = tuple[str, str]  # kind and reason of a Reject
_NEWLINE = ord("\n")


@dataclass(slots=True)
class Block:
    """The documents and faults of one block of lines.

    Attributes:
        texts: the D documents.
        lines: int64 [D], number of the document's line in the block.
        ends: int64 [D], place in the block behind the line.
        columns: D values of each kept field.
        faults: (line, place of its first byte, fault) of the lines that are refused.
        blank_lines: lines passed over.
        num_lines: all lines; D + faults + blank lines.
    """

    texts: list[str] | pa.Array
    lines: NDArray[np.int64]
    ends: NDArray[np.int64]
    columns: dict[str, list[Any]]
    faults: list[tuple[int, int, Fault]]
    blank_lines: int
    num_lines: int

    def add_fault(self, line: int, begin: int, fault: Fault | None) -> None:
        """Takes a line that is no document; None says that it is blank."""
        if fault is None:
            self.blank_lines += 1
        else:
            self.faults.append((line, begin, fault))


def read_blocks(
    file: InputFile,
    index: int,
    start: Position,
    builder: BatchBuilder,
    parse: Callable[[memoryview], Block],
    options: ReadOptions,
) -> Iterator[DocumentBatch]:
    """Adds what `parse` makes of the blocks of a file to `builder`, and yields each batch that gets full."""
    if file.end is not None and start.offset < file.begin:
        start = Position(index, 0, first_line_start(file.location, file.begin, file.end))
        builder.reached = (start.record, start.offset)
    with closing(ByteSource(file, start.offset, options.stream_mark)) as source:
        yield from _read_blocks(source, file, index, start, builder, parse, options)


def _read_blocks(
    source: ByteSource,
    file: InputFile,
    index: int,
    start: Position,
    builder: BatchBuilder,
    parse: Callable[[memoryview], Block],
    options: ReadOptions,
) -> Iterator[DocumentBatch]:
    number, offset = start.record, start.offset
    seen_on_disk = 0
    max_line_bytes = options.max_document_bytes
    # One block is one batch: nothing is joined then.
    for data in line_blocks(source, max_line_bytes, options.batch_bytes):
        builder.in_stream(source.stream_hash, offset)
        if isinstance(data, TooLong):
            reason = f"the line has {data.length} bytes, the limit is {max_line_bytes}"
            builder.reject(Reject(file.path, index, number, "line", offset, "too_long", reason))
            size, lines = data.length + 1, 1
        else:
            marked = offset == 0 and data[: len(BOM)] == BOM
            block = parse(data[len(BOM) :] if marked else data)
            base = offset + (len(BOM) if marked else 0)
            for line, begin, fault in block.faults:
                builder.reject(Reject(file.path, index, number + line, "line", base + begin, *fault))
            builder.add(index, block.texts, number + block.lines, base + block.ends, block.columns)
            builder.blank_lines += block.blank_lines
            # A last line without b"\n" counts as if it had one.
            size, lines = len(data) + (data[-1] != _NEWLINE), block.num_lines
        number += lines
        offset += size
        builder.input_bytes += size
        builder.disk_bytes += source.disk_bytes - seen_on_disk
        seen_on_disk = source.disk_bytes
        builder.reached = (number, offset)
        if builder.full:
            yield builder.take()
