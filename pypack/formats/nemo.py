"""NeMo's packed supervised fine-tuning data: a NumPy file of one dict a sequence."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pypack._common.files import atomic_writer
from pypack.batch import IGNORE_LABEL
from pypack.formats import plain_pickle
from pypack.formats.rows import iterate_rows
from pypack.plan.plan import Plan
from pypack.ragged import Ragged
from pypack.store.store import TokenStore

MAGIC = np.lib.format.MAGIC_PREFIX
_READ_SEQUENCES = 1000
_READ_TOKENS = 2**20
# A number takes a byte of the file at least; more tokens than so many times its size repeat one list.
_MOST_REPEATED = 16


def write(store: TokenStore, plan: Plan | None, path: Path) -> int:
    """Writes the `.npy` that `GPTSFTPackedDataset` loads; returns the number of sequences.

    Each is a dict of lists: `input_ids`; `loss_mask`, 1 where the *next* token is learned; `seq_start_id`,
    where documents begin. NeMo reads such a file (pickled) into memory whole, and so does this: it is for
    fine-tuning sets.
    """
    sequences: list[dict[str, list[int]]] = []
    for rows in iterate_rows(store, plan):
        for row in range(len(rows)):
            items = slice(int(rows.offsets[row]), int(rows.offsets[row + 1]))
            spans = rows.span_lengths[rows.row_spans[row] : rows.row_spans[row + 1]]
            learned = rows.labels[items] != IGNORE_LABEL
            sequences.append(
                {
                    "input_ids": rows.input_ids[items].tolist(),
                    "loss_mask": [*learned[1:].astype(int).tolist(), 0][: len(learned)],
                    "seq_start_id": [0, *np.cumsum(spans)[:-1].tolist()],
                }
            )
    boxes = np.empty(len(sequences), object)
    boxes[:] = sequences
    with atomic_writer(path) as file:
        np.save(file, boxes, allow_pickle=True)
    return len(sequences)


def read(path: Path) -> Iterator[tuple[Ragged, pa.RecordBatch]]:
    """Documents of such a file, in the order of its sequences.

    Yields:
        Some documents, and a column `mask` (lists of int32: start, stop, start, stop, ...) of the tokens that
        NeMo does not learn, which `pypack.Source(store, plan, mask="mask")` takes.

    Raises:
        ValueError: the file is another kind of `.npy`, is damaged, or its pickle holds more than numbers.
    """
    sequences = _load(path)
    allowed = _MOST_REPEATED * path.stat().st_size
    documents: list[NDArray[np.int64]] = []
    masks: list[NDArray[np.int32]] = []
    waiting = total = 0
    for number, sequence in enumerate(sequences):
        tokens, learned, bounds = _checked(sequence, f"{path}: sequence {number}")
        for begin, end in itertools.pairwise(bounds):
            documents.append(tokens[begin:end])
            masks.append(_unlearned(learned[begin:end]))
        waiting, total = waiting + len(tokens), total + len(tokens)
        if total > allowed:
            raise ValueError(
                f"{path}: its sequences repeat what stands there once: more than {allowed} tokens"
            )
        if waiting >= _READ_TOKENS or (number + 1) % _READ_SEQUENCES == 0 or number + 1 == len(sequences):
            column = pa.array(masks, pa.list_(pa.int32()))
            yield Ragged.from_rows(documents), pa.RecordBatch.from_arrays([column], ["mask"])
            documents, masks, waiting = [], [], 0


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


def _unlearned(learned: NDArray[Any]) -> NDArray[np.int32]:
    """Ranges of tokens of a document that are not to be learned; learned[t] tells of token t + 1."""
    # Token 0 is learned by nobody, and needs no mask.
    hidden = np.concatenate([[False, False], learned[:-1] == 0, [False]])
    return np.flatnonzero(hidden[1:] != hidden[:-1]).astype(np.int32)


def _load(path: Path) -> list[Any]:
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
        data = file.read()
    try:
        sequences = plain_pickle.load(data)
    except plain_pickle.PlainPickleError as error:
        refuse(error)
    if not isinstance(sequences, list):
        refuse(f"it holds a {type(sequences).__name__}")
    return sequences
