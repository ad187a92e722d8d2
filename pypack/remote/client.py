"""What every client of a service gives: the few things that pypack asks of objects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from pypack.remote.url import Url


@dataclass(frozen=True, slots=True)
class Stat:
    """What a service says of an object.

    Attributes:
        size: bytes.
        etag: changes with the content, without quotation marks; "" where the service tells none.
        modified_ns: nanoseconds since the epoch, 0 where it tells no time.
        version: which of the objects that had the name, where the service numbers them; "" elsewhere.
    """

    size: int
    etag: str = ""
    modified_ns: int = 0
    version: str = field(default="", compare=False)  # listings do not tell it


@dataclass(frozen=True, slots=True)
class Entry:
    """An object of a listing: its path below the folder that was listed, and what the service says of it."""

    path: str
    stat: Stat


# Classes here have a method `list`.
Entries: TypeAlias = list[Entry]
Chunks: TypeAlias = list[bytes]
# Is given bytes that it may not keep. What it raises must be none of the errors of a network.
Take: TypeAlias = Callable[[memoryview], None]


class Client(Protocol):
    """One service. Each method tries once, in the way of its library, and raises `RemoteError`s."""

    def stat(self, url: Url) -> Stat | None:
        """None if there is no such object."""

    def read(self, url: Url, begin: int, end: int, etag: str) -> bytes:
        """The bytes from `begin` to before `end`; `etag`: of the version that is wanted, "" for any."""

    def read_to(self, url: Url, begin: int, end: int, take: Take) -> None:
        """Gives `take` the bytes from `begin` to before `end` in order, a piece at a time; or fewer."""

    def list(self, url: Url) -> Entries:
        """All objects below a folder, at any depth, sorted by path; none if there is no such folder."""

    def children(self, url: Url) -> Entries:
        """The objects of a folder that lie in no folder within it, sorted."""

    def read_many(self, ranges: Sequence[tuple[Url, int, int]]) -> Chunks:
        """Several ranges, many at once where the service allows it."""

    def write(self, url: Url, data: bytes) -> None:
        """Makes an object, or another in its place."""

    def create(self, url: Url, data: bytes) -> bool:
        """Makes an object that nobody else makes; False if there is one, perhaps by a try before this."""

    def swap(self, url: Url, data: bytes, before: Stat) -> bool:
        """Makes another object in the place of the one that was seen; False if another stands there by now,
        or none, perhaps by a try before this."""

    def copy(self, source: Url, target: Url) -> None:
        """Makes an object of another of the same bucket, or another in its place, within the service."""

    def upload(self, url: Url, path: str, stopped: Callable[[], bool]) -> None:
        """Makes an object of a local file, in parts if it is large; it is seen once it is whole.

        Once `stopped` says so, it is given up with a `RefusedError`, and no part of it stays.
        """

    def remove(self, url: Url) -> None:
        """Removes an object, if there is one."""
