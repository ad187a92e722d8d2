"""Opening a place by its path or URL, or by what another process has told of it."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

from pypack.jobs.place import FolderPlace
from pypack.jobs.places import Place
from pypack.jobs.remote_place import RemotePlace
from pypack.remote import Url


def place_at(folder: Path | Url) -> Place:
    """The place of a job, to read it or to finish it."""
    return RemotePlace(folder) if isinstance(folder, Url) else FolderPlace(folder)


def opened_place(told: dict[str, Any]) -> Place:
    """The place that another process has told of (`Place.to_json`)."""
    if "url" in told:
        return RemotePlace(Url(told["url"]), has_create=told["has_create"])
    return FolderPlace(Path(os.fsdecode(base64.b64decode(told["folder"]))))
