"""One Megatron-Core dataset (`.bin` and `.idx`): a sequence a document, a Megatron document a row."""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pypack._common.files import create, require_regular
from pypack._common.number_pieces import PIECE, FileNumbers, SpilledNumbers
from pypack.formats import about_file
from pypack.formats.stream import About, Block, Contents, Stream, block_bounds
from pypack.ragged import Ragged
from pypack.store.format import dtype_for_vocabulary
from pypack.store.index_file import index_pieces

MAGIC = b"MMIDIDX\x00\x00"
_HEADER = struct.Struct("<9sQBQQ")
_DTYPES = {1: "<u1", 2: "<i1", 3: "<i2", 4: "<i4", 5: "<i8", 8: "<u2"}


def write(stream: Stream, prefix: Path) -> int:
    """Writes `<prefix>.bin` and `<prefix>.idx`; returns the number of rows.

    A packed row is a Megatron document of several sequences: who reads documents sees the row, who reads
    sequences its documents.
    """
    dtype = stream.about.dtype or dtype_for_vocabulary(stream.about.vocab_size or 2**31)
    with SpilledNumbers(np.int32) as lengths, SpilledNumbers(np.int64) as bounds:
        bounds.add(np.zeros(1, np.int64))
        with create(prefix.with_name(prefix.name + ".bin")) as file:
            for block in stream.blocks:
                file.write(block.documents.values.astype(dtype).data)
                bounds.add(block.row_documents[1:] + len(lengths))
                lengths.add(block.documents.lengths)
        with create(prefix.with_name(prefix.name + ".idx")) as file:
            file.writelines(index_pieces(lengths, np.dtype(dtype).name, bounds))
        return len(bounds) - 1


def prefix_of(path: Path) -> Path | None:
    """The prefix of the dataset that a path names: it, or one of its files; None if it is none."""
    prefix = path.with_suffix("") if path.suffix in (".bin", ".idx") else path
    index = prefix.with_name(prefix.name + ".idx")
    if not index.is_file() or not prefix.with_name(prefix.name + ".bin").is_file():
        return None
    with index.open("rb") as file:
        return prefix if file.read(len(MAGIC)) == MAGIC else None


def read(prefix: Path, found: about_file.Found | None) -> Stream:
    """Rows of such a dataset; memory-mapped.

    Raises:
        ValueError: a file is damaged, or holds what is no text (modes of sequences).
    """
    index = _Index(prefix.with_name(prefix.name + ".idx"))
    data = prefix.with_name(prefix.name + ".bin")
    require_regular(data)
    size = data.stat().st_size
    items = size // index.dtype.itemsize
    is_whole, is_packed = index.checked(data, items, size)
    tokens = np.memmap(data, index.dtype, "r", shape=(items,)) if items else np.zeros(0, index.dtype)

    def blocks() -> Generator[Block, None, None]:
        for starts, lengths, rows in index.parts():
            ends = np.concatenate([[0], np.cumsum(lengths)])
            for first, last in block_bounds(ends[rows[1:]]):
                a, b = int(rows[first]), int(rows[last])
                offsets = ends[a : b + 1] - ends[a]
                if is_whole:
                    begin = int(starts[a]) if b > a else 0
                    ids = tokens[begin : begin + int(offsets[-1])]
                else:  # sequences that stand in another order than their index
                    ids = tokens[np.repeat(starts[a:b] - offsets[:-1], lengths[a:b]) + np.arange(offsets[-1])]
                if len(ids) and (int(ids.min()) < 0 or int(ids.max()) >= 2**31):
                    raise ValueError(
                        f"{data}: token ids must be from 0 to 2^31-1, found {ids.min()} to {ids.max()}"
                    )
                yield Block(Ragged(ids.astype(np.uint32), offsets), rows[first : last + 1] - a)

    return Stream(
        blocks(),
        About() if found is None else found.about,
        Contents(documents=len(index.lengths), rows=len(index.rows) - 1),
        is_packed=is_packed or (found is not None and found.is_packed),
    )


