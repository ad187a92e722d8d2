"""Checksums of files: what they are called, how they are made, and whether a file still has its own.

Two kinds. `sha256:` of a whole file; and, for what is large, `crc32c-8m:`, the CRC-32C (RFC 3720) of each 8
MiB of the file, eight hexadecimal digits a piece: a fifth of the cost, and a part that was fetched alone can
be checked alone. Both find what disks and networks change by accident; neither is a seal, since whoever may
write a store may write its `store.json`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from pypack import _core
from pypack._common.files import require_regular

BLOCK_BYTES = 8 << 20
SMALL_BLOCK_BYTES = 128 << 10
_WHOLE = "sha256:"
_BLOCK_KIND = re.compile(r"crc32c-(\d{1,4})([km]):((?:[0-9a-f]{8})*)")
_CHUNK = 1 << 20


class BlockChecksum:
    """The checksum of blocks of bytes that come piece by piece; of 8 MiB each, if nothing else is said."""

    def __init__(self, block_bytes: int = BLOCK_BYTES) -> None:
        self._block_bytes = block_bytes
        self._finished: list[int] = []
        self._value = 0
        self._room = block_bytes

    def update(self, data: bytes | memoryview) -> None:
        """Adds bytes."""
        rest = memoryview(data).cast("B") if len(data) else memoryview(b"")
        while rest:
            piece = rest[: self._room]
            rest = rest[len(piece) :]
            self._value = _core.crc32c(piece, self._value)
            self._room -= len(piece)
            if self._room == 0:
                self._finished.append(self._value)
                self._value, self._room = 0, self._block_bytes

    def of_larger_blocks(self, block_bytes: int = BLOCK_BYTES) -> str:
        """The checksum of the same bytes in blocks of so many, a multiple of these; nothing is read again."""
        if block_bytes % self._block_bytes:
            raise ValueError(f"blocks of {block_bytes} bytes are not made of blocks of {self._block_bytes}")
        together = block_bytes // self._block_bytes
        last = self._block_bytes - self._room
        values = self._values()
        joined = []
        for i in range(0, len(values), together):
            value = values[i]
            for j, more in enumerate(values[i + 1 : i + together], i + 1):
                value = _core.crc32c_join(value, more, self._block_bytes if j < len(self._finished) else last)
            joined.append(value)
        return _spelled(block_bytes, joined)

    def _values(self) -> list[int]:
        return self._finished if self._room == self._block_bytes else [*self._finished, self._value]

    def __str__(self) -> str:
        return _spelled(self._block_bytes, self._values())


def _spelled(block_bytes: int, values: Iterable[int]) -> str:
    mebi = block_bytes % (1 << 20) == 0
    kind = f"crc32c-{block_bytes >> 20}m:" if mebi else f"crc32c-{block_bytes >> 10}k:"
    return kind + "".join(f"{value:08x}" for value in values)


def has_block_sums(recorded: str | None) -> bool:
    """Whether a checksum is of blocks of a file, so that a part of it can be checked alone."""
    return recorded is not None and _BLOCK_KIND.fullmatch(recorded) is not None


def block_bytes_of(recorded: str) -> int:
    """Bytes of a block of a checksum of blocks.

    Raises:
        ValueError: it is none, or its blocks are no power of two from 4 KiB to 8 MiB.
    """
    found = _BLOCK_KIND.fullmatch(recorded)
    size = 0 if found is None else int(found[1]) << (10 if found[2] == "k" else 20)
    if size.bit_count() != 1 or not 4096 <= size <= BLOCK_BYTES:
        raise ValueError(f"{recorded[:40]!r} is no checksum of blocks that this pypack knows")
    return size


def block_sums(recorded: str) -> list[int]:
    """The CRC-32C of each block of a checksum of blocks."""
    block_bytes_of(recorded)
    digits = recorded.partition(":")[2]
    return [int(digits[i : i + 8], 16) for i in range(0, len(digits), 8)]


def checksum_of(data: bytes | memoryview, block_bytes: int = BLOCK_BYTES) -> str:
    """The checksum of blocks of bytes, `crc32c-8m:` if nothing else is said."""
    found = BlockChecksum(block_bytes)
    found.update(data)
    return str(found)


def block_checksum(path: Path, block_bytes: int = BLOCK_BYTES) -> str:
    """The checksum of blocks of a file, `crc32c-8m:` if nothing else is said."""
    found = BlockChecksum(block_bytes)
    for chunk in _chunks(path):
        found.update(chunk)
    return str(found)


def checksum(path: Path) -> str:
    """`sha256:<hex>` of a file, as `sha256sum` prints it."""
    digest = hashlib.sha256()
    for chunk in _chunks(path):
        digest.update(chunk)
    return f"{_WHOLE}{digest.hexdigest()}"


def check_checksum(path: Path, recorded: str) -> None:
    """Raises ValueError if a file does not have its recorded checksum; the message names both, and the place.

    Raises:
        ValueError: also where the checksum is of no kind that this pypack knows.
    """
    if recorded.startswith(_WHOLE):
        changed = checksum(path) != recorded
        place = ""
    elif has_block_sums(recorded):
        size = block_bytes_of(recorded)
        found = block_checksum(path, size)
        changed = found != recorded
        where = _first_difference(found, recorded, size)
        what = "8 MiB" if size == BLOCK_BYTES else f"{size:,} bytes"
        place = f" in the {what} from byte {where:,} on" if changed else ""
    else:
        raise ValueError(
            f"{path}: its checksum, {recorded[:40]!r}, is of a kind that this pypack does not know"
        )
    if changed:
        raise ValueError(f"{path}: its checksum is not the recorded one{place}: the file has changed")


def _first_difference(found: str, recorded: str, block_bytes: int) -> int:
    """The first byte of the first block that differs."""
    digits = next(
        (i for i, (a, b) in enumerate(zip(found, recorded, strict=False)) if a != b),
        min(len(found), len(recorded)),
    )
    return (digits - len(recorded.partition(":")[0]) - 1) // 8 * block_bytes


def _chunks(path: Path) -> Iterator[memoryview]:
    require_regular(path)
    room = bytearray(_CHUNK)
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(room):
            yield memoryview(room)[:count]
