"""One file of tokens without a header, as nanoGPT, OLMo and Dolma map it, with the documents' bounds.

| file                   | content                                                                          |
|------------------------|----------------------------------------------------------------------------------|
| `tokens.npy`           | tokens in the store's dtype (bare, in spite of the name that OLMo-core gives it) |
| `document_offsets.npy` | int64 [documents + 1], a NumPy file                                              |
| `tokens.csv.gz`        | Dolma's columns: start, end, id, source, number from 1                           |
| `label_mask.npy`       | with a loss mask: a bare byte a token, 1 where it is learned (OLMo-core)          |
| `row_offsets.npy`      | of packed rows: int64 [rows + 1], the documents that each row begins with        |
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from pypack._common.files import create
from pypack._common.number_pieces import PIECE, ArrayNumbers, SpilledNumbers
from pypack.formats import about_file
from pypack.formats.about_file import MissingOptionsError
from pypack.formats.dolma import BoundsFile
from pypack.formats.stream import About, Block, Contents, Stream, block_bounds
from pypack.ragged import Ragged
from pypack.store.format import dtype_for_vocabulary

TOKENS_FILE = "tokens.npy"
OFFSETS_FILE = "document_offsets.npy"
ROWS_FILE = "row_offsets.npy"
MASK_FILE = "label_mask.npy"
BOUNDS_FILE = "tokens.csv.gz"


def write(stream: Stream, directory: Path) -> int:
    """Writes the rows end to end; returns how many."""
    directory.mkdir(parents=True, exist_ok=True)
    dtype = stream.about.dtype or dtype_for_vocabulary(stream.about.vocab_size or 2**31)
    with ExitStack() as files, SpilledNumbers(np.int64) as offsets, SpilledNumbers(np.int64) as rows:
        for bounds_of in (offsets, rows):
            bounds_of.add(np.zeros(1, np.int64))
        end = 0
        tokens = files.enter_context(create(directory / TOKENS_FILE))
        mask: BinaryIO | None = None
        if stream.has_mask:
            mask = files.enter_context(create(directory / MASK_FILE))
        bounds = files.enter_context(BoundsFile(directory / BOUNDS_FILE, stream.contents.name))
        for block in stream.blocks:
            tokens.write(block.documents.values.astype(dtype).data)
            if mask is not None:
                assert block.learned is not None
                mask.write(block.learned.data)
            rows.add(block.row_documents[1:] + (len(offsets) - 1))
            ends = block.documents.offsets[1:] + end
            offsets.add(ends)
            bounds.add(ends)
            end += len(block.documents.values)
        _save(directory / OFFSETS_FILE, offsets)
        if stream.is_packed:
            _save(directory / ROWS_FILE, rows)
        return len(rows) - 1


def _save(path: Path, numbers: SpilledNumbers) -> None:
    """What `numpy.save` writes of them."""
    header = {"descr": "<i8", "fortran_order": False, "shape": (len(numbers),)}
    with create(path) as file:
        np.lib.format.write_array_header_1_0(file, header)
        file.writelines(piece.data for piece in numbers.pieces())


def read(path: Path, dtype: str | None, end_id: int | None, found: about_file.Found | None) -> Stream:
    """Rows of a file of tokens: between the bounds beside it, or up to each `end_id` (which they keep).

    Raises:
        ValueError: neither is there, the dtype is missing, or the file is no whole number of tokens.
    """
    about = About() if found is None else found.about
    dtype = dtype or about.dtype
    beside = path.with_name(OFFSETS_FILE)
    problems = _problems(path, dtype, end_id)
    if problems:
        raise MissingOptionsError(f"{path}: " + "; ".join(problems))
    assert dtype is not None
    size = path.stat().st_size
    tokens = np.memmap(path, dtype, "r") if size else np.zeros(0, dtype)
    if beside.is_file():
        offsets = _bounds(beside, len(tokens), f"the {len(tokens)} tokens of {path.name}")
    else:
        assert end_id is not None
        offsets = _up_to(tokens, end_id)
    rows = None
    if path.with_name(ROWS_FILE).is_file() and beside.is_file():
        rows = _bounds(path.with_name(ROWS_FILE), len(offsets) - 1, f"the {len(offsets) - 1} documents")
    mask = None
    if path.name == TOKENS_FILE and path.with_name(MASK_FILE).is_file():
        mask = np.memmap(path.with_name(MASK_FILE), np.uint8, "r") if size else np.zeros(0, np.uint8)
        if len(mask) != len(tokens):
            raise ValueError(f"{path.with_name(MASK_FILE)}: {len(mask)} bytes for {len(tokens)} tokens")
    return Stream(
        _blocks(path, tokens, mask, offsets, rows),
        about,
        Contents(
            documents=len(offsets) - 1,
            rows=len(offsets if rows is None else rows) - 1,
            notes=_notes(path),
        ),
        has_mask=mask is not None,
        is_packed=path.with_name(ROWS_FILE).is_file(),
    )


def _problems(path: Path, dtype: str | None, end_id: int | None) -> list[str]:
    """What a file of bare tokens does not say, and nobody has said rightly: all of it at once."""
    problems = []
    if dtype is None:
        problems.append(
            "a file of bare tokens does not say their type: give dtype (--dtype TYPE), such as uint16"
        )
    else:
        try:
            is_whole = np.dtype(dtype).kind in "iu"
        except (TypeError, ValueError):
            is_whole = False
        size = path.stat().st_size
        if not is_whole:
            problems.append(f"tokens are whole numbers: give a dtype such as uint16, not {dtype!r}")
        elif size % np.dtype(dtype).itemsize:
            problems.append(f"{size} bytes are no whole number of {dtype} tokens; is the dtype right?")
    if end_id is None and not path.with_name(OFFSETS_FILE).is_file():
        problems.append(
            f"no {OFFSETS_FILE} beside it: give end_id (--end-id ID), the token that ends a document"
        )
    return problems


def _notes(path: Path) -> tuple[str, ...]:
    """nanoGPT's vocabulary of characters is a pickle, which would run what it names."""
    place = path.with_name("meta.pkl")
    return (f"{place} is not read: it is a pickle",) if place.is_file() else ()