class _Index:
    """An `.idx`, of which a piece at a time is in memory.

    Attributes:
        lengths, starts: of each sequence its tokens, and the byte that it begins at.
        rows: the sequence that each document begins with, and their number.
        dtype: of the tokens.

    Raises:
        ValueError: it is no index, or cut off.
    """

    def __init__(self, path: Path) -> None:
        require_regular(path)
        self._path = path
        size = path.stat().st_size
        if size < _HEADER.size:
            raise ValueError(f"{path}: {size} bytes, shorter than the header of an index")
        with path.open("rb") as file:
            magic, version, code, count, bounds = _HEADER.unpack(file.read(_HEADER.size))
        if magic != MAGIC or version != 1 or code not in _DTYPES:
            raise ValueError(
                f"{path}: no Megatron-Core index of version 1 with tokens that are whole numbers"
            )
        parts = (4 * count, 8 * count, 8 * bounds)
        if bounds < 1 or size != _HEADER.size + sum(parts):
            raise ValueError(
                f"{path}: size: {size} bytes, {count} sequences and {bounds} bounds of documents come to "
                f"{_HEADER.size + sum(parts)}; it is truncated, or its sequences have modes"
            )
        self.dtype: np.dtype[np.generic] = np.dtype(_DTYPES[code])
        self.lengths = FileNumbers(path, "<i4", _HEADER.size, count)
        self.starts = FileNumbers(path, "<i8", _HEADER.size + parts[0], count)
        self.rows = FileNumbers(path, "<i8", _HEADER.size + parts[0] + parts[1], bounds)

    def checked(self, data: Path, items: int, size: int) -> tuple[bool, bool]:
        """Whether sequences stand end to end, and whether a document has another number of them than one.

        Args:
            data: the file of the tokens, and
            items, size: how many it has, and its bytes.

        Raises:
            ValueError: the index is damaged, or tells of more tokens than there are.
        """
        count, item = len(self.lengths), self.dtype.itemsize
        is_whole, is_packed = True, False
        end = 0
        for starts, lengths in zip(self.starts.pieces(), self.lengths.pieces(), strict=True):
            if (starts % item).any():
                raise ValueError(f"{self._path}: sequences begin inside a token")
            starts = starts // item
            stops = starts + lengths
            if (
                int(lengths.min()) < 0
                or int(starts.min()) < 0
                or max(int(starts.max()), int(stops.max())) > items
            ):
                raise ValueError(
                    f"{data}: {size} bytes, its index tells of more; it is truncated or of another index"
                )
            is_whole &= int(starts[0]) == end and bool((starts[1:] == stops[:-1]).all())
            end = int(stops[-1])
        before = np.zeros(1, np.int64)
        is_first = True
        for rows in self.rows.pieces():
            steps = np.diff(rows, prepend=before)
            if (is_first and rows[0] != 0) or (steps < 0).any():
                raise self._falls(count)
            is_packed |= bool((steps[int(is_first) :] != 1).any())
            before, is_first = rows[-1:], False
        if int(before[0]) != count:
            raise self._falls(count)
        return is_whole, is_packed

    def _falls(self, count: int) -> ValueError:
        return ValueError(
            f"{self._path}: the bounds of documents do not rise from 0 to its {count} sequences"
        )

    def parts(self) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
        """Of so many documents at a time where their sequences start, in tokens, how long these are, and of
        each document the first of them: int64 [D + 1], from 0."""
        for first in range(0, len(self.rows) - 1, PIECE):
            rows = self.rows.part(first, min(len(self.rows), first + PIECE + 1))
            a, b = int(rows[0]), int(rows[-1])
            starts = self.starts.part(a, b) // self.dtype.itemsize
            yield starts, self.lengths.part(a, b).astype(np.int64), rows - a
