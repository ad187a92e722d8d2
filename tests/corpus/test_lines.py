"""Blocks of whole lines: nothing is lost, cut or given twice, however long lines are and blocks may be."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pypack.corpus import lines as lines_module
from pypack.corpus.bytes import ByteSource
from pypack.corpus.inputs import list_inputs
from pypack.corpus.lines import TooLong, line_blocks


class _Memory:
    """What `line_blocks` asks of a ByteSource, of bytes in memory."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)

    def readinto(self, room: memoryview) -> int:
        count = min(len(room), len(self._data))
        room[:count] = self._data[:count]
        self._data = self._data[count:]
        return count


def _gathered(source: Any, max_line_bytes: int, block_bytes: int) -> list[bytes | int]:
    """The lines of all blocks with their line ends, and the length of each line that was let go."""
    found: list[bytes | int] = []
    for block in line_blocks(source, max_line_bytes, block_bytes):
        if isinstance(block, TooLong):
            found.append(block.length)
        else:
            data = bytes(block)
            assert data, "an empty block"
            found.extend(line + b"\n" for line in data.removesuffix(b"\n").split(b"\n"))
    return found


_LENGTHS = st.lists(st.integers(0, 60), max_size=60)


@settings(max_examples=200)
@given(_LENGTHS, st.booleans(), st.integers(1, 80), st.integers(1, 100), st.integers(1, 32))
def test_every_line_comes_once_and_in_order(
    lengths: list[int], ends: bool, max_line_bytes: int, block_bytes: int, first: int
) -> None:
    wanted = [bytes([65 + i % 26]) * length + b"\n" for i, length in enumerate(lengths)]
    data = b"".join(wanted)
    if not ends and data:
        data = data[:-1]
        if wanted[-1] == b"\n":
            wanted.pop()  # what follows the last line end is no line
    old, lines_module._FIRST_BYTES = lines_module._FIRST_BYTES, first
    try:
        found = _gathered(_Memory(data), max_line_bytes, block_bytes)
    finally:
        lines_module._FIRST_BYTES = old
    assert len(found) == len(wanted)
    for line, expected in zip(found, wanted, strict=True):
        if isinstance(line, int):
            assert line == len(expected) - 1 > max_line_bytes
        else:
            assert line == expected


def test_a_long_line_takes_room_only_as_long_as_it_lasts() -> None:
    data = b"a\n" * 40000 + b"x" * (3 << 20) + b"\n" + b"b\n" * (5 << 20)
    sizes = [
        len(block.obj) if isinstance(block, memoryview) else 0  # type: ignore[arg-type]
        for block in line_blocks(_Memory(data), 1 << 30, 1 << 17)  # type: ignore[arg-type]
    ]
    assert max(sizes) >= 3 << 20
    assert sizes[-1] == 1 << 17


def test_readinto_gives_the_bytes_of_every_kind_of_file(tmp_path: Path) -> None:
    data = bytes(range(256)) * 9000
    (tmp_path / "a.txt").write_bytes(data)
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress(data))
    for file in list_inputs([tmp_path]):
        for skip in (0, 1, 70000, len(data)):
            source = ByteSource(file, skip)
            room = bytearray(100_001)
            found = bytearray()
            while count := source.readinto(memoryview(room)):
                assert count == len(room) or source.readinto(memoryview(room)) == 0
                found += room[:count]
            source.close()
            assert found == data[skip:]
