"""Blocks of lines, parsed, on their way into batches: what all line formats share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pypack._common.words import counted
from pypack.corpus.batch import BatchBuilder, DocumentBatch, Position
from pypack.corpus.bytes import BOM, ByteSource
from pypack.corpus.errors import Reject
from pypack.corpus.inputs import InputFile
from pypack.corpus.json_array import new_source
from pypack.corpus.lines import TooLong, line_blocks
from pypack.corpus.options import ReadOptions
from pypack.corpus.piece import first_line_start

if TYPE_CHECKING:
    import pyarrow as pa

Fault: TypeAlias = tuple[str, str]  # kind and reason of a Reject
_NEWLINE = ord("\n")
# A fault takes a thousand times the memory of the three bytes that it may come of: a block with more of them
# is parsed in parts.
_MOST_FAULTS = 1 << 14


class DenseFaultsError(Exception):
    """A block has too many faults to be held at once; how many bytes there are to each of them."""

    def __init__(self, bytes_per_fault: float) -> None:
        super().__init__(bytes_per_fault)
        self.bytes_per_fault = bytes_per_fault


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
        """Takes a line that is no document; None says that it is blank.

        Raises:
            DenseFaultsError: there are too many.
        """
        if fault is None:
            self.blank_lines += 1
            return
        require_few(len(self.faults), begin)
        self.faults.append((line, begin, fault))


def require_few(faults: int, size: int) -> None:
    """Raises DenseFaultsError for more faults in so many bytes than may be held at once."""
    if faults >= _MOST_FAULTS:
        raise DenseFaultsError(size / faults)


def _parsed(data: memoryview, parse: Callable[[memoryview], Block]) -> Iterator[tuple[memoryview, Block]]:
    """A block of lines and what it holds; or parts of it, where it has many faults."""
    try:
        block = parse(data)
    except DenseFaultsError as dense:
        most = max(1, int(dense.bytes_per_fault * _MOST_FAULTS / 2))
    else:
        yield data, block
        return
    begin = 0
    while begin < len(data):
        end = begin + most
        newline = bytes(data[begin:end]).rfind(b"\n")
        if newline < 0:  # a line that is longer
            rest = bytes(data[end:]).find(b"\n")
            end = len(data) if rest < 0 else end + rest + 1
        else:
            end = begin + newline + 1
        yield from _parsed(data[begin:end], parse)
        begin = end


def read_blocks(
    file: InputFile,
    index: int,
    start: Position,
    builder: BatchBuilder,
    parse: Callable[[memoryview], Block],
    options: ReadOptions,
) -> Iterator[DocumentBatch]:
    """Adds what `parse` makes of the blocks of a file, or of the elements of a JSON array, to `builder`, and
    yields each batch that gets full."""
    if file.end is not None and start.offset < file.begin:
        start = Position(index, 0, first_line_start(file, file.begin, file.end))
        builder.reached = (start.record, start.offset)
    with closing(new_source(file, start.offset, options.stream_mark)) as source:
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
            reason = f"the line has {counted(data.length, 'byte')}, the limit is {max_line_bytes}"
            builder.reject(Reject(file.path, index, number, file.unit, offset, "too_long", reason))
            parts: Iterator[tuple[memoryview | TooLong, Block | None]] = iter([(data, None)])
        else:
            marked = len(BOM) if offset == 0 and data[: len(BOM)] == BOM else 0
            offset += marked
            builder.input_bytes += marked
            parts = iter(_parsed(data[marked:], parse)) if len(data) > marked else iter(())
        for part, block in parts:
            if isinstance(part, TooLong) or block is None:
                assert isinstance(part, TooLong)
                size, lines = part.length + 1, 1
            else:
                for line, begin, fault in block.faults:
                    builder.reject(Reject(file.path, index, number + line, file.unit, offset + begin, *fault))
                builder.add(index, block.texts, number + block.lines, offset + block.ends, block.columns)
                builder.blank_lines += block.blank_lines
                # A last line without b"\n" counts as if it had one.
                size, lines = len(part) + (part[-1] != _NEWLINE), block.num_lines
            number += lines
            offset += size
            builder.input_bytes += size
            builder.disk_bytes += source.disk_bytes - seen_on_disk
            seen_on_disk = source.disk_bytes
            builder.reached = (number, offset)
            if builder.full:
                yield builder.take()
                builder.in_stream(source.stream_hash, offset)
