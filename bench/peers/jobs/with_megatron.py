"""JSON lines to token ids in Megatron's form: its IndexedDatasetBuilder, fed by the `tokenizers` library.

    python bench/peers/jobs/with_megatron.py LINES.jsonl TOKENIZER.json OUT EOS_ID

As Megatron-LM's preprocessing does: lines, json, encode, add_document; but encode_batch with the library's
own threads (RAYON_NUM_THREADS) in place of one document a call in a pool of processes. Writes OUT/ids.bin and
OUT/ids.idx. Imports nothing of pypack.
"""

from __future__ import annotations

import itertools
import json
import sys
from pathlib import Path

import numpy as np
from megatron.core.datasets.indexed_dataset import DType, IndexedDatasetBuilder
from tokenizers import Tokenizer

_BATCH = 1000  # documents


def main(lines: str, tokenizer_file: str, out: str, eos_id: str) -> None:
    """Writes the dataset."""
    tokenizer = Tokenizer.from_file(tokenizer_file)
    Path(out).mkdir()
    dtype = DType.optimal_dtype(tokenizer.get_vocab_size())
    builder = IndexedDatasetBuilder(f"{out}/ids.bin", dtype=dtype)
    with Path(lines).open(encoding="utf-8") as file:
        while batch := [json.loads(line)["text"] for line in itertools.islice(file, _BATCH)]:
            for encoding in tokenizer.encode_batch_fast(batch, add_special_tokens=False):
                ids = np.array([*encoding.ids, int(eos_id)], dtype)
                builder.add_document(ids, [len(ids)])
    builder.finalize(f"{out}/ids.idx")


if __name__ == "__main__":
    main(*sys.argv[1:])
