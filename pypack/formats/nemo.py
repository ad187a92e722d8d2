"""NeMo's packed supervised fine-tuning data: a NumPy file of one dict a sequence."""

from __future__ import annotations

import dataclasses
import mmap
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pypack._common.files import create
from pypack.formats import about_file, nemo_pickle
from pypack.formats.pickled_arrays import PlainPickleError
from pypack.formats.pickled_items import items_of
from pypack.formats.stream import About, Block, Stream, with_first_tokens
from pypack.ragged import Ragged
from pypack.source.mask_ranges import unlearned_ranges

MAGIC = np.lib.format.MAGIC_PREFIX
_READ_SEQUENCES = 1000
_READ_TOKENS = 2**20
_LET_GO_BYTES = 1 << 24
# A number takes a byte of the file at least; more tokens than so many times its size repeat one list.
_MOST_REPEATED = 16
_FIELDS = ("input_ids", "loss_mask", "seq_start_id")


def write(rows_of: Stream, path: Path) -> int:
    """Writes the `.npy` that `GPTSFTPackedDataset` loads; returns the number of sequences.

    Each is a dict of lists: `input_ids`; `loss_mask`, 1 where the *next* token is learned; `seq_start_id`,
    where documents begin. NeMo reads such a file (pickled) into memory whole: it is for fine-tuning sets.
    """
    rows = rows_of.contents.rows
    head, tail = nemo_pickle.head_and_tail(rows)
    with create(path) as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": (rows,)})
        file.write(head)
        for block in rows_of.blocks:
            offsets = block.row_offsets
            starts = block.documents.offsets[:-1] - np.repeat(offsets[:-1], np.diff(block.row_documents))
            fields = (
                (block.documents.values.view(np.int32), offsets),
                (_next_learned(block).view(np.uint8), offsets),
                (starts, block.row_documents),
            )
            file.write(nemo_pickle.dicts(_FIELDS, fields).data)
        file.write(tail)
    return rows


def _next_learned(block: Block) -> NDArray[np.bool_]:
    """bool [N]: whether the token behind each is learned, in the same document."""
    offsets = block.documents.offsets
    learned = np.zeros(len(block.documents.values), np.bool_)
    learned[:-1] = True if block.learned is None else block.learned[1:]
    learned[offsets[1:][np.diff(offsets) > 0] - 1] = False
    return learned


def read(path: Path) -> Iterator[tuple[Ragged, pa.RecordBatch]]:
    """Documents of such a file, with a column `mask`; see `stream`."""
    for block in stream(path).blocks:
        assert block.columns is not None
        yield block.documents, block.columns


def stream(path: Path, found: about_file.Found | None = None) -> Stream:
    """Rows of such a file. What NeMo does not learn stands in `learned`, and in a column `mask` (lists of
    int32: start, stop, start, stop, ...), which `pypack.Source(store, plan, mask="mask")` takes.

    Raises:
        ValueError: the file is another kind of `.npy`, is damaged, or its pickle holds more than numbers.
    """
    about = About() if found is None else found.about
    return Stream(
        _blocks(path),
        dataclasses.replace(about, derived_columns=("mask",)),
        has_mask=True,
        is_packed=True,
    )


def _blocks(path: Path) -> Generator[Block, None, None]:
    allowed = _MOST_REPEATED * path.stat().st_size
    ids: list[NDArray[Any]] = []
    flags: list[NDArray[Any]] = []
    lengths: list[NDArray[np.int64]] = []
    waiting = total = 0
    with closing(_sequences(path)) as sequences:
        for number, sequence in enumerate(sequences):
            tokens, learned, bounds = _checked(sequence, f"{path}: sequence {number}")
            ids.append(tokens)
            flags.append(learned != 0)
            lengths.append(np.diff(bounds))
            waiting, total = waiting + len(tokens), total + len(tokens)
            if total > allowed:
                raise ValueError(
                    f"{path}: its sequences repeat what stands there once: more than {allowed} tokens"
                )
            if waiting >= _READ_TOKENS or len(ids) >= _READ_SEQUENCES:
                yield _block(ids, flags, lengths)
                ids, flags, lengths, waiting = [], [], [], 0
    if ids:
        yield _block(ids, flags, lengths)


