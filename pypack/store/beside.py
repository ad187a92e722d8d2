"""Files beside the tokens of a shard, of one value a token or a document, each mapped and never copied.

| file      | one value a | type    | says                                            | feature        |
|-----------|-------------|---------|-------------------------------------------------|----------------|
| `.mask`   | token       | bit     | whether it is learned                           | `loss_mask`    |
| `.group`  | document    | int32   | how many documents of its group stand before it | `groups`       |
| `.weight` | document    | float32 | how much its loss counts                        | `loss_weights` |
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from pypack import _core
from pypack._common.files import create, require_regular
from pypack.ragged import Ragged

MASK, GROUP, WEIGHT = ".mask", ".group", ".weight"
FEATURE_OF = {MASK: "loss_mask", GROUP: "groups", WEIGHT: "loss_weights"}
_DTYPES = {GROUP: np.dtype("<i4"), WEIGHT: np.dtype("<f4")}


class BesideWriter:
    """Writes one such file, of a suffix, at a path: a temporary one, which gets its name elsewhere."""

    def __init__(self, path: Path, suffix: str) -> None:
        self._path = path
        self._dtype = _DTYPES.get(suffix)
        self._file: BinaryIO = create(path)
        self._digest = hashlib.sha256()
        self._pending = b""  # the last byte of a mask, where it is not full
        self._bits = 0  # of it that are used

    def add_values(self, values: NDArray[Any]) -> None:
        """Appends one value a document."""
        assert self._dtype is not None
        self._write(np.ascontiguousarray(values, self._dtype).tobytes())

    def add_mask(
        self, learned: NDArray[np.bool_], offsets: NDArray[np.int64], begins: int, ends: int
    ) -> None:
        """Appends the bits of documents, see `pypack._core.pack_mask`."""
        bits = self._bits + int(offsets[-1] - offsets[0]) + (len(offsets) - 1) * (begins + ends)
        data = _core.pack_mask(learned.view(np.uint8), offsets, begins, ends, self._bits)
        if self._pending and data:
            data = bytes([data[0] | self._pending[0]]) + data[1:]
        if data:
            self._bits = bits % 8
            self._pending = data[-1:] if self._bits else b""
            self._write(data[:-1] if self._bits else data)

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._digest.update(data)

    def close(self) -> str:
        """Completes and syncs the file; returns its checksum."""
        self._write(self._pending)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return f"sha256:{self._digest.hexdigest()}"

    def abort(self) -> None:
        """Removes it."""
        with suppress(OSError):
            self._file.close()
        self._path.unlink(missing_ok=True)


class BesideValues:
    """What a batch of documents brings for the files beside the tokens."""

    def __init__(
        self,
        suffixes: Sequence[str],
        documents: Ragged,
        learned: NDArray[np.bool_] | None,
        places: NDArray[np.int32] | None,
        weights: NDArray[np.float32] | None,
    ) -> None:
        given = {MASK: learned, GROUP: places, WEIGHT: weights}
        sizes = {MASK: len(documents.values), GROUP: len(documents), WEIGHT: len(documents)}
        for suffix, values in given.items():
            if values is not None and suffix not in suffixes:
                raise ValueError(f"the store was not begun with beside=[{suffix!r}], which these values need")
            if values is not None and values.shape != (sizes[suffix],):
                raise ValueError(
                    f"values for {suffix} must have the shape ({sizes[suffix]},), got {values.shape}"
                )
        self._offsets = documents.offsets
        if MASK in suffixes and learned is None:
            learned = np.ones(len(documents.values), np.bool_)
        if GROUP in suffixes and places is None:
            places = np.zeros(len(documents), np.int32)
        if WEIGHT in suffixes and weights is None:
            weights = np.ones(len(documents), np.float32)
        self._learned, self._values = learned, {GROUP: places, WEIGHT: weights}

    def add(self, writers: Mapping[str, BesideWriter], start: int, stop: int, begins: int, ends: int) -> None:
        """Appends what is of documents start to stop."""
        for suffix, writer in writers.items():
            if suffix == MASK:
                assert self._learned is not None
                writer.add_mask(self._learned, self._offsets[start : stop + 1], begins, ends)
            else:
                values = self._values[suffix]
                assert values is not None
                writer.add_values(values[start:stop])


class DocumentValues:
    """One value a document of a store, mapped shard by shard.

    Args:
        files: of each shard; None where it has none, and all its documents have `default`.
        counts: documents of each shard.

    Raises:
        ValueError: a file has another size than its documents come to.
    """

    def __init__(
        self, files: Sequence[Path | None], counts: Sequence[int], suffix: str, default: float
    ) -> None:
        dtype = _DTYPES[suffix]
        self._parts: list[NDArray[Any]] = []
        for file, count in zip(files, counts, strict=True):
            if file is None:
                self._parts.append(np.broadcast_to(np.array(default, dtype), (count,)))
                continue
            require_regular(file)
            size = file.stat().st_size
            if size != count * dtype.itemsize:
                raise ValueError(
                    f"{file}: size: {size} bytes, {count} documents have {count * dtype.itemsize}; it is "
                    "truncated or of another shard"
                )
            mapped = np.memmap(file, dtype, "r", shape=(count,)) if count else np.empty(0, dtype)
            self._parts.append(mapped)
        self._firsts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)

    def of(self, documents: NDArray[np.int64]) -> NDArray[Any]:
        """The values of some documents; nothing else is read."""
        if len(self._parts) == 1:
            return np.asarray(self._parts[0][documents])
        shards = np.searchsorted(self._firsts, documents, side="right") - 1
        values = np.empty(len(documents), self._parts[0].dtype)
        for shard in np.unique(shards):
            inside = shards == shard
            values[inside] = self._parts[shard][documents[inside] - self._firsts[shard]]
        return values

    def all(self) -> NDArray[Any]:
        """The values of all documents, a copy."""
        return np.concatenate(self._parts)
