"""Where pypack reads and writes: local paths. A URL is refused by name, never taken for a folder."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import cast

# Two letters at least: one is the drive of a Windows path. `pathlib` makes one slash of the two.
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/(/?)")


def local_path(place: str | os.PathLike[str]) -> Path:
    """The path of a place on a file system, which need not exist.

    Raises:
        ValueError: it is a URL (`s3://...`, `file:///...`), also one that went through `pathlib.Path`.
    """
    text = os.fspath(place)
    found = _URL.match(text)
    if found is None or (isinstance(place, str) and not found[2]):
        return Path(place)
    scheme, rest = found[1], text[found.end() :]
    advice = (
        "give the path alone, such as /folder/name"
        if scheme.lower() == "file"
        else "pypack reads and writes local paths: copy the data to this machine, or mount it"
    )
    raise ValueError(
        f"{scheme}://{rest}: is a URL; {advice} (a folder named {scheme}: goes by its absolute path)"
    )


def native_name(path: Path) -> str:
    """A path for a kernel or library that takes UTF-8.

    A name that is not UTF-8 goes as its bytes, which the compiled kernels take in the place of a text.
    """
    try:
        os.fspath(path).encode()
    except UnicodeEncodeError:
        return cast("str", os.fsencode(path))
    return str(path)
