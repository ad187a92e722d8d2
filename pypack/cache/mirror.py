"""Small remote files that are kept whole, in a folder of the cache: descriptions, tokenizers, columns."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from pathlib import Path

from pypack._common.checksums import check_checksum
from pypack._common.files import publish, temporary_beside, write_atomically
from pypack.cache.place import Cache
from pypack.remote import Url, objects

_TRIES = 5  # for bytes that are not those of the checksum
_PAUSE = 0.05


def fetch_checked(url: Url, check: Callable[[bytes], None]) -> bytes:
    """A whole small object, read again where `check` raises ValueError: servers, and what lies between, do
    flip bits.

    Raises:
        OSError: it cannot be read.
        ValueError: of `check`, at the last try.
    """
    for tries in range(_TRIES):
        data = objects().read(url)
        try:
            check(data)
        except ValueError:
            if tries == _TRIES - 1:
                raise
            time.sleep(_PAUSE * 2**tries)
        else:
            break
    return data


def mirror_folder(cache: Cache, url: Url, description: bytes) -> Path:
    """The folder of what belongs to a store or a plan, by where it is and what its description says."""
    name = hashlib.sha256(str(url).encode() + b"\n" + description).hexdigest()[:32]
    folder = cache.folder / "mirrors" / name
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def keep(folder: Path, name: str, data: bytes) -> Path:
    """Writes a file of a mirror, unless it is there."""
    path = folder / name
    if not path.exists():
        write_atomically(path, data)
    return path


def mirrored(folder: Path, url: Url, checksum: str | None) -> Path:
    """A file of a mirror, fetched if it is not there.

    Raises:
        OSError: it cannot be read.
        ValueError: it does not have its checksum.
    """
    path = folder / url.name
    if path.exists():
        return path

    def check(data: bytes) -> None:
        temporary.write_bytes(data)
        if checksum is not None:
            try:
                check_checksum(temporary, checksum)
            except ValueError as error:
                raise ValueError(str(error).replace(str(temporary), str(url))) from None

    temporary = temporary_beside(path)
    try:
        fetch_checked(url, check)
        publish(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path
