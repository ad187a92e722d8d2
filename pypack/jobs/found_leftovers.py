"""What is found of left-overs, and by which names it is known; in folders and at URLs."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from pypack.jobs.description import JOB_FILE
from pypack.remote import Url
from pypack.store.format import STORE_FILE

_OF_A_UNIT = re.compile(r"(\d{6,})(-\d{3,})?\..+")
UNIT_FILE = re.compile(r"\d{6,}\.(json|rejected\.jsonl|refused\.json|records|journal)")
# What nobody knows whether somebody writes it still, on another machine perhaps.
SECONDS_AT_REST = 3600.0


@dataclass(frozen=True)
class Leftover:
    """A file or folder that nobody needs.

    Attributes:
        path: of it.
        why: what it is.
        bytes: its size.
        freed_bytes: what its removal frees: not what has another name as well.
    """

    path: Path | Url
    why: str
    bytes: int
    freed_bytes: int


@dataclass
class Leftovers:
    """What `gc_store` has found.

    Attributes:
        removable: what nobody needs.
        kept: name → why, of what looks like it and is needed, or may be.
        strangers: names of what is not known to be pypack's, and is left alone.
    """

    removable: list[Leftover] = field(default_factory=list)
    kept: dict[str, str] = field(default_factory=dict)
    strangers: list[str] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        """Of all that is removable."""
        return sum(one.bytes for one in self.removable)

    @property
    def freed_bytes(self) -> int:
        """What its removal frees."""
        return sum(one.freed_bytes for one in self.removable)


def unit_of_file(name: str) -> int | None:
    """The number of the unit that a file is of; None of others."""
    found = _OF_A_UNIT.fullmatch(name)
    return None if found is None else int(found[1])


def nothing_there(folder: Path | Url) -> str:
    """Why a place is left alone that holds nothing of pypack's."""
    if isinstance(folder, Path) and not folder.exists():
        return f"{folder}: there is no such folder"
    return (
        f"{folder}: holds neither a store ({STORE_FILE}) nor a job ({JOB_FILE}): what lies there is not "
        "known to be pypack's"
    )
