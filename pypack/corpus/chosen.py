"""Some records of a file alone: those that were refused before it was mended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pypack.corpus.batch import DocumentBatch
from pypack.corpus.errors import ChangedInputError


@dataclass(frozen=True)
class ChosenRecords:
    """Which records of one file are wanted.

    Attributes:
        records: int64 [N], ascending: numbers of single records.
        rest: this record and all behind it, None if there is no such one.
        offset: uncompressed byte at which the first wanted record begins, in files of lines; None elsewhere.
            What stands before it must be as it was, or the numbers mean other records.
    """

    records: NDArray[np.int64]
    rest: int | None = None
    offset: int | None = None

    @property
    def first(self) -> int:
        """The first wanted record."""
        numbers = [int(self.records[0])] if len(self.records) else []
        return min([*numbers, *([] if self.rest is None else [self.rest])])

    def holds(self, numbers: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of some records are wanted."""
        wanted = np.isin(numbers, self.records, kind="sort")
        return wanted if self.rest is None else wanted | (numbers >= self.rest)


def only_chosen(
    batches: Iterator[DocumentBatch], chosen: ChosenRecords, path: str
) -> Iterator[DocumentBatch]:
    """The batches of one file with its chosen records alone; a file's own fault is always handed on.

    Raises:
        ChangedInputError: the first wanted record does not begin where it began.
    """
    checked = chosen.offset is None
    for batch in batches:
        if not checked and len(batch):
            checked = _check_place(batch, chosen, path)
        numbers = np.array([reject.record for reject in batch.rejects], np.int64)
        wanted = chosen.holds(numbers)
        rejects = [
            reject
            for reject, is_wanted in zip(batch.rejects, wanted.tolist(), strict=True)
            if is_wanted or reject.whole_file
        ]
        yield replace(batch.only(chosen.holds(batch.records)), rejects=rejects)


def _check_place(batch: DocumentBatch, chosen: ChosenRecords, path: str) -> bool:
    """Compares the place of the first wanted record, if the batch shows it; True once it has."""
    first, offset = chosen.first, chosen.offset
    assert offset is not None
    before = int(np.searchsorted(batch.records, first)) - 1
    if before >= 0 and int(batch.records[before]) == first - 1:
        if int(batch.ends[before]) != offset:
            raise ChangedInputError(
                f"{path}: its record {first} begins at byte {int(batch.ends[before]):,}, and began at byte "
                f"{offset:,} when the store was made: only what was refused may be mended, and what stands "
                "before it must stay as it is. Tokenize the file into a store of its own, or all anew with "
                "--overwrite"
            )
        return True
    return bool(int(batch.records[-1]) >= first)
