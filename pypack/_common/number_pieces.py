"""Many numbers, a piece at a time: of an array, or of a temporary file, so that they need no memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
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

    def close(self) -> None:
        """Gives the file back."""
        self._file.close()

    def __enter__(self) -> SpilledNumbers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
