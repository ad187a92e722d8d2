"""Blocks of whole lines of a byte stream, split on b"\\n" and on nothing else."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

from pypack.corpus.bytes import BOM, ByteSource

__all__ = ["BOM", "TooLong", "line_blocks", "split_lines"]

# Most files are small: the first block of each is short, and the others grow to what was asked for.
_FIRST_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class TooLong:
    """Stands for a line above the limit that was not held in memory; `length` is in bytes, without b"\\n"."""

    length: int


def line_blocks(
    source: ByteSource, max_line_bytes: int, block_bytes: int
) -> Generator[memoryview | TooLong, None, None]:
    """Yields the input in blocks of whole lines, of up to `block_bytes` where lines are no longer than that.

    A block lies in a buffer that the next one is read into. Documents hold U+2028, U+0085 and lone carriage
    returns, so that splitlines() would cut them. A last line without b"\\n" counts. Only a line longer than
    the buffer becomes a TooLong: the reader of a block checks the length of the lines in it.
    """
    buffer = bytearray(min(block_bytes, _FIRST_BYTES))
    held = 0  # bytes of an unfinished line, at the buffer's start
    lost = 0  # bytes of an unfinished line that is too long and was let go
    while count := source.readinto(memoryview(buffer)[held:]):
        end = held + count
        begin, cut = 0, buffer.rfind(b"\n", held, end) + 1
        if lost and cut:
            begin = buffer.index(b"\n") + 1
            yield TooLong(lost + begin - 1)
            lost = 0
        if begin < cut:
            yield memoryview(buffer)[begin:cut]
        held = end - cut
        if lost or held > max_line_bytes:
            lost, held = lost + held, 0
        size = _next_size(len(buffer), end, held, block_bytes)
        room = buffer if size == len(buffer) else bytearray(size)
        room[:held] = memoryview(buffer)[cut : cut + held]
        buffer = room
    if lost:
        yield TooLong(lost)
    elif held:
        yield memoryview(buffer)[:held]


def _next_size(size: int, filled: int, held: int, block_bytes: int) -> int:
    """Bytes of the next buffer: twice as many while blocks or a long line want them, later fewer again."""
    if filled == size and size < max(block_bytes, 2 * held):
        return 2 * size
    return min(size, max(block_bytes, 2 * held))


def split_lines(block: bytes) -> list[bytes]:
    """The lines of a block without their b"\\n"."""
    lines = block.split(b"\n")
    if not lines[-1]:
        lines.pop()
    return lines
