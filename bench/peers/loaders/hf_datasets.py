"""Hugging Face datasets over an Arrow file."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from bench.peers.loaders.corpus import Corpus, Peer, chunk_check, loader_passes


def huggingface_datasets(corpus: Corpus) -> Peer:
    """A fixed-size list of tokens a row, given out as torch tensors."""
    import datasets
    import pyarrow as pa

    path = corpus.folder("datasets") / "rows.arrow"
    if not path.exists():
        tokens = pa.array(np.asarray(corpus.chunks).reshape(-1))
        table = pa.table({"input_ids": pa.FixedSizeListArray.from_arrays(tokens, corpus.row_length)})
        part = path.with_suffix(".part")
        with pa.OSFile(str(part), "wb") as out, pa.ipc.new_stream(out, table.schema) as writer:
            writer.write_table(table, max_chunksize=1000)
        part.rename(path)
    dataset = datasets.Dataset.from_file(str(path)).with_format("torch")

    def collate(batch: Any) -> dict[str, Any]:
        ids = batch["input_ids"] if isinstance(batch, dict) else torch.stack([b["input_ids"] for b in batch])
        return {"input_ids": ids.long()}

    return loader_passes(dataset, corpus, shuffle=True, collate_fn=collate), chunk_check(corpus), "datasets"
