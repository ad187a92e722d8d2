"""The bounds of documents as Dolma and OLMo-core read them: `tokens.csv.gz`."""

from __future__ import annotations

import gzip
from pathlib import Path
from types import TracebackType

import numpy as np
import pyarrow as pa
import pyarrow.csv
from numpy.typing import NDArray

from pypack._common.files import create

_NAMES = ("start", "end", "id", "source", "number")


class BoundsFile:
    """Writes lines of start, end, id, source, number (from 1), without a header. A context manager.

    Args:
        source: what the documents come from.
    """

    def __init__(self, path: Path, source: str) -> None:
        self._source = source
        self._raw = create(path)
        # Nothing of the time and the name: the same documents, the same bytes.
        self._file = gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=self._raw, mtime=0)
        self._documents = 0
        self._end = 0

    def add(self, ends: NDArray[np.int64]) -> None:
        """Adds documents, by where they end."""
        if not len(ends):
            return
        numbers = np.arange(self._documents, self._documents + len(ends))
        starts = np.concatenate([[self._end], ends[:-1]])
        source = pa.DictionaryArray.from_arrays(np.zeros(len(ends), np.int32), [self._source]).cast(
            pa.string()
        )
        table = pa.table([starts, ends, numbers, source, numbers + 1], names=list(_NAMES))
        options = pa.csv.WriteOptions(include_header=False, quoting_style="needed")
        pa.csv.write_csv(table, self._file, options)
        self._documents += len(ends)
        self._end = int(ends[-1])

    def __enter__(self) -> BoundsFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._raw.close()
