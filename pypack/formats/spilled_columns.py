"""Columns in a file of their own on the disk, whose rows are taken in any order."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


class SpilledColumns:
    """Rows of batches, kept in a temporary file (in TMPDIR) that is mapped: memory does not grow with them.

    Args:
        batches: all of `schema`.
    """

    def __init__(self, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
        self._schema = schema
        descriptor, name = tempfile.mkstemp(prefix="pypack-columns.")
        rows = [0]
        try:
            with os.fdopen(descriptor, "wb") as file, pa.ipc.new_file(file, schema) as writer:
                for batch in batches:
                    writer.write_batch(batch)
                    rows.append(rows[-1] + batch.num_rows)
            self._mapped = pa.memory_map(name)
        finally:
            Path(name).unlink()  # what is mapped stays until it is closed
        self._file = pa.ipc.open_file(self._mapped)
        self._firsts = np.array(rows, np.int64)

    def take(self, places: NDArray[np.int64]) -> pa.RecordBatch:
        """The rows at these places, in their order."""
        chunks = np.searchsorted(self._firsts, places, side="right") - 1
        order = np.argsort(chunks, kind="stable")
        parts = [
            self._file.get_batch(int(chunk)).take(pa.array(places[order[start:stop]] - self._firsts[chunk]))
            for chunk, start, stop in _runs(chunks[order])
        ]
        if not parts:
            return pa.RecordBatch.from_pylist([], schema=self._schema)
        if len(parts) == 1:  # they are in their order: one run
            return parts[0]
        back = np.empty(len(order), np.int64)
        back[order] = np.arange(len(order))
        joined = pa.Table.from_batches(parts).combine_chunks().to_batches()[0]
        return joined.take(pa.array(back))

    def close(self) -> None:
        """Gives the file back."""
        self._mapped.close()


def _runs(sorted_numbers: NDArray[np.int64]) -> list[tuple[int, int, int]]:
    """(number, start, stop) of each run of equal ones."""
    if not len(sorted_numbers):
        return []
    starts = np.flatnonzero(np.append(True, sorted_numbers[1:] != sorted_numbers[:-1]))
    stops = np.append(starts[1:], len(sorted_numbers))
    return [
        (int(sorted_numbers[start]), int(start), int(stop)) for start, stop in zip(starts, stops, strict=True)
    ]
