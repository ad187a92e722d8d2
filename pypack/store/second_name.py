"""A second name for a file of a store: a hard link, or a copy where there can be none."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from pathlib import Path

from pypack._common.checksums import check_checksum
from pypack._common.files import NOT_SUPPORTED, TEMPORARY_SUFFIX, create

_NO_LINKS = NOT_SUPPORTED | {errno.EPERM, errno.EMLINK, errno.EXDEV}
_CHUNK = 1 << 20


@dataclass
class SecondNames:
    """Gives files second names, and counts.

    Attributes:
        linked, copied: how many files.
        copied_bytes: of those that had to be copied.
    """

    linked: int = 0
    copied: int = 0
    copied_bytes: int = 0

    def give(self, source: Path, target: Path, recorded: str | None = None) -> None:
        """Links or copies; what stands at `target` is of an earlier call that was killed, and whole.

        Args:
            recorded: the checksum of the file; a copy is compared with it.

        Raises:
            ValueError: the file is not what was recorded.
        """
        if target.exists():
            status, there = source.stat(), target.stat()
            if (status.st_dev, status.st_ino) == (there.st_dev, there.st_ino):
                self.linked += 1
                return
            if status.st_size == there.st_size and status.st_dev != there.st_dev:
                self.copied += 1
                self.copied_bytes += there.st_size
                return
            target.unlink()
        try:
            os.link(source, target)
            self.linked += 1
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            self._copy(source, target, recorded)

    def _copy(self, source: Path, target: Path, recorded: str | None) -> None:
        temporary = target.with_name(target.name + TEMPORARY_SUFFIX)
        temporary.unlink(missing_ok=True)
        with create(temporary) as file, source.open("rb") as data:
            while chunk := data.read(_CHUNK):
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        try:
            if recorded is not None:
                check_checksum(temporary, recorded)
        except ValueError as error:
            temporary.unlink()
            raise ValueError(f"{source}: {str(error).removeprefix(f'{temporary}: ')}") from None
        self.copied += 1
        self.copied_bytes += temporary.stat().st_size
        temporary.rename(target)
