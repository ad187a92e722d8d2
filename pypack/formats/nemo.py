"""NeMo's packed supervised fine-tuning data: a NumPy file of one dict a sequence."""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pypack._common.files import atomic_writer
from pypack.batch import IGNORE_LABEL
from pypack.formats.rows import iterate_rows
from pypack.plan.plan import Plan
from pypack.ragged import Ragged
from pypack.store.store import TokenStore

MAGIC = np.lib.format.MAGIC_PREFIX
# What a file's pickle may name: how NumPy pickles arrays and numbers. A pickle can call whatever it names.
_ALLOWED = {
    *itertools.product(("numpy.core.multiarray", "numpy._core.multiarray"), ("_reconstruct", "scalar")),
    ("numpy.core.numeric", "_frombuffer"),
    ("numpy._core.numeric", "_frombuffer"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
}
_READ_SEQUENCES = 1000


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
    for start in range(0, len(sequences), _READ_SEQUENCES):
        documents: list[NDArray[np.int64]] = []
        masks: list[NDArray[np.int32]] = []
        for number, sequence in enumerate(sequences[start : start + _READ_SEQUENCES], start):
            try:
                tokens, learned = np.asarray(sequence["input_ids"]), np.asarray(sequence["loss_mask"])
                bounds = [*map(int, sequence["seq_start_id"]), len(tokens)]
            except (TypeError, KeyError, ValueError) as error:
                raise ValueError(
                    f"{path}: sequence {number} must be a dict of input_ids, loss_mask and seq_start_id"
                ) from error
            if len(learned) != len(tokens) or bounds[0] != 0 or bounds != sorted(bounds):
                raise ValueError(
                    f"{path}: sequence {number} has {len(tokens)} input_ids, {len(learned)} values of "
                    f"loss_mask, and seq_start_id from {bounds[0]}: they must be as many, and rise from 0"
                )
            if len(tokens) and (
                tokens.dtype.kind not in "iu" or not 0 <= tokens.min() <= tokens.max() < 2**31
            ):
                raise ValueError(f"{path}: sequence {number}: token ids must be integers from 0 to 2^31-1")
            for begin, end in itertools.pairwise(bounds):
                documents.append(tokens[begin:end])
                masks.append(_unlearned(learned[begin:end]))
        column = pa.array(masks, pa.list_(pa.int32()))
        yield Ragged.from_rows(documents), pa.RecordBatch.from_arrays([column], ["mask"])


def _unlearned(learned: NDArray[Any]) -> NDArray[np.int32]:
    """Ranges of tokens of a document that are not to be learned; learned[t] tells of token t + 1."""
    # Token 0 is learned by nobody, and needs no mask.
    hidden = np.concatenate([[False, False], learned[:-1] == 0, [False]])
    return np.flatnonzero(hidden[1:] != hidden[:-1]).astype(np.int32)


class _Numbers(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _ALLOWED:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"names {module}.{name}")


def _load(path: Path) -> NDArray[Any]:
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
        except ValueError as error:
            refuse(error)
        if not dtype.hasobject:
            refuse(f"it holds {dtype}")
        try:
            sequences = _Numbers(file).load()
        except Exception as error:  # a damaged pickle may raise anything
            refuse(error)
    if not isinstance(sequences, np.ndarray) or sequences.ndim != 1:
        refuse(f"it holds a {type(sequences).__name__}")
    return sequences
