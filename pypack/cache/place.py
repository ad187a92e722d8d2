"""Where a cache is: a folder of the user's own, on this host."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import stat
import sys
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing.spawn import get_executable
from pathlib import Path

from pypack import _core
from pypack._common.files import write_atomically
from pypack._common.paths import local_path
from pypack.cache.layout import SEGMENT_BYTES

CACHE_VARIABLE = "PYPACK_CACHE"
_LEAST_BYTES = 4 * SEGMENT_BYTES
_PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[2]); "
    "from pypack.cache.fetcher import main; main(sys.argv[1])"
)


@dataclass(frozen=True)
class Cache:
    """A cache of remote files on this host.

    Attributes:
        root: the folder that was named; None: the usual one.
        limit: bytes that it may take; None: what it had, at first half of what is free.
        folder: of this user and host, in `root`.
    """

    root: Path | None
    limit: int | None
    folder: Path

    @classmethod
    def at(cls, root: str | os.PathLike[str] | None = None, limit: int | None = None) -> Cache:
        """Makes or opens a cache.

        Args:
            root: a folder on a disk of this host; None: that of PYPACK_CACHE, or `pypack` in the user's
                cache folder (`$XDG_CACHE_HOME`, `~/.cache`).
            limit: bytes that the cache may take, which holds for all who use it from now on.

        Raises:
            ValueError: the limit is below 32 MiB, or the folder belongs to somebody else, or is open to them.
        """
        if limit is not None and limit < _LEAST_BYTES:
            raise ValueError(f"cache_bytes: {limit}; a cache needs at least {_LEAST_BYTES} (32 MiB)")
        named = None if root is None else local_path(root).absolute()
        if named is None and os.environ.get(CACHE_VARIABLE):
            named = local_path(os.environ[CACHE_VARIABLE]).absolute()
        base = named or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pypack"
        own = base / f"pypack-{os.getuid()}"
        folder = own / re.sub(r"[^\w.-]", "_", socket.gethostname())
        for made in (own, folder, folder / "readers"):
            _make_private(made)
        bell = folder / "bell"
        if not bell.exists():
            try:
                os.mkfifo(bell, 0o600)
            except FileExistsError:
                pass
            except OSError as error:
                raise ValueError(
                    f"{bell}: cannot make a pipe ({error.strerror}); the cache must be on a disk of this host"
                ) from None
        cache = cls(named, limit, folder)
        if limit is not None or not (folder / "limit").exists():
            write_atomically(folder / "limit", str(limit or _half_of_free(folder)).encode())
        return cache

    def current_limit(self) -> int:
        """Bytes that it may take."""
        return int((self.folder / "limit").read_text())

    def new_reader(self) -> _core.CacheReader:
        """Somebody with a clock of their own, for whom blocks are fetched."""
        return _core.CacheReader(str(self.folder), fetcher_command(self.folder))

    def reader(self) -> _core.CacheReader:
        """The one of this process for what belongs to no loader."""
        return _reader_of(self)


@lru_cache(maxsize=16)
def _reader_of(cache: Cache) -> _core.CacheReader:
    return cache.new_reader()


def fetcher_command(folder: Path) -> list[str]:
    """Starts the fetcher of a cache; it finds the modules that this process finds."""
    return [
        os.fsdecode(get_executable() or sys.executable),
        "-c",
        _PROGRAM,
        str(folder),
        json.dumps(sys.path),
    ]


def _make_private(folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise ValueError(
            f"{folder}: must be a folder of this user's that nobody else may enter (mode 0700): what lies in "
            "it is trained on; remove it, or name another cache"
        )


def _half_of_free(folder: Path) -> int:
    return max(_LEAST_BYTES, shutil.disk_usage(folder).free // 2)
