"""JSON lines to token ids in Megatron's form, by gigatoken: the fast path of Megatron-LM's preprocessing.

    python bench/peers/jobs/with_gigatoken.py LINES.jsonl TOKENIZER.json OUT EOS_ID

gigatoken reads and encodes the file with its own threads (RAYON_NUM_THREADS), and Megatron's
IndexedDatasetBuilder writes document by document. Writes OUT/ids.bin and OUT/ids.idx. Imports nothing of
pypack.
"""

from __future__ import annotations

import sys
from pathlib import Path

import awkward as ak
import gigatoken
import numpy as np
from megatron.core.datasets.indexed_dataset import DType, IndexedDatasetBuilder


def main(lines: str, tokenizer_file: str, out: str, eos_id: str) -> None:
    """Writes the dataset."""
    tokenizer = gigatoken.Tokenizer.from_json(Path(tokenizer_file).read_text(encoding="utf-8"))
    Path(out).mkdir()
    dtype = DType.optimal_dtype(tokenizer.vocab_size)
    encoded = tokenizer.encode_files(gigatoken.JsonlFileSource([lines], field="text"))
    offsets = np.concatenate(([0], np.cumsum(np.asarray(ak.num(encoded)))))
    values = np.asarray(ak.flatten(encoded))
    builder = IndexedDatasetBuilder(f"{out}/ids.bin", dtype=dtype)
    end = np.array([int(eos_id)], dtype)
    for begin, stop in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
        ids = np.concatenate((values[begin:stop].astype(dtype), end))
        builder.add_document(ids, [len(ids)])
    builder.finalize(f"{out}/ids.idx")


if __name__ == "__main__":
    main(*sys.argv[1:])
