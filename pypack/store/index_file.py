"""The `.idx` of Megatron-Core (version 1): how long sequences are, where they begin, and whose they are."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pypack._common.number_pieces import PIECE, ArrayNumbers, Numbers

_HEADER = struct.Struct("<9sQBQQ")  # magic, version, dtype code, sequences, document bounds
INDEX_HEADER_BYTES = _HEADER.size
_DTYPE_CODES = {"uint8": 1, "int8": 2, "int16": 3, "int32": 4, "int64": 5, "uint16": 8}


def index_pieces(lengths: Numbers, dtype: str, bounds: Numbers | None = None) -> Iterator[bytes]:
    """The bytes of the `.idx` of sequences of these lengths, piece by piece.

    Args:
        lengths: int32, the tokens of each sequence.
        dtype: of the tokens.
        bounds: int64, the sequence that each document begins with, and their number; None: one each.
    """
    count = len(lengths)
    num_bounds = count + 1 if bounds is None else len(bounds)
    yield _HEADER.pack(b"MMIDIDX\x00\x00", 1, _DTYPE_CODES[dtype], count, num_bounds)
    for piece in lengths.pieces():
        yield piece.astype("<i4", copy=False).tobytes()
    begin, item = 0, np.dtype(dtype).itemsize
    for piece in lengths.pieces():
        ends = np.cumsum(piece, dtype=np.int64)
        yield ((begin + ends - piece) * item).astype("<i8", copy=False).tobytes()
        begin += int(ends[-1])
    for piece in _counted(num_bounds) if bounds is None else bounds.pieces():
        yield piece.astype("<i8", copy=False).tobytes()


def index_bytes(lengths: NDArray[np.int32], dtype: str) -> bytes:
    """The whole `.idx` of sequences of these lengths, each a document."""
    return b"".join(index_pieces(ArrayNumbers(lengths), dtype))


def _counted(count: int) -> Iterator[NDArray[np.int64]]:
    for first in range(0, count, PIECE):
        yield np.arange(first, min(count, first + PIECE), dtype=np.int64)
