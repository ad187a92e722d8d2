"""The folders beside an output: where a job works that is to replace it, and what stood there before."""

from __future__ import annotations

import glob
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from pypack._common.files import exchange, sync_directory
from pypack.jobs.our_files import is_our_name


def aside_of(directory: Path) -> Path:
    """Where a job works that is to replace a finished store."""
    return directory.with_name(f".{directory.name}.next")


def _old_of(directory: Path) -> Path:
    return directory.with_name(f".{directory.name}.old")


def working_places(directory: Path) -> list[Path]:
    """The output, and what stands beside it while it is replaced: no inputs of a job."""
    return [directory, aside_of(directory), _old_of(directory)]


def places_beside(directory: Path) -> Iterator[tuple[Path, str]]:
    """What stands beside a store of the commands that work on it: (folder, "next", "old", "merging" or
    "columns")."""
    for path in sorted(directory.absolute().parent.glob(f".{glob.escape(directory.name)}.*")):
        kind = path.name.removeprefix(f".{directory.name}.")
        if path.is_dir() and not path.is_symlink():
            if kind in ("next", "old", "merging"):
                yield path, kind
            elif re.fullmatch(r"columns-[0-9a-f]{12}", kind):
                yield path, "columns"


def swap(new: Path, old: Path) -> None:
    """Puts a finished store in the place of another; what is not pypack's stays there."""
    for path in old.iterdir():
        if not is_our_name(path.name) and not (new / path.name).exists():
            if not path.is_dir():
                shutil.copy2(path, new / path.name, follow_symlinks=False)
            else:
                shutil.copytree(path, new / path.name, symlinks=True)
    if not exchange(new, old):  # a moment without a store: what was there is in `beside` then
        beside = _old_of(old)
        shutil.rmtree(beside, ignore_errors=True)
        old.rename(beside)
        new.rename(old)
        new = beside
    sync_directory(old.parent)
    shutil.rmtree(new, ignore_errors=True)
