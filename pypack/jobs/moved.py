"""A file of a store on its way to another."""

from __future__ import annotations

from dataclasses import dataclass

from pypack.jobs.places import Place


@dataclass(frozen=True)
class Moved:
    """A file to copy.

    Attributes:
        source, name: where it is.
        new_name: what it is called there.
        size: its bytes, None if they are not known.
        recorded: its checksum, None if there is none.
    """

    source: Place
    name: str
    new_name: str
    size: int | None = None
    recorded: str | None = None
