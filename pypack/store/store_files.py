"""The files of a store read from front to back, wherever it lies: what a check of their content needs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from pypack.remote import RemoteFile, Url, objects

_PIECE = 8 << 20  # a multiple of the bytes of every kind of value


class StoreFiles(Protocol):
    """The files of a store by their names.

    Attributes:
        folder: where they are.
    """

    @property
    def folder(self) -> Path | Url:
        """Where they are."""

    def size(self, name: str) -> int:
        """Bytes of a file.

        Raises:
            FileNotFoundError: there is none.
        """

    def pieces(self, name: str) -> Iterator[bytes]:
        """A file, piece by piece; each is as large as the others, but for the last."""


class FolderFiles:
    """Those of a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def size(self, name: str) -> int:
        """Bytes of a file."""
        return (self.folder / name).stat().st_size

    def pieces(self, name: str) -> Iterator[bytes]:
        """A file, piece by piece."""
        with (self.folder / name).open("rb") as file:
            while piece := file.read(_PIECE):
                yield piece


class ObjectFiles:
    """Those of a folder of objects."""

    def __init__(self, folder: Url) -> None:
        self.folder = folder

    def size(self, name: str) -> int:
        """Bytes of an object."""
        found = objects().stat(self.folder / name)
        if found is None:
            raise FileNotFoundError(f"{self.folder / name}: missing")
        return found.size

    def pieces(self, name: str) -> Iterator[bytes]:
        """An object, piece by piece, the next of which is fetched meanwhile."""
        with RemoteFile(objects(), self.folder / name) as file:
            while piece := file.read(_PIECE):
                yield piece
