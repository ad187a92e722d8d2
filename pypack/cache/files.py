"""Remote files that are read through a cache: a group of them, those of one store or plan."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from pypack import _core
from pypack._common.checksums import block_bytes_of, block_sums
from pypack._common.files import write_atomically
from pypack.cache.layout import SEGMENT_BYTES, STATES, STATES_MAGIC, boot_id, parts, states_bytes
from pypack.cache.place import Cache
from pypack.remote import RemoteError

_SECONDS_TO_TAKE_OVER = 60.0


@dataclass(frozen=True)
class RemoteFile:
    """One of a group: where it is, its bytes, and the checksum of each of its blocks (`crc32c-8m:...`).

    `read_bytes`: so much of its beginning is what kernels read; None: all.
    """

    url: str
    size: int
    checksum: str
    read_bytes: int | None = None

    @property
    def block_bytes(self) -> int:
        """Bytes of a block."""
        return block_bytes_of(self.checksum)


class RemoteFiles:
    """Files that lie in a cache as far as they were needed. Made by `open`.

    Attributes:
        cache: where.
        core: what the kernels read.
        size: bytes of all.
        block_bytes: of the first two files: of a store, of its `.bin` and its `.idx`.
    """

    def __init__(self, cache: Cache, files: Sequence[RemoteFile], core: _core.CachedFiles) -> None:
        self.cache = cache
        self.core = core
        self.size = sum(file.size for file in files)
        self.block_bytes = [file.block_bytes for file in files[:2]]

    @classmethod
    def open(cls, cache: Cache, files: Sequence[RemoteFile]) -> RemoteFiles:
        """Opens a group of files; nothing is fetched yet.

        Raises:
            ValueError: a checksum is none of blocks, or does not fit the size of its file.
        """
        for file in files:
            check_sums(file)
        about = json.dumps([asdict(file) for file in files]).encode()
        name = hashlib.sha256(about).hexdigest()[:32]
        folder = cache.folder / name
        segments = sum(parts(file.size, SEGMENT_BYTES) for file in files)
        blocks = sum(parts(file.size, file.block_bytes) for file in files)
        if not (folder / "about.json").exists():
            folder.mkdir(mode=0o700, exist_ok=True)
            _make_states(folder / "states", blocks, segments)
            write_atomically(folder / "about.json", about)
        _wait_for_this_boot(cache, folder / "states")
        core = _core.CachedFiles(
            str(folder),
            int(name[:16], 16),
            [(f.size, f.block_bytes, f.size if f.read_bytes is None else f.read_bytes) for f in files],
            cache.reader(),
        )
        return cls(cache, files, core)

    def read(self, file: int, start: int, stop: int) -> bytes:
        """Bytes of one of the files; waits for them.

        Raises:
            OSError: the storage does not give them; the message names the object.
        """
        return self.core.read(file, start, stop)

    @property
    def share(self) -> float:
        """How much of the files is in the cache, by blocks: 0 to 1."""
        return self.core.num_present / self.core.num_blocks if self.core.num_blocks else 1.0


def check_sums(file: RemoteFile) -> None:
    """Raises ValueError where not every block of a file has its checksum."""
    found, wanted = len(block_sums(file.checksum)), parts(file.size, file.block_bytes)
    if found != wanted:
        raise ValueError(
            f"{file.url}: has checksums of {found} blocks, its {file.size:,} bytes are {wanted}: what "
            "describes it is damaged"
        )


def _wait_for_this_boot(cache: Cache, states: Path) -> None:
    """Where blocks are of before the host has started anew, a fetcher takes them over first: what was written
    last may not have reached the disk, and is checked again.

    Raises:
        OSError: no fetcher does.
    """
    end = time.monotonic() + _SECONDS_TO_TAKE_OVER
    while True:
        with states.open("rb") as file:
            _, _, _, present, _, _, boot = STATES.unpack(file.read(STATES.size))
        if not present or boot == boot_id():
            return
        if time.monotonic() > end:
            raise OSError(f"{cache.folder}: no fetcher takes it over; fetcher.log says why")
        cache.reader().ring()
        time.sleep(0.02)


def _make_states(path: Path, blocks: int, segments: int) -> None:
    """All is absent; unless another process was first."""
    new = path.with_name(f".states.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        with new.open("xb", buffering=0) as file:
            # With all of its room on the disk: what is mapped and has none ends who writes to it.
            os.posix_fallocate(file.fileno(), 0, states_bytes(blocks, segments))
            file.write(STATES.pack(STATES_MAGIC, blocks, segments, 0, 0, 0, bytes(16)))
        with suppress(FileExistsError):
            os.link(new, path)
    except OSError as error:
        raise no_room(path.parent, error) from None
    finally:
        new.unlink(missing_ok=True)


def no_room(folder: Path, error: OSError) -> RemoteError:
    """The error for a cache that cannot be written to."""
    reason = f"cannot write to the cache: {error.strerror or error}; make room, or name another cache"
    return RemoteError(str(folder), reason)
