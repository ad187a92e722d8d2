"""One file of tokens without a header, as nanoGPT, OLMo and Dolma map it, with the documents' bounds."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pypack._common.files import atomic_writer, write_atomically
from pypack.formats.rows import iterate_rows
from pypack.plan.plan import Plan
from pypack.ragged import Ragged
from pypack.store.store import TokenStore

TOKENS_FILE = "tokens.npy"
OFFSETS_FILE = "document_offsets.npy"
BOUNDS_FILE = "tokens.csv.gz"
_READ_TOKENS = 2**20


def write(store: TokenStore, plan: Plan | None, directory: Path) -> int:
    """Writes the rows end to end; returns how many.

    `tokens.npy` holds nothing but tokens in the store's dtype (in spite of its name, which OLMo-core gives
    such files), `document_offsets.npy` int64 [rows + 1] is a NumPy file, `tokens.csv.gz` has Dolma's columns
    (start, end, id, source, number from 1).
    """
    directory.mkdir(parents=True, exist_ok=True)
    offsets = [np.zeros(1, np.int64)]
    with atomic_writer(directory / TOKENS_FILE) as file:
        for rows in iterate_rows(store, plan):
            file.write(rows.input_ids.astype(store.dtype).data)
            offsets.append(rows.offsets[1:] + offsets[-1][-1])
    bounds = np.concatenate(offsets)
    buffer = io.BytesIO()
    np.save(buffer, bounds)
    write_atomically(directory / OFFSETS_FILE, buffer.getvalue())
    text = io.StringIO()
    csv.writer(text).writerows(
        [begin, end, row, store.path.name, row + 1]
        for row, (begin, end) in enumerate(itertools.pairwise(bounds.tolist()))
    )
    write_atomically(directory / BOUNDS_FILE, gzip.compress(text.getvalue().encode(), mtime=0))
    return len(bounds) - 1


def read(path: Path, dtype: str | None, end_id: int | None) -> Iterator[Ragged]:
    """Documents of a file of tokens: between the bounds beside it, or up to each `end_id` (which they keep).

    Raises:
        ValueError: neither is there, the dtype is missing, or the file is no whole number of tokens.
    """
    if dtype is None:
        raise ValueError(f"{path}: a file of bare tokens does not say their type: give dtype, such as uint16")
    try:
        is_whole = np.dtype(dtype).kind in "iu"
    except (TypeError, ValueError):
        is_whole = False
    if not is_whole:
        raise ValueError(f"{path}: tokens are whole numbers: give a dtype such as uint16, not {dtype!r}")
    size = path.stat().st_size
    if size % np.dtype(dtype).itemsize:
        raise ValueError(f"{path}: {size} bytes are no whole number of {dtype} tokens; is the dtype right?")
    tokens = np.memmap(path, dtype, "r") if size else np.zeros(0, dtype)
    bounds = path.with_name(OFFSETS_FILE)
    if bounds.is_file():
        offsets = _bounds(bounds)
        if len(offsets) == 0 or offsets[0] != 0 or offsets[-1] != len(tokens) or (np.diff(offsets) < 0).any():
            raise ValueError(f"{bounds}: does not rise from 0 to the {len(tokens)} tokens of {path.name}")
    elif end_id is not None:
        offsets = np.concatenate([[0], np.flatnonzero(tokens == end_id) + 1])
        if offsets[-1] != len(tokens):
            offsets = np.append(offsets, len(tokens))  # the last document has no end
    else:
        raise ValueError(f"{path}: no {OFFSETS_FILE} beside it: give end_id, the token that ends a document")
    yield from _parts(path, tokens, offsets)


def _bounds(path: Path) -> NDArray[np.int64]:
    """The bounds of documents in a NumPy file, which must be no larger than it says."""
    try:
        offsets = np.load(path, mmap_mode="r", allow_pickle=False)
    except (MemoryError, Exception) as error:  # its header is Python source, and may say anything
        raise ValueError(f"{path}: not readable ({' '.join(str(error).split())[:200]})") from error
    if offsets.ndim != 1 or offsets.dtype.kind not in "iu":
        raise ValueError(
            f"{path}: bounds are a vector of whole numbers, found {offsets.dtype} {offsets.shape}"
        )
    return np.asarray(offsets).astype(np.int64)


def _parts(path: Path, tokens: NDArray[Any], offsets: NDArray[np.int64]) -> Iterator[Ragged]:
    start = 0
    while start < len(offsets) - 1:
        stop = max(start + 1, int(np.searchsorted(offsets, offsets[start] + _READ_TOKENS, side="right")) - 1)
        part = np.asarray(tokens[offsets[start] : offsets[stop]]).astype(np.int64)
        if len(part) and int(part.min()) < 0:
            raise ValueError(f"{path}: negative token ids; is the dtype right?")
        yield Ragged(part.astype(np.uint32), (offsets[start : stop + 1] - offsets[start]).astype(np.int64))
        start = stop
