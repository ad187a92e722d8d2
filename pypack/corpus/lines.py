"""Blocks of whole lines of a byte stream, split on b"\\n" and on nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class TooLong:
    """Stands for a line above the limit that was not held in memory; `length` is in bytes, without b"\\n"."""

    length: int


def line_blocks(chunks: Iterable[bytes], max_line_bytes: int) -> Iterator[bytes | TooLong]:
    """Yields the stream in blocks that end with a line, each about as long as the chunks.

    Documents hold U+2028, U+0085 and lone carriage returns, so that splitlines() would cut them. A last line
    without b"\\n" counts. Only a line longer than a chunk becomes a TooLong: the reader of a block checks the
    length of the lines in it.
    """
    pieces: list[bytes] = []  # of the line that goes on; joined once, so that a long line costs linear time
    held = 0
    for chunk in chunks:
        cut = chunk.rfind(b"\n") + 1
        if cut and held > max_line_bytes:
            rest = chunk.index(b"\n")
            yield TooLong(held + rest)
            pieces.clear()
            chunk, cut = chunk[rest + 1 :], cut - rest - 1
            held = 0
        if cut:
            pieces.append(chunk[:cut])
            yield b"".join(pieces)
            pieces.clear()
            held = 0
        pieces.append(chunk[cut:])
        held += len(chunk) - cut
        if held > max_line_bytes:
            pieces.clear()
    if held:
        yield b"".join(pieces) if held <= max_line_bytes else TooLong(held)


def split_lines(block: bytes) -> list[bytes]:
    """The lines of a block without their b"\\n"."""
    lines = block.split(b"\n")
    if not lines[-1]:
        lines.pop()
    return lines
