"""Grain over records of bagz and of ArrayRecord."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.peers.loaders.corpus import Batches, Corpus, Peer, chunk_check


def _grain(corpus: Corpus, source: Any) -> Callable[[], Batches]:
    import grain

    def decode(record: bytes) -> np.ndarray:
        return np.frombuffer(record, np.uint16).astype(np.int64)

    def batches() -> Batches:
        dataset = grain.MapDataset.source(source).shuffle(seed=0).map(decode).batch(corpus.rows)
        options = grain.ReadOptions(num_threads=0, prefetch_buffer_size=0)
        for ids in dataset.to_iter_dataset(options):
            yield {"input_ids": torch.from_numpy(ids)}

    return batches


def grain_bagz(corpus: Corpus) -> Peer:
    """One record a row, in a bag."""
    import bagz

    path = corpus.folder("bagz") / "rows.bag"
    if not path.exists():
        with bagz.Writer(str(path) + ".part") as writer:
            for chunk in corpus.chunks:
                writer.write(chunk.tobytes())
        Path(str(path) + ".part").rename(path)
    return _grain(corpus, bagz.Reader(str(path))), chunk_check(corpus), "grain"


def grain_array_record(corpus: Corpus) -> Peer:
    """One record a row, one to a group, uncompressed."""
    import grain
    from array_record.python.array_record_module import ArrayRecordWriter

    path = corpus.folder("array_record") / "rows.array_record"
    if not path.exists():
        writer = ArrayRecordWriter(str(path) + ".part", "group_size:1,uncompressed")
        for chunk in corpus.chunks:
            writer.write(chunk.tobytes())
        writer.close()
        Path(str(path) + ".part").rename(path)
    return _grain(corpus, grain.sources.ArrayRecordDataSource([str(path)])), chunk_check(corpus), "grain"
