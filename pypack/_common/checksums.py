"""Checksums of files: what they are called, how they are made, and whether a file still has its own.

Two kinds. `sha256:` of a whole file; and, for what is large, `crc32c-8m:`, the CRC-32C (RFC 3720) of each 8
MiB of the file, eight hexadecimal digits a piece: a fifth of the cost, and a part that was fetched alone can
be checked alone. Both find what disks and networks change by accident; neither is a seal, since whoever may
write a store may write its `store.json`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from pypack import _core
from pypack._common.files import require_regular

BLOCK_BYTES = 8 << 20
_BLOCKS, _WHOLE = "crc32c-8m:", "sha256:"
_CHUNK = 1 << 20


class BlockChecksum:
    """The `crc32c-8m:` checksum of bytes that come piece by piece."""

    def __init__(self) -> None:
        self._finished: list[str] = []
        self._value = 0
        self._room = BLOCK_BYTES

    def update(self, data: bytes | memoryview) -> None:
        """Adds bytes."""
        rest = memoryview(data).cast("B") if len(data) else memoryview(b"")
        while rest:
            piece = rest[: self._room]
            rest = rest[len(piece) :]
            self._value = _core.crc32c(piece, self._value)
            self._room -= len(piece)
            if self._room == 0:
                self._finished.append(f"{self._value:08x}")
                self._value, self._room = 0, BLOCK_BYTES

    def __str__(self) -> str:
        last = [] if self._room == BLOCK_BYTES else [f"{self._value:08x}"]
        return _BLOCKS + "".join(self._finished + last)


def checksum_of(data: bytes) -> str:
    """The `crc32c-8m:` checksum of bytes."""
    found = BlockChecksum()
    found.update(data)
    return str(found)


def block_checksum(path: Path) -> str:
    """The `crc32c-8m:` checksum of a file."""
    found = BlockChecksum()
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
    elif recorded.startswith(_BLOCKS):
        found = block_checksum(path)
        changed = found != recorded
        place = f" in the 8 MiB from byte {_first_difference(found, recorded):,} on" if changed else ""
    else:
        raise ValueError(
            f"{path}: its checksum, {recorded[:40]!r}, is of a kind that this pypack does not know"
        )
    if changed:
        raise ValueError(f"{path}: its checksum is not the recorded one{place}: the file has changed")


def _first_difference(found: str, recorded: str) -> int:
    """The first byte of the first block that differs."""
    digits = next(
        (i for i, (a, b) in enumerate(zip(found, recorded, strict=False)) if a != b),
        min(len(found), len(recorded)),
    )
    return (digits - len(_BLOCKS)) // 8 * BLOCK_BYTES


def _chunks(path: Path) -> Iterator[memoryview]:
    require_regular(path)
    room = bytearray(_CHUNK)
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(room):
            yield memoryview(room)[:count]
