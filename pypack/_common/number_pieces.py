"""Many numbers, a piece at a time: of an array, or of a temporary file, so that they need no memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

PIECE = 1 << 20  # numbers of a piece


class Numbers(Protocol):
    """So many numbers, given in pieces as often as is asked."""

    def __len__(self) -> int: ...
    def pieces(self) -> Iterator[NDArray[Any]]:
        """All of them in their order."""
        ...


class ArrayNumbers:
    """Those of an array."""

    def __init__(self, array: NDArray[Any]) -> None:
        self._array = array

    def __len__(self) -> int:
        return len(self._array)

    def pieces(self) -> Iterator[NDArray[Any]]:
        """Views of the array."""
        for first in range(0, len(self._array), PIECE):
            yield self._array[first : first + PIECE]


class FileNumbers:
    """Those of a part of a file, which is read anew each time: nothing of it is kept.

    Args:
        first: the byte that they begin at.
    """

    def __init__(self, path: Path, dtype: DTypeLike, first: int, count: int) -> None:
        self._path, self._dtype, self._first, self._count = path, np.dtype(dtype), first, count

    def __len__(self) -> int:
        return self._count

    def part(self, start: int, stop: int) -> NDArray[Any]:
        """Numbers start to stop.

        Raises:
            ValueError: the file has become shorter.
        """
        numbers = np.fromfile(
            self._path, self._dtype, stop - start, offset=self._first + start * self._dtype.itemsize
        )
        if len(numbers) != stop - start:
            raise ValueError(f"{self._path}: it became shorter while it was read")
        return numbers

    def pieces(self) -> Iterator[NDArray[Any]]:
        """Freshly read."""
        for start in range(0, self._count, PIECE):
            yield self.part(start, min(self._count, start + PIECE))


class SpilledNumbers:
    """Numbers that are kept in a temporary file (in TMPDIR) until they are all there. A context manager."""

    def __init__(self, dtype: DTypeLike) -> None:
        self._dtype = np.dtype(dtype)
        self._file = tempfile.TemporaryFile(prefix="pypack-numbers.")  # noqa: SIM115  # closed by `close`
        self._count = 0

    def add(self, numbers: NDArray[Any]) -> None:
        """Adds numbers behind the others."""
        self._file.write(np.ascontiguousarray(numbers, self._dtype).data)
        self._count += len(numbers)

    def __len__(self) -> int:
        return self._count

    def pieces(self) -> Iterator[NDArray[Any]]:
        """What was added; nothing may be added meanwhile."""
        self._file.seek(0)
        while data := self._file.read(PIECE * self._dtype.itemsize):
            yield np.frombuffer(data, self._dtype)

    def whole(self) -> NDArray[Any]:
        """All of them in memory."""
        return np.concatenate([np.zeros(0, self._dtype), *self.pieces()])

    def close(self) -> None:
        """Gives the file back."""
        self._file.close()

    def __enter__(self) -> SpilledNumbers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
