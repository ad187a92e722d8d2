"""Files of samples, as MDS and LitData both have them, written and read as arrays.

A file is the number of samples n, uint32; where each begins and the last ends, uint32 [n + 1], in bytes of
the file; what the format adds; and the samples. A sample is the sizes of those of its fields that vary,
uint32, and the bytes of all fields. All little-endian.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pypack._common.files import create, require_regular
from pypack.formats.byte_rows import ByteRows, interleaved, sliced

FILE_BYTES = 1 << 26
_MOST_BYTES = 2**32 - 1
_READ_BYTES = 1 << 23


def samples_of(fields: Sequence[ByteRows]) -> ByteRows:
    """Samples of fields that all vary in size."""
    sizes = np.stack([np.diff(bounds) for _, bounds in fields], axis=1)
    if sizes.size and int(sizes.sum(axis=1).max()) > _MOST_BYTES // 2:
        raise ValueError("a row has more than 2 GiB, which these files cannot hold")
    rows, count = sizes.shape
    head = np.ascontiguousarray(sizes.astype("<u4")).view(np.uint8).reshape(-1)
    return interleaved([(head, np.arange(rows + 1, dtype=np.int64) * (4 * count)), *fields])


@dataclass(frozen=True)
class WrittenFile:
    """One file: its name, samples and bytes."""

    name: str
    samples: int
    size: int


class SampleWriter:
    """Writes samples into files of about 64 MiB, or of one sample that has more.

    Args:
        name: of the file of a number.
        extra: what stands between offsets and samples.
    """

    def __init__(self, directory: Path, name: Callable[[int], str], extra: bytes = b"") -> None:
        self.files: list[WrittenFile] = []
        self._directory = directory
        self._name = name
        self._extra = extra
        self._parts: list[ByteRows] = []
        self._bytes = 0

    def write(self, samples: ByteRows) -> None:
        """Adds samples."""
        data, bounds = samples
        start, count = 0, len(bounds) - 1
        while start < count:
            room = FILE_BYTES - self._bytes
            stop = int(np.searchsorted(bounds, bounds[start] + max(room, 0), side="right")) - 1
            if stop <= start:
                if self._parts:
                    self.finish()
                    continue
                stop = start + 1
            part = data[bounds[start] : bounds[stop]], bounds[start : stop + 1] - bounds[start]
            self._parts.append(part)
            self._bytes += len(part[0])
            start = stop

    def finish(self) -> None:
        """Writes the file of what was added, if anything was."""
        if not self._parts:
            return
        sizes = np.concatenate([np.diff(bounds) for _, bounds in self._parts])
        offsets = np.zeros(len(sizes) + 1, np.int64)
        np.cumsum(sizes, out=offsets[1:])
        offsets += 4 + 4 * len(offsets) + len(self._extra)
        name = self._name(len(self.files))
        with create(self._directory / name) as file:
            file.write(
                np.array([len(sizes)], "<u4").tobytes() + offsets.astype("<u4").tobytes() + self._extra
            )
            for data, _ in self._parts:
                file.write(data.data)
        self.files.append(WrittenFile(name, len(sizes), int(offsets[-1])))
        self._parts, self._bytes = [], 0


class SampleFile:
    """Reads one such file, memory-mapped.

    Args:
        samples: how many it must hold.
        sizes: of each field in bytes, None where it varies.

    Raises:
        ValueError: it is damaged; the message names it.
    """

    def __init__(self, path: Path, samples: int, sizes: Sequence[int | None]) -> None:
        require_regular(path)
        self._path = path
        self._sizes = sizes
        size = path.stat().st_size
        if size < 4 + 4 * (samples + 1):
            raise ValueError(
                f"{path}: {size} bytes, too few for the {samples} samples that its index tells of"
            )
        self._data = np.memmap(path, np.uint8, "r")
        head = self._data[: 4 + 4 * (samples + 1)].view("<u4").astype(np.int64)
        self._offsets = head[1:]
        rises = bool((np.diff(self._offsets) >= 0).all())
        if head[0] != samples or not rises or self._offsets[0] < len(head) * 4 or self._offsets[-1] > size:
            raise ValueError(f"{path}: its offsets are not those of {samples} samples in {size} bytes")

    def fields(self) -> Iterator[list[ByteRows]]:
        """The fields of some samples at a time."""
        count, start = len(self._offsets) - 1, 0
        while start < count:
            stop = int(np.searchsorted(self._offsets, self._offsets[start] + _READ_BYTES, side="right")) - 1
            stop = min(max(stop, start + 1), count)
            yield self._part(self._offsets[start : stop + 1])
            start = stop

    def _part(self, bounds: NDArray[np.int64]) -> list[ByteRows]:
        starts, lengths = bounds[:-1], np.diff(bounds)
        varying = sum(size is None for size in self._sizes)
        if len(lengths) and int(lengths.min()) < 4 * varying:
            raise ValueError(f"{self._path}: a sample is shorter than the sizes of its fields")
        places = starts[:, None] + np.arange(4 * varying)
        found = np.ascontiguousarray(self._data[places]).view("<u4").astype(np.int64)
        sizes = np.empty((len(starts), len(self._sizes)), np.int64)
        at = 0
        for number, size in enumerate(self._sizes):
            sizes[:, number] = found[:, at] if size is None else size
            at += size is None
        if not np.array_equal(sizes.sum(axis=1) + 4 * varying, lengths):
            raise ValueError(f"{self._path}: the sizes of a sample's fields do not add up to it")
        begins = starts[:, None] + 4 * varying + np.cumsum(sizes, axis=1) - sizes
        return [sliced(self._data, begins[:, i], sizes[:, i]) for i in range(len(self._sizes))]
