"""Which documents a sample holds: a function of the seed and of where a document stands, of nothing else.

A file is known by its name, that of its folder, and its size, so that the same corpus gives the same sample
under another mount point, and however its path is written.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pypack.corpus import DocumentBatch, InputFile

_GOLDEN = 0x9E3779B97F4A7C15
_FIRST, _SECOND = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def name_of(file: InputFile) -> str:
    """The name of a file and of its folder."""
    if file.is_stream:
        return file.path
    if file.is_remote:
        return "/".join(file.path.split("/")[-2:])
    whole = os.path.normpath(Path(file.folder or "").absolute() / file.path)
    return "/".join(Path(whole).parts[-2:])


def file_key(seed: int, name: str, size: int) -> int:
    """64 bits for a file of a name and so many bytes."""
    text = b"%d\0%d\0" % (seed, size) + os.fsencode(name)
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "little")


def draws(key: int, places: NDArray[np.int64]) -> NDArray[np.float64]:
    """float64 [N] in [0, 1) for places in a file: SplitMix64 of key and place, its upper 53 bits."""
    with np.errstate(over="ignore"):
        x = np.uint64(key) + (places.astype(np.uint64) + np.uint64(1)) * np.uint64(_GOLDEN)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(_FIRST)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(_SECOND)
        x = x ^ (x >> np.uint64(31))
    found: NDArray[np.float64] = (x >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return found


class Sample:
    """A share of all documents, about; each is drawn by itself."""

    def __init__(self, share: float, seed: int, files: list[InputFile]) -> None:
        self._share = share
        self._keys = [file_key(seed, name_of(file), file.size) for file in files]

    def holds(self, batch: DocumentBatch) -> NDArray[np.bool_]:
        """Which documents of a batch are in it.

        The place of a document is the byte behind it, which does not depend on how its file is cut into
        units; of rows their number.
        """
        places = np.where(batch.ends > 0, batch.ends, batch.records)
        held = np.zeros(len(batch), bool)
        for file in np.unique(batch.files).tolist():
            own = batch.files == file
            held[own] = draws(self._keys[file], places[own]) < self._share
        return held
