"""Where the bytes of a job live: a folder that all its processes see."""

from __future__ import annotations

import base64
import errno
import io
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from pypack._common.checksums import check_checksum, checksum
from pypack._common.files import (
    NOT_SUPPORTED,
    atomic_writer,
    create,
    open_to_append,
    publish,
    sync_directory,
)
from pypack.jobs.attempts import Attempt, final_name, is_over
from pypack.jobs.places import Place, Seen

# What a file system without hard links says, besides.
_NO_LINKS = NOT_SUPPORTED | {errno.EPERM, errno.EMLINK, errno.EXDEV}


class FolderPlace(Place):
    """A folder of a file system."""

    def __init__(self, folder: Path) -> None:
        self.folder: Path = folder
        self._root = os.fspath(folder)

    def told(self, name: str) -> str:
        return str(self.path(name))

    def to_json(self) -> dict[str, Any]:
        return {"folder": base64.b64encode(os.fsencode(self.folder.absolute())).decode()}

    def path(self, name: str) -> Path:
        """Where a file is; names have `/` between their parts."""
        return self.folder / name

    def exists(self, name: str) -> bool:
        return self.path(name).exists()

    def size(self, name: str) -> int | None:
        """Bytes of a file, None if there is none."""
        try:
            return os.stat(f"{self._root}/{name}").st_size  # noqa: PTH116  # of a million files
        except FileNotFoundError:
            return None

    def version(self, name: str) -> object:
        """Changes when another file gets the name; None if there is none."""
        try:
            status = self.path(name).stat()
        except FileNotFoundError:
            return None
        return status.st_ino, status.st_size, status.st_mtime_ns

    def checksum(self, name: str) -> str | None:
        """`sha256:<hex>` of a file, None if there is none."""
        try:
            return checksum(self.path(name))
        except FileNotFoundError:
            return None

    def has_checksum(self, name: str, recorded: str) -> bool:
        """Whether a file is there and has its checksum."""
        try:
            check_checksum(self.path(name), recorded)
        except (FileNotFoundError, ValueError):
            return False
        return True

    def read(self, name: str) -> bytes | None:
        """The content of a file, None if there is none."""
        try:
            with io.FileIO(f"{self._root}/{name}") as file:
                return file.readall()
        except FileNotFoundError:
            return None

    def open(self, name: str) -> BinaryIO:
        """A file, open for reading."""
        return self.path(name).open("rb")

    def write_once(self, name: str, data: bytes) -> None:
        """Writes a file of which every process writes the same."""
        self.write(name, data)

    def write(self, name: str, data: bytes) -> None:
        """Writes a file, the old one or the new one at any time."""
        with self.writer(name) as file:
            file.write(data)

    @contextmanager
    def writer(self, name: str) -> Iterator[BinaryIO]:
        """A file that gets its name, whoever has it, when the block ends."""
        self._make_folder(name)
        attempt = Attempt()  # tells whose it is: others leave it alone while this process lives
        try:
            with atomic_writer(self.path(name), self.path(attempt.named(name))) as file:
                yield file
        finally:
            attempt.end()

    def create(self, name: str, data: bytes) -> bool:
        """Makes a file that nobody else makes: False if there is one, whoever was first.

        It is whole as soon as it can be seen, where the file system has hard links.
        """
        self._make_folder(name)
        target, attempt = self.path(name), Attempt()
        temporary = self.path(attempt.named(name))
        try:
            with create(temporary) as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            made = _link(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)
            attempt.end()
        sync_directory(target.parent)
        return made

    @property
    def has_swap(self) -> bool:
        """Yes: of those who would write something else a lock lets in one."""
        return True

    def seen(self, name: str) -> Seen | None:
        """The content of a file; None if there is none."""
        data = self.read(name)
        return None if data is None else Seen(data)

    def swap(self, name: str, data: bytes, before: Seen) -> bool:
        """Puts a file in the place of one that was seen; False if another is there by now, or none."""
        if self.read(name) != before.data:
            return False
        self.write(name, data)
        return True

    def next_name(self, name: str, units: int) -> str:
        """The name as it is: nobody but this job is there."""
        return name

    def settle(self) -> None:
        """Nothing: what is created has its name at once."""

    def temporary(self, name: str, attempt: Attempt) -> Path:
        """Where an attempt writes what it publishes under a name later."""
        self._make_folder(name)
        return self.path(attempt.named(name))

    def publish(self, temporary: Path, name: str, recorded: str) -> bool:
        """Gives a written and synced file its name, unless a file with the same content has it.

        Args:
            recorded: the checksum of the file.

        Returns:
            False, and nothing done, if a file with other content has the name.
        """
        target = self.path(name)
        if not _link(temporary, target) and not self.has_checksum(name, recorded):
            return False
        temporary.unlink(missing_ok=True)
        sync_directory(target.parent)
        return True

    def replace(self, temporary: Path, name: str) -> None:
        """Gives a written and synced file its name, whoever has it."""
        publish(temporary, self.path(name))

    def rename(self, old: str, new: str) -> None:
        """Gives a file another name, whoever has it; nothing if there is no file of the old one any more."""
        with suppress(FileNotFoundError):
            publish(self.path(old), self.path(new))

    def share(self, temporary: Path, name: str) -> None:
        """Nothing: it lies in the place already."""

    def append(self, name: str, data: bytes) -> None:
        """Adds to a file, durably."""
        self._make_folder(name)
        with open_to_append(self.path(name)) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    def names(self, folder: str = "") -> list[str]:
        """What is in a folder of the place, sorted; nothing if there is none."""
        try:
            return sorted(os.listdir(self.path(folder)))  # noqa: PTH208  # a million names as strings
        except FileNotFoundError:
            return []

    def temporaries(self, folder: str = "") -> list[str]:
        """The temporary files that are in a folder of the place."""
        return [name for name in self.names(folder) if final_name(name) != name]

    def remove(self, name: str) -> None:
        """Removes a file, if there is one."""
        self.path(name).unlink(missing_ok=True)

    def clean(self, names: Iterable[str]) -> None:
        """Removes the temporary files for some names that attempts have left which are over."""
        wanted = set(names)
        for folder in {name.rpartition("/")[0] for name in wanted}:
            for name in self.names(folder):
                full = f"{folder}/{name}" if folder else name
                if is_over(name) and final_name(full) in wanted:
                    self.remove(full)

    def _make_folder(self, name: str) -> None:
        if "/" in name:
            self.path(name).parent.mkdir(exist_ok=True)


def _link(temporary: Path, target: Path) -> bool:
    """A second name for a file; False if there is one of that name. Without links, the file is copied."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
    else:
        return True
    try:
        with create(target) as file, temporary.open("rb") as source:
            while chunk := source.read(1 << 20):
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        return False
    return True
