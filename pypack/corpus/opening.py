"""Opening an input: a file of this machine, or an object of another."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, cast

from pypack.corpus.input_file import InputFile
from pypack.remote import RemoteFile, Url, objects

# Of what is read from front to back, and of what is looked at.
_BLOCK, _LOOK = 8 << 20, 64 << 10


def opened(file: InputFile, *, looks: bool = False) -> BinaryIO:
    """The bytes of an input as they are stored, unbuffered.

    Args:
        looks: only a little will be read.

    Raises:
        OSError: it cannot be opened.
        RemoteError: the same of an object; so does reading it.
    """
    if not file.is_remote:
        return Path(file.location).open("rb", buffering=0)
    size, block = file.size, _LOOK if looks else _BLOCK
    found = RemoteFile(
        objects(), Url(file.path), size=size, etag=file.etag, block_bytes=block, read_ahead=not looks
    )
    return cast("BinaryIO", found)
