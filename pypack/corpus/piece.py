"""Pieces of a file of lines: each has the lines that start in it, so that the pieces of a file share none."""

from __future__ import annotations

from typing import BinaryIO

from pypack.corpus.input_file import InputFile
from pypack.corpus.opening import opened

_CHUNK = 1 << 20


def first_line_start(file: InputFile, begin: int, end: int) -> int:
    """Where the first line begins that starts at byte `begin` or behind it; `end` if none does before it."""
    if begin == 0:
        return 0
    with opened(file, looks=True) as handle:
        place = handle.seek(begin - 1)  # a line starts at `begin` if the byte before it ends one
        while place < end and (chunk := handle.read(_CHUNK)):
            found = chunk.find(b"\n")
            if found >= 0:
                return min(place + found + 1, end)
            place += len(chunk)
    return end


def lines_before(file: InputFile, place: int) -> int:
    """How many lines end before a place in a file."""
    count = 0
    with opened(file) as handle:
        while place > 0 and (chunk := handle.read(min(_CHUNK, place))):
            count += chunk.count(b"\n")
            place -= len(chunk)
    return count


class PieceReader:
    """A file that ends with the line that goes over a place, or that ends there."""

    def __init__(self, file: BinaryIO, place: int, end: int) -> None:
        """`place`: where the file stands, at the start of a line; `end`: no line starts there or behind."""
        self._file = file
        self._place = place
        self._end = end
        self._over = place >= end

    def readinto(self, room: memoryview) -> int:
        """Fills (the beginning of) `room`; returns the bytes put there, 0 at the end."""
        if self._over or not room:
            return 0
        left = self._end - self._place
        count: int = self._file.readinto(room[:left] if left > 0 else room[:_CHUNK])  # type: ignore[attr-defined]
        if left > 0:
            self._over = count == left and room[count - 1] == ord("\n")
        else:
            found = bytes(room[:count]).find(b"\n")  # the end of the last line
            if found >= 0:
                count, self._over = found + 1, True
        self._place += count
        return count

    def read(self, size: int) -> bytes:
        """The next bytes, at most `size`; none at the end."""
        room = bytearray(size)
        return bytes(room[: self.readinto(memoryview(room))])
