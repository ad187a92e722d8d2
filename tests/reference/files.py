"""What is asked of the files of a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def file_sizes(folder: Path, names: Sequence[str]) -> list[int]:
    """Bytes of each file of a folder; -1 where there is none of that name, or a folder."""
    found = {path.name: path.stat().st_size for path in folder.iterdir() if path.is_file()}
    return [found.get(name, -1) for name in names]
