"""Lines of a byte stream, split on b"\\n" and on nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

BOM = b"\xef\xbb\xbf"


class TooLong(bytes):
    """Stands for a line above the limit: empty, it only knows how long the line was."""

    length: int

    def __new__(cls, length: int) -> TooLong:
        self = super().__new__(cls)
        self.length = length
        return self


def line_blocks(chunks: Iterable[bytes], max_line_bytes: int) -> Iterator[list[bytes]]:
    """Yields the lines of a stream without their b"\\n", block by block.

    Documents hold U+2028, U+0085 and lone carriage returns, so that splitlines() would cut them. A last line
    without b"\\n" counts; a line above `max_line_bytes` becomes a TooLong and is never held in memory.
    """
    pieces: list[bytes] = []  # of the line that goes on; joined once, so that a long line costs linear time
    held = 0
    for chunk in chunks:
        lines = chunk.split(b"\n")
        held += len(lines[0])
        pieces.append(lines[0])
        if len(lines) == 1:
            if held > max_line_bytes:
                pieces.clear()
            continue
        lines[0] = b"".join(pieces) if held <= max_line_bytes else TooLong(held)
        last = lines.pop()
        pieces, held = [last], len(last)
        if len(chunk) > max_line_bytes:  # otherwise no line inside the chunk can be too long
            lines = [TooLong(len(line)) if len(line) > max_line_bytes else line for line in lines]
        yield lines
    if held:
        yield [b"".join(pieces) if held <= max_line_bytes else TooLong(held)]
