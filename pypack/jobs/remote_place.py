"""A folder of objects as the place of a job: without renaming, links and locks.

Shards are written on this machine and uploaded under their names; what one of several processes makes is made
by a request on the condition that nobody else has. A service without such requests gets an object for each
process that tries, `units/000012.json~HOST-PID-...`: of equal ones the first counts, and others are an error.
Once all are there, they get the name that they have elsewhere.
Temporary files that others need (the journals of units that have several shards) lie in `attempts/`.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, cast

from pypack._common.checksums import BlockChecksum
from pypack._common.files import TEMPORARY_SUFFIX, create
from pypack.jobs.attempts import Attempt, final_name, is_over
from pypack.jobs.places import Place, Seen
from pypack.jobs.scratch import scratch_folder
from pypack.remote import ChangedObjectError, NoObjectError, RemoteFile, Url, objects
from pypack.store.contents import OF_ONE as OF_ONE  # before the name of the process that tried

ATTEMPTS, _UNITS = "attempts", "units"
_CHUNK = 8 << 20
_READ_AT_ONCE = 256


class RemotePlace(Place):
    """A folder of objects.

    Args:
        has_create: whether the service makes an object on the condition that there is none; None to find out.
    """

    def __init__(self, folder: Url, *, has_create: bool | None = None) -> None:
        self.folder: Url = folder
        self._objects = objects()
        self._known_to_create = has_create
        self._appended: dict[str, bytes] = {}

    @property
    def has_create(self) -> bool:
        """Whether the service makes an object on the condition that there is none."""
        if self._known_to_create is None:
            self._known_to_create = self._objects.has_create(self.folder)
        return self._known_to_create

    def told(self, name: str) -> str:
        return str(self._url(name))

    def to_json(self) -> dict[str, Any]:
        return {"url": str(self.folder), "has_create": self.has_create}

    def _url(self, name: str) -> Url:
        """Where an object is. Temporary ones lie apart, so that listing those of a unit is quick."""
        if TEMPORARY_SUFFIX not in name:
            return self.folder / name
        return self.folder / ATTEMPTS / name.replace("/", "!").replace(TEMPORARY_SUFFIX, "")

    def exists(self, name: str) -> bool:
        return self._stat(name) is not None

    def _stat(self, name: str) -> Any:
        found = self._objects.stat(self._url(name))
        if found is None:
            tried = self._tried(name)
            found = self._objects.stat(tried[0]) if tried else None
        return found

    def size(self, name: str) -> int | None:
        found = self._stat(name)
        return None if found is None else int(found.size)

    def sizes(self) -> Callable[[str], int | None]:
        listed = {entry.path: entry.stat.size for entry in self._objects.list(self.folder)}
        return listed.get

    def version(self, name: str) -> object:
        return self._stat(name)

    def checksum(self, name: str) -> str | None:
        digest = hashlib.sha256()
        try:
            for chunk in self._chunks(name):
                digest.update(chunk)
        except NoObjectError:
            return None
        return f"sha256:{digest.hexdigest()}"

    def has_checksum(self, name: str, recorded: str) -> bool:
        if recorded.startswith("sha256:"):
            return self.checksum(name) == recorded
        found = BlockChecksum()
        try:
            for chunk in self._chunks(name):
                found.update(chunk)
        except NoObjectError:
            return False
        return str(found) == recorded

    def _chunks(self, name: str) -> Iterator[bytes]:
        with self.open(name) as file:
            while chunk := file.read(_CHUNK):
                yield chunk

    def read(self, name: str) -> bytes | None:
        if self._known_to_create is False:
            return self._read_whole(name)
        try:
            return self._objects.read(self._url(name))
        except NoObjectError:
            tried = self._tried(name)
            return self._objects.read(tried[0]) if tried else None

    def _read_whole(self, name: str) -> bytes | None:
        """`read` at a service without conditions: it may give the beginning of an object and the end of the
        one that has come into its place. So it is read again until it was the same before and after."""
        while True:
            url = self._url(name)
            if (before := self._objects.stat(url)) is None:
                if not (tried := self._tried(name)):
                    return None
                url = tried[0]
                before = self._objects.stat(url)
            with suppress(NoObjectError):
                data = self._objects.read(url)
                if before is not None and self._objects.stat(url) == before:
                    return data

    def read_many(self, names: Sequence[str]) -> Iterator[bytes | None]:
        if len(names) < 2:
            yield from map(self.read, names)
            return
        there: dict[str, tuple[Url, int]] = {}
        for folder in {name.rpartition("/")[0] for name in names}:
            root = self.folder / folder if folder else self.folder
            for entry in self._objects.children(root):
                name = entry.path.partition(OF_ONE)[0]  # of several that tried, the first counts
                there.setdefault(f"{folder}/{name}" if folder else name, (root / entry.path, entry.stat.size))
        for i in range(0, len(names), _READ_AT_ONCE):
            part = names[i : i + _READ_AT_ONCE]
            found = [name for name in part if name in there]
            try:
                data = self._objects.read_many([(there[name][0], 0, there[name][1]) for name in found])
            except NoObjectError:  # that of a process has got the name that it has for all, or is gone
                yield from map(self.read, part)
                continue
            contents = dict(zip(found, data, strict=True))
            yield from map(contents.get, part)

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        with io.BufferedReader(RemoteFile(self._objects, self._url(name)), 1 << 18) as file:
            yield cast("BinaryIO", file)

    def write(self, name: str, data: bytes) -> None:
        self._objects.write(self._url(name), data)

    def write_once(self, name: str, data: bytes) -> None:
        if not self.has_create:
            self.write(name, data)
        elif not self._objects.create(self._url(name), data):
            raise ValueError(
                f"{self.told(name)}: another process has made it, and other content: see what else "
                "runs there, and choose another place"
            )

    @contextmanager
    def writer(self, name: str) -> Iterator[BinaryIO]:
        attempt = Attempt()
        temporary = self.temporary(name, attempt)
        try:
            with create(temporary) as file:
                yield file
            self._objects.upload(self._url(name), str(temporary))
        finally:
            temporary.unlink(missing_ok=True)
            attempt.end()

    def create(self, name: str, data: bytes) -> bool:
        if self.has_create:
            return self._objects.create(self._url(name), data)
        before = self.read(name)
        if before is not None:
            return before == data
        attempt = Attempt()
        own = self.folder / f"{name}{OF_ONE}{attempt.named('').removeprefix(TEMPORARY_SUFFIX + '.')}"
        attempt.end()
        self._objects.write(own, data)
        # Of the others one may get the final name meanwhile.
        others = (self._content(one) for one in (*self._tried(name), self._url(name)) if one != own)
        if all(other == data for other in others if other is not None):
            return True
        self._objects.remove(own)  # at one moment two have made what differs
        return False

    @cached_property
    def has_swap(self) -> bool:
        """Whether the service replaces an object on the condition that it is what was seen."""
        return self.has_create and self._objects.has_swap(self.folder)

    def seen(self, name: str) -> Seen | None:
        while True:
            stat = self._objects.stat(self._url(name))
            if stat is None:
                data = None if self.has_create else self.read(name)
                return None if data is None else Seen(data)
            with suppress(ChangedObjectError, NoObjectError):  # in between
                data = self._objects.read(self._url(name), etag=stat.etag)
                if self.has_create or self._objects.stat(self._url(name)) == stat:
                    return Seen(data, stat)

    def swap(self, name: str, data: bytes, before: Seen) -> bool:
        if self.has_swap:
            return self._objects.swap(self._url(name), data, before.version)
        if self.read(name) not in (before.data, data):
            return False
        self.write(name, data)
        return True

    def next_name(self, name: str, units: int) -> str:
        stem, dot, suffix = name.rpartition(".")
        return f"{stem}-{units:06d}{dot}{suffix}"

    def settle(self) -> None:
        if self.has_create:
            return
        for folder in (_UNITS, ""):
            root = self.folder / folder if folder else self.folder
            for entry in self._objects.children(root):
                name, one, _ = entry.path.partition(OF_ONE)
                data = self._content(root / entry.path) if one else None
                if data is not None:  # else a twin was first
                    self._objects.write(root / name, data)
                    self._objects.remove(root / entry.path)

    def _content(self, url: Url) -> bytes | None:
        try:
            return self._objects.read(url)
        except NoObjectError:
            return None

    def _tried(self, name: str) -> list[Url]:
        """The objects of processes that have made a file, where the service does not choose one of them. (Who
        only reads need not be allowed to write, and does not find out whether it does.)"""
        if self._known_to_create:
            return []
        folder, _, last = name.rpartition("/")
        root = self.folder / folder if folder else self.folder
        return [
            root / entry.path
            for entry in self._objects.children(root)
            if entry.path.startswith(f"{last}{OF_ONE}")
        ]

    def temporary(self, name: str, attempt: Attempt) -> Path:
        return scratch_folder() / attempt.named(name.replace("/", "!"))

    def publish(self, temporary: Path, name: str, recorded: str) -> bool:
        if self.exists(name) and not self.has_checksum(name, recorded):
            return False
        self.replace(temporary, name)
        return True

    def replace(self, temporary: Path, name: str) -> None:
        self._objects.upload(self._url(name), str(temporary))
        temporary.unlink(missing_ok=True)

    def share(self, temporary: Path, name: str) -> None:
        self._objects.upload(self._url(name), str(temporary))

    def append(self, name: str, data: bytes) -> None:
        whole = self._appended.get(name) or b""
        self._appended[name] = whole + data
        self._objects.write(self._url(name), self._appended[name])

    def names(self, folder: str = "") -> list[str]:
        entries = self._objects.children(self.folder / folder if folder else self.folder)
        return sorted({entry.path.partition(OF_ONE)[0] for entry in entries})

    def temporaries(self, folder: str = "") -> list[str]:
        prefix = f"{folder}!" if folder else ""
        names = (entry.path for entry in self._objects.children(self.folder / ATTEMPTS))
        inside = (name.removeprefix(prefix) for name in names if name.startswith(prefix))
        return [temporary_name(name) for name in inside if "!" not in name]

    def remove(self, name: str) -> None:
        self._appended.pop(name, None)
        self._objects.remove(self._url(name))
        if not self.has_create and TEMPORARY_SUFFIX not in name:
            for one in self._tried(name):
                self._objects.remove(one)

    def clean(self, names: Iterable[str]) -> None:
        """Of shards the temporary files are on this machine, and go with their process."""
        wanted = {name for name in names if "/" in name}
        for folder in {name.rpartition("/")[0] for name in wanted}:
            for name in self.temporaries(folder):
                full = f"{folder}/{name}"
                if is_over(name) and final_name(full) in wanted:
                    self.remove(full)


def temporary_name(name: str) -> str:
    """The name under which an object of `attempts/` is known: `.partial` stands before HOST-PID-RANDOM."""
    stem, dot, process = name.rpartition(".")
    return f"{stem}{TEMPORARY_SUFFIX}{dot}{process}"
