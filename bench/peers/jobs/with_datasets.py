"""JSON lines to token ids by Hugging Face datasets, as its users write it: load_dataset, then map.

    python bench/peers/jobs/with_datasets.py LINES.jsonl TOKENIZER.json OUT EOS_ID PROCESSES

`map` runs in PROCESSES processes, each with one thread of the `tokenizers` library, and writes Arrow files of
uint16 ids, OUT/ids_*.arrow. Imports nothing of pypack.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import datasets
import numpy as np
from tokenizers import Tokenizer


def main(lines: str, tokenizer_file: str, out: str, eos_id: str, processes: str) -> None:
    """Writes the Arrow files."""
    tokenizer = Tokenizer.from_file(tokenizer_file)
    end = int(eos_id)

    def encode(batch: dict[str, list[str]]) -> dict[str, list[Any]]:
        found = tokenizer.encode_batch_fast(batch["text"], add_special_tokens=False)
        # Arrays of the right type are written faster than lists.
        return {"input_ids": [np.array([*encoding.ids, end], np.uint16) for encoding in found]}

    datasets.disable_progress_bars()
    Path(out).mkdir()
    texts = datasets.load_dataset("json", data_files=lines, split="train", cache_dir=f"{out}/cache")
    texts.map(
        encode,
        batched=True,
        num_proc=int(processes),
        remove_columns=texts.column_names,
        features=datasets.Features({"input_ids": datasets.Sequence(datasets.Value("uint16"))}),
        cache_file_name=f"{out}/ids.arrow",
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
