"""NeMo's packed supervised fine-tuning data: a NumPy file of one dict a sequence."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pypack._files import atomic_writer
from pypack.batch import IGNORE_LABEL
from pypack.formats.rows import iterate_rows
from pypack.plan import Plan
from pypack.store import TokenStore


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