def _up_to(tokens: NDArray[Any], end_id: int) -> NDArray[np.int64]:
    parts, step = [np.zeros(1, np.int64)], 1 << 24
    for start in range(0, len(tokens), step):
        parts.append(np.flatnonzero(tokens[start : start + step] == end_id) + (start + 1))
    offsets = np.concatenate(parts)
    # The last document has no end.
    return offsets if offsets[-1] == len(tokens) else np.append(offsets, len(tokens))


def _bounds(path: Path, last: int, what: str) -> NDArray[np.int64]:
    """Rising bounds from 0 in a NumPy file, which must be no larger than it says; int64, mapped."""
    try:
        offsets = np.load(path, mmap_mode="r", allow_pickle=False)
    except (MemoryError, Exception) as error:  # its header is Python source, and may say anything
        raise ValueError(f"{path}: not readable ({' '.join(str(error).split())[:200]})") from error
    if offsets.ndim != 1 or offsets.dtype.kind not in "iu":
        raise ValueError(
            f"{path}: bounds are a vector of whole numbers, found {offsets.dtype} {offsets.shape}"
        )
    before, falls = 0, False
    for piece in ArrayNumbers(offsets).pieces():
        numbers = piece.astype(np.int64)
        falls |= bool((np.diff(numbers, prepend=before) < 0).any())
        before = int(numbers[-1])
    if len(offsets) == 0 or offsets[0] != 0 or before != last or falls:
        raise ValueError(f"{path}: does not rise from 0 to {what}")
    whole: NDArray[np.int64] = offsets.astype(np.int64, copy=False)
    return whole


def _blocks(
    path: Path,
    tokens: NDArray[Any],
    mask: NDArray[np.uint8] | None,
    offsets: NDArray[np.int64],
    rows: NDArray[np.int64] | None,
) -> Generator[Block, None, None]:
    count = len(offsets if rows is None else rows) - 1
    for start in range(0, count, PIECE):
        stop = min(count, start + PIECE)
        documents = np.arange(start, stop + 1) if rows is None else np.asarray(rows[start : stop + 1])
        ends = np.asarray(offsets[documents])
        for first, last in block_bounds(ends[1:] - ends[0]):
            part = tokens[ends[first] : ends[last]]
            if len(part) and int(part.min()) < 0:
                raise ValueError(f"{path}: negative token ids; is the dtype right?")
            if len(part) and int(part.max()) >= 2**31:
                raise ValueError(f"{path}: token ids above 2^31-1; is the dtype right?")
            learned = None if mask is None else np.asarray(mask[ends[first] : ends[last]]) != 0
            a, b = int(documents[first]), int(documents[last])
            yield Block(
                Ragged(part.astype(np.uint32), np.asarray(offsets[a : b + 1]) - ends[first]),
                documents[first : last + 1] - a,
                learned,
            )
