"""What a job asks of the place where its bytes live, be it a folder or a bucket.

Names have `/` between their parts. What may be written by several processes at once is created, which one of
them does, or is the same for all.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

from pypack.jobs.attempts import Attempt
from pypack.remote import Url


@dataclass(frozen=True)
class PlacedFile:
    """A file of a place, as far as it is like a path: it can be opened for reading, and told."""

    place: Place
    name: str

    def open(self, mode: Literal["rb"] = "rb") -> AbstractContextManager[BinaryIO]:
        """The file, open for reading.

        Raises:
            FileNotFoundError: there is none.
        """
        return self.place.open(self.name)

    def __str__(self) -> str:
        return self.place.told(self.name)


@dataclass(frozen=True)
class Seen:
    """A file as it was at one moment.

    Attributes:
        data: its content.
        version: what the place knows it by.
    """

    data: bytes
    version: Any = None


class Place(ABC):
    """Where a job lives.

    Attributes:
        folder: its path or URL.
    """

    folder: Path | Url

    @abstractmethod
    def told(self, name: str) -> str:
        """Where a file is, for messages."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """What another process opens it by, see `pypack.jobs.open_place`."""

    @abstractmethod
    def exists(self, name: str) -> bool:
        """Whether there is a file of a name."""

    @abstractmethod
    def size(self, name: str) -> int | None:
        """Bytes of a file, None if there is none."""

    def sizes(self) -> Callable[[str], int | None]:
        """`size`, for very many files that do not change meanwhile."""
        return self.size

    @abstractmethod
    def version(self, name: str) -> object:
        """Changes when another file gets the name; None if there is none."""

    @abstractmethod
    def checksum(self, name: str) -> str | None:
        """`sha256:<hex>` of a file, None if there is none."""

    @abstractmethod
    def has_checksum(self, name: str, recorded: str) -> bool:
        """Whether a file is there and has its checksum."""

    @abstractmethod
    def read(self, name: str) -> bytes | None:
        """The content of a file, None if there is none."""

    def read_many(self, names: Sequence[str]) -> Iterator[bytes | None]:
        """The contents of files, one after another."""
        return map(self.read, names)

    @abstractmethod
    def open(self, name: str) -> AbstractContextManager[BinaryIO]:
        """A file, open for reading."""

    def file(self, name: str) -> PlacedFile:
        """A file as something to open and to tell of."""
        return PlacedFile(self, name)

    @abstractmethod
    def write(self, name: str, data: bytes) -> None:
        """Writes a file, the old one or the new one at any time."""

    @abstractmethod
    def write_once(self, name: str, data: bytes) -> None:
        """Writes a file of which every process that writes it writes the same.

        Raises:
            ValueError: another has written something else, where the place can tell.
        """

    @abstractmethod
    def writer(self, name: str) -> AbstractContextManager[BinaryIO]:
        """A file that gets its name, whoever has it, when the block ends."""

    @abstractmethod
    def create(self, name: str, data: bytes) -> bool:
        """Makes a file that nobody else makes, whole as soon as it can be seen.

        False if another is there, whoever was first; one with the same content may count as made.
        """

    @property
    @abstractmethod
    def has_swap(self) -> bool:
        """Whether `swap` can be relied on, whoever else writes."""

    @abstractmethod
    def seen(self, name: str) -> Seen | None:
        """The content of a file, with what `swap` knows it by; None if there is none."""

    @abstractmethod
    def swap(self, name: str, data: bytes, before: Seen) -> bool:
        """Puts a file in the place of one that was seen; False if another is there by now, or none.

        Where the place cannot do it in one step, it looks and writes then.
        """

    @abstractmethod
    def next_name(self, name: str, units: int) -> str:
        """What a file of the next state of a finished store is called until it gets its name.

        Args:
            units: of the job that made the store. Where no lock keeps others away, this number is in the
                name: so what a process does late is done to files of its own state, which nobody looks at
                any more.
        """

    @abstractmethod
    def settle(self) -> None:
        """Gives its final name to what was created, once all of it is there."""

    @abstractmethod
    def temporary(self, name: str, attempt: Attempt) -> Path:
        """Where, on this machine, an attempt writes what it publishes under a name later."""

    @abstractmethod
    def publish(self, temporary: Path, name: str, recorded: str) -> bool:
        """Gives a written and synced file its name, unless a file with the same content has it.

        Args:
            recorded: the checksum of the file.

        Returns:
            False, and nothing done, if a file with other content has the name.
        """

    @abstractmethod
    def replace(self, temporary: Path, name: str) -> None:
        """Gives a written and synced file its name, whoever has it."""

    def rename(self, old: str, new: str) -> None:
        """Gives a file another name, whoever has it; nothing if there is no file of the old one any more."""
        data = self.read(old)
        if data is not None:
            self.write(new, data)
            self.remove(old)

    @abstractmethod
    def share(self, temporary: Path, name: str) -> None:
        """Lets other machines see what was written and synced so far, under its temporary name."""

    @abstractmethod
    def append(self, name: str, data: bytes) -> None:
        """Adds to a file that no other process writes, durably."""

    @abstractmethod
    def names(self, folder: str = "") -> list[str]:
        """What is in a folder of the place, sorted; nothing if there is none."""

    @abstractmethod
    def temporaries(self, folder: str = "") -> list[str]:
        """The temporary files that are in a folder of the place."""

    @abstractmethod
    def remove(self, name: str) -> None:
        """Removes a file, if there is one."""

    @abstractmethod
    def clean(self, names: Iterable[str]) -> None:
        """Removes the temporary files for some names that attempts have left which are over."""
