"""Streams put on disk, for readers that must be able to begin again."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from pypack.corpus.bytes import ByteSource
from pypack.corpus.inputs import InputFile
from pypack.corpus.stream_hash import StreamHash, StreamMark


@contextmanager
def on_disk(file: InputFile, mark: StreamMark | None) -> Iterator[tuple[InputFile, StreamHash | None]]:
    """A file that can be read anywhere in it: of what comes through a pipe a copy, uncompressed, which goes
    again, and its hash."""
    if not file.is_stream:
        yield file, None
        return
    with tempfile.NamedTemporaryFile(prefix="pypack-") as copy:
        source, size = ByteSource(file, stream_mark=mark), 0
        for chunk in source:
            size += copy.write(chunk)
            if source.stream_hash is not None:
                source.stream_hash.advance(size)
        copy.flush()
        local = replace(file, path=copy.name, compression=None, size=size, is_stream=False, folder=None)
        yield local, source.stream_hash