def _block(ids: list[NDArray[Any]], flags: list[NDArray[Any]], lengths: list[NDArray[np.int64]]) -> Block:
    offsets = np.concatenate([[0], np.cumsum(np.concatenate(lengths))]).astype(np.int64)
    documents = Ragged(np.concatenate(ids).astype(np.uint32), offsets)
    counts = np.array([len(one) for one in lengths], np.int64)
    # Flag t tells of token t + 1: the last one of a document, of a token that is another's.
    learned = np.ones(len(documents.values), np.bool_)
    learned[1:] = np.concatenate(flags)[:-1]
    learned = with_first_tokens(learned, offsets)
    hidden = ~learned
    hidden[offsets[:-1][np.diff(offsets) > 0]] = False  # nobody learns it, and it needs no mask
    ranges, items = unlearned_ranges(~hidden, documents.lengths)
    bounds = np.concatenate([[0], np.cumsum(2 * ranges)]).astype(np.int32)
    column = pa.ListArray.from_arrays(pa.array(bounds), pa.array(items.reshape(-1)))
    return Block(
        documents,
        np.concatenate([[0], np.cumsum(counts)]),
        learned,
        columns=pa.RecordBatch.from_arrays([column], ["mask"]),
    )


def _checked(sequence: Any, place: str) -> tuple[NDArray[Any], NDArray[Any], list[int]]:
    """Ids, what is learned, and where documents begin and the last ends."""
    try:
        tokens, learned = _vector(sequence["input_ids"]), _vector(sequence["loss_mask"])
        bounds = [*_vector(sequence["seq_start_id"]).astype(np.int64).tolist(), len(tokens)]
    except (TypeError, KeyError, ValueError, OverflowError) as error:
        raise ValueError(f"{place} must be a dict of input_ids, loss_mask and seq_start_id") from error
    if len(learned) != len(tokens) or bounds[0] != 0 or bounds != sorted(bounds):
        raise ValueError(
            f"{place} has {len(tokens)} input_ids, {len(learned)} values of "
            f"loss_mask, and seq_start_id from {bounds[0]}: they must be as many, and rise from 0"
        )
    if len(tokens) and (tokens.dtype.kind not in "iu" or not 0 <= tokens.min() <= tokens.max() < 2**31):
        raise ValueError(f"{place}: token ids must be integers from 0 to 2^31-1")
    return tokens, learned, bounds


def _vector(values: Any) -> NDArray[Any]:
    """A list of numbers, or an array of them, as a vector; lists within a list are not looked into."""
    if not isinstance(values, np.ndarray) and not (
        isinstance(values, (list, tuple)) and set(map(type, values)) <= {int, float, bool}
    ):
        raise TypeError(f"a {type(values).__name__}")
    vector = np.asarray(values)
    if vector.ndim != 1 or vector.dtype.kind not in "biuf":
        raise TypeError(f"{vector.dtype} of {vector.ndim} dimensions")
    return vector


def _sequences(path: Path) -> Generator[Any, None, None]:
    """What the file holds an array of, one at a time."""

    def refuse(why: object) -> NoReturn:
        raise ValueError(f"{path}: not a packed file of NeMo, an object array of dicts of numbers: {why}")

    with path.open("rb") as file:
        try:
            version = np.lib.format.read_magic(file)
            read_header = (
                np.lib.format.read_array_header_1_0
                if version == (1, 0)
                else np.lib.format.read_array_header_2_0
            )
            _shape, _order, dtype = read_header(file)
        except (
            MemoryError,
            Exception,
        ) as error:  # its header is Python source
            refuse(f"{type(error).__name__}: {error}"[:200])
        if not dtype.hasobject:
            refuse(f"it holds {str(dtype)[:200]}")
        start = file.tell()
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            passed = 0
            try:
                for sequence, at in items_of(data, start):
                    yield sequence
                    passed = _let_go(data, passed, at)
            except PlainPickleError as error:
                refuse(error)


def _let_go(data: mmap.mmap, passed: int, at: int) -> int:
    """Takes pages that were read out of this process's memory, now and then; returns up to where."""
    if at - passed < _LET_GO_BYTES or not hasattr(mmap, "MADV_DONTNEED"):
        return passed
    end = at // mmap.PAGESIZE * mmap.PAGESIZE
    data.madvise(mmap.MADV_DONTNEED, passed, end - passed)
    return end
