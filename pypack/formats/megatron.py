"""One Megatron-Core dataset (`.bin` and `.idx`): a sequence a document, a Megatron document a row."""

from __future__ import annotations

import struct
from collections.abc import Generator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pypack._common.files import create, require_regular
from pypack._common.number_pieces import SpilledNumbers
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
    lengths, starts, rows, dtype = _index(prefix.with_name(prefix.name + ".idx"))
    data = prefix.with_name(prefix.name + ".bin")
    require_regular(data)
    size = data.stat().st_size
    items = size // dtype.itemsize
    if len(lengths) and (
        int(lengths.min()) < 0 or int(starts.min()) < 0 or int((starts + lengths).max()) > items
    ):
        raise ValueError(
            f"{data}: {size} bytes, its index tells of more; it is truncated or of another index"
        )
    tokens = np.memmap(data, dtype, "r", shape=(items,)) if items else np.zeros(0, dtype)
    ends = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    is_whole = bool((starts == ends[:-1]).all())

    def blocks() -> Generator[Block, None, None]:
        for first, last in block_bounds(ends[rows[1:]]):
            a, b = int(rows[first]), int(rows[last])
            offsets = ends[a : b + 1] - ends[a]
            if is_whole:
                ids = tokens[ends[a] : ends[b]]
            else:  # sequences that stand in another order than their index
                ids = tokens[np.repeat(starts[a:b] - offsets[:-1], lengths[a:b]) + np.arange(offsets[-1])]
            if len(ids) and (int(ids.min()) < 0 or int(ids.max()) >= 2**31):
                raise ValueError(
                    f"{data}: token ids must be from 0 to 2^31-1, found {ids.min()} to {ids.max()}"
                )
            yield Block(Ragged(ids.astype(np.uint32), offsets), rows[first : last + 1] - a)

    packed = bool((np.diff(rows) != 1).any())
    return Stream(
        blocks(),
        About() if found is None else found.about,
        Contents(documents=len(lengths), rows=len(rows) - 1),
        is_packed=packed or (found is not None and found.is_packed),
    )


def _index(
    path: Path,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], np.dtype[np.generic]]:
    """Lengths of the sequences, where they start in tokens, the sequences that each document begins with, and
    the type of the tokens."""
    require_regular(path)
    data = np.fromfile(path, np.uint8)
    if len(data) < _HEADER.size:
        raise ValueError(f"{path}: {len(data)} bytes, shorter than the header of an index")
    magic, version, code, count, bounds = _HEADER.unpack(data[: _HEADER.size].tobytes())
    if magic != MAGIC or version != 1 or code not in _DTYPES:
        raise ValueError(f"{path}: no Megatron-Core index of version 1 with tokens that are whole numbers")
    parts = (4 * count, 8 * count, 8 * bounds)
    if bounds < 1 or len(data) != _HEADER.size + sum(parts):
        raise ValueError(
            f"{path}: size: {len(data)} bytes, {count} sequences and {bounds} bounds of documents come to "
            f"{_HEADER.size + sum(parts)}; it is truncated, or its sequences have modes"
        )
    dtype: np.dtype[np.generic] = np.dtype(_DTYPES[code])
    a, b, c = np.split(data[_HEADER.size :], np.cumsum(parts)[:2])
    rows = np.frombuffer(c.tobytes(), "<i8")
    starts = np.frombuffer(b.tobytes(), "<i8")
    if rows[0] != 0 or rows[-1] != count or (np.diff(rows) < 0).any():
        raise ValueError(f"{path}: the bounds of documents do not rise from 0 to its {count} sequences")
    if (starts % dtype.itemsize).any():
        raise ValueError(f"{path}: sequences begin inside a token")
    return np.frombuffer(a.tobytes(), "<i4").astype(np.int64), starts // dtype.itemsize, rows, dtype
