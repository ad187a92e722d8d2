"""What the libraries read: a file of this machine by its path, or an object by a client in this process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from pypack.columnar.request import ReadRequest
from pypack.remote import DirectObjects, RemoteFile, Url, is_url

# The columns of a row group are read in turns: a block for each of some.
_BLOCK_BYTES, _BLOCKS = 2 << 20, 16


def source_of(request: ReadRequest) -> Any:
    """The file of a request, for libraries that take a path or an open file."""
    return _object(request.path, request.etag) if is_url(request.path) else path_for_libraries(request.path)


@contextmanager
def mapped(request: ReadRequest) -> Iterator[Any]:
    """The file of a request as one of Arrow's own."""
    if is_url(request.path):
        found = _object(request.path, request.etag)
        found.seek(0)
        yield pa.PythonFile(found, "r")
        return
    with pa.memory_map(path_for_libraries(request.path)) as file:
        yield file


def size_of(request: ReadRequest) -> int:
    """Bytes of the file of a request, or of the files of a folder."""
    if is_url(request.path):
        return _object(request.path, request.etag).size
    return size_on_disk(Path(request.path))


@lru_cache(1)
def _client() -> DirectObjects:
    return DirectObjects()  # this process does nothing but read, and never forks


@lru_cache(1)
def _object(url: str, etag: str) -> RemoteFile:
    return RemoteFile(
        _client(), Url(url), etag=etag, block_bytes=_BLOCK_BYTES, keep_blocks=_BLOCKS, read_ahead=False
    )


def path_for_libraries(path: str) -> str:
    """The path, or where its name is not UTF-8, which Arrow does not take, another for the same file."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return f"/dev/fd/{os.open(path, os.O_RDONLY)}"  # until the process ends
    return path


def size_on_disk(path: Path) -> int:
    """Bytes of a file, or of the files of a folder."""
    if path.is_dir():
        return sum(file.stat().st_size for file in path.iterdir() if file.is_file())
    return path.stat().st_size
