"""The files of a unit that are not read, because they kill who reads them."""

from __future__ import annotations

import orjson

from pypack.jobs.manifest import UNITS_FOLDER
from pypack.jobs.places import Place


def refused_name(unit: int) -> str:
    """Where it is recorded which those are."""
    return f"{UNITS_FOLDER}/{unit:06d}.refused.json"


def refused_files(place: Place, unit: int) -> dict[int, str]:
    """Number within the unit → reason of the files that are rejected unread."""
    data = place.read(refused_name(unit))
    return {} if data is None else {int(i): str(reason) for i, reason in orjson.loads(data).items()}
