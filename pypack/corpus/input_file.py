"""One file of a corpus."""

from __future__ import annotations

import os
from dataclasses import dataclass

from pypack.corpus.kinds import LINE_FORMATS
from pypack.remote import is_url


@dataclass(frozen=True, slots=True)
class InputFile:
    """One file of a corpus.

    Attributes:
        path: as named or found; "-" is JSON lines on standard input.
        format: one of `pypack.corpus.kinds.FORMATS`.
        compression: "gzip", "zstd", "bzip2", "xz", "lz4" or None.
        size: bytes on disk, 0 for standard input and pipes.
        modified_ns: modification time in nanoseconds since the epoch, 0 for standard input and pipes.
        is_stream: it can be read once, from its start: standard input, a pipe, a device.
        inode: number of the file in its file system, 0 for standard input and pipes.
        begin, end: the piece of the file that is read, end None for all of it: of lines those that start at
            these bytes, of Parquet these rows.
        refused: why the file is not read at all, but rejected; None if it is read.
        folder: what a relative path is relative to, None for the current folder.
        etag: of an object, the version that its service tells; "" where it tells none, and of files.
    """

    path: str
    format: str
    compression: str | None
    size: int
    modified_ns: int
    is_stream: bool = False
    inode: int = 0
    begin: int = 0
    end: int | None = None
    refused: str | None = None
    folder: str | None = None
    etag: str = ""

    @property
    def is_remote(self) -> bool:
        """Whether it is an object, `path` its URL."""
        return is_url(self.path)

    @property
    def has_lines(self) -> bool:
        """Whether its records are lines, which begin at a byte."""
        return self.format in LINE_FORMATS

    @property
    def unit(self) -> str:
        """What its records are counted as, see `pypack.corpus.errors.Reject`."""
        if self.format == "json_array":
            return "element"
        return "line" if self.has_lines or self.format == "page" else "row"

    @property
    def location(self) -> str:
        """Where the file is opened."""
        return self.path if self.folder is None or self.is_remote else os.path.join(self.folder, self.path)  # noqa: PTH118
