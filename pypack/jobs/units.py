"""The units of a job: pieces of its list of inputs, cut by names and sizes alone.

What a store is made of depends on this list, never on who works on it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from pypack._common.words import counted
from pypack.corpus import InputFile

DEFAULT_UNIT_BYTES = 1 << 30
# Each unit is files of its own, and takes some hundredths of a second: of small ones there may be so many.
SMALL_UNIT_BYTES = 1 << 16
MOST_SMALL_UNITS = 4096
# Compressed files hold some four times what they are on disk.
_COMPRESSED_SHARE = 4

# (rows, bytes on disk) of each row group of a Parquet file, none if they cannot be read.
RowGroups = Callable[[str], Sequence[tuple[int, int]]]


@dataclass(frozen=True)
class Unit:
    """A run of whole files, or a piece of one.

    Attributes:
        number: its place in the list.
        first, stop: numbers of the first file and of the one behind the last.
        begin, end: of a piece: where its first line may start and where none does any more, in bytes; of
            Parquet, rows. `end` is None for whole files.
        size: bytes on disk, for the order of work and for progress.
        most_documents: it ends with so many; None: with as many as the job may have. See
            `pypack.jobs.limit`.
    """

    number: int
    first: int
    stop: int
    size: int
    begin: int = 0
    end: int | None = None
    most_documents: int | None = None

    def files(self, inputs: Sequence[InputFile]) -> list[InputFile]:
        """What it reads."""
        if self.end is None:
            return list(inputs[self.first : self.stop])
        return [replace(inputs[self.first], begin=self.begin, end=self.end)]

    def to_json(self) -> list[int]:
        """The unit in `job.json`."""
        place = [self.first, self.stop, self.size]
        return place if self.end is None else [*place, self.begin, self.end]

    @classmethod
    def from_json(cls, number: int, values: Sequence[int]) -> Unit:
        """The reverse of `to_json`."""
        return cls(number, *values)


def make_units(
    files: Sequence[InputFile], unit_bytes: int, *, cut_text: bool, row_groups: RowGroups
) -> list[Unit]:
    """Cuts the inputs into units.

    Whole files are gathered as long as they have no more than `unit_bytes` together, on disk, of which a
    compressed one counts four times. Larger files of plain lines are cut at multiples of `unit_bytes`,
    Parquet files between row groups; compressed files and Arrow files never. What can be read only once is a
    unit for itself.

    Args:
        cut_text: text files hold a document a line.
        row_groups: looks them up by path; called for large Parquet files only.

    Raises:
        ValueError: these would be very many small units.
    """
    pieces = sum(file.size // unit_bytes for file in files if _is_plain(file))
    if unit_bytes < SMALL_UNIT_BYTES and pieces > MOST_SMALL_UNITS:
        raise ValueError(
            f"unit_bytes={unit_bytes} cuts the inputs into {counted(pieces, 'unit')}, each with files of its "
            f"own; give at least {SMALL_UNIT_BYTES} for more than {MOST_SMALL_UNITS:,} (the default is "
            f"{DEFAULT_UNIT_BYTES:,})"
        )
    units: list[Unit] = []

    def add(first: int, stop: int, size: int, begin: int = 0, end: int | None = None) -> None:
        units.append(Unit(len(units), first, stop, size, begin, end))

    start, gathered, size = 0, 0, 0  # of the run of whole files that is being gathered
    for i, file in enumerate(files):
        weight = file.size * (1 if _is_plain(file) else _COMPRESSED_SHARE)
        alone = file.is_stream or weight > unit_bytes
        if i > start and (alone or gathered + weight > unit_bytes):
            add(start, i, size)
            start, gathered, size = i, 0, 0
        gathered, size = gathered + weight, size + file.size
        if alone:
            for begin, end, part in _pieces(file, unit_bytes, cut_text, row_groups):
                add(i, i + 1, part, begin, end)
            start, gathered, size = i + 1, 0, 0
    if start < len(files):
        add(start, len(files), size)
    return units


def _is_plain(file: InputFile) -> bool:
    return file.compression is None and file.format not in ("parquet", "arrow")


def _pieces(
    file: InputFile, unit_bytes: int, cut_text: bool, row_groups: RowGroups
) -> Iterable[tuple[int, int | None, int]]:
    """(begin, end, bytes) of the pieces of a file that is a unit for itself at least."""
    whole: list[tuple[int, int | None, int]] = [(0, None, file.size)]
    if file.is_stream:
        return whole
    if _is_plain(file) and (file.format == "json_lines" or (file.format == "text" and cut_text)):
        borders = [*range(0, file.size, unit_bytes), file.size]
        return [(a, b, b - a) for a, b in itertools.pairwise(borders)]
    if file.format == "parquet":
        return list(_runs(row_groups(file.location), unit_bytes // _COMPRESSED_SHARE)) or whole
    return whole


def _runs(groups: Sequence[tuple[int, int]], most_bytes: int) -> Iterator[tuple[int, int, int]]:
    """Runs of row groups of at most so many bytes, or of one row group; (first row, end, bytes)."""
    begin = row = size = 0
    for rows, group_size in groups:
        if row > begin and size + group_size > most_bytes:
            yield begin, row, size
            begin, size = row, 0
        row, size = row + rows, size + group_size
    if row > begin:
        yield begin, row, size
