"""What every loader is given and gives: the tokens of a store, passes over batches, and a check of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader

EOS = 50_256
VOCABULARY = 50_257


class Corpus:
    """The tokens, and where a peer keeps its own form of them."""

    def __init__(self, flat: Path, lengths: Path, work: Path, row_length: int, rows: int) -> None:
        self.path, self.work, self.row_length, self.rows = flat, work, row_length, rows
        self.flat = np.memmap(flat, np.uint16, "r")
        self.lengths = np.load(lengths)
        self.chunks = self.flat[: len(self.flat) // row_length * row_length].reshape(-1, row_length)
        self._known: dict[int, int] | None = None

    def folder(self, name: str) -> Path:
        """Where a peer keeps its files of rows of this length."""
        path = self.work / f"{name}-{self.row_length}"
        path.mkdir(parents=True, exist_ok=True)
        return path

    def find(self, row: np.ndarray) -> int:
        """The chunk that the row is; AssertionError if it is none."""
        if self._known is None:
            self._known = {hash(chunk.tobytes()): i for i, chunk in enumerate(self.chunks)}
        place = self._known.get(hash(row.astype(np.uint16).tobytes()))
        assert place is not None, "a row is no row of the store"
        assert np.array_equal(self.chunks[place], row), "a row differs from the store's"
        return place


Batches = Iterator[dict[str, Any]]
Peer = tuple[Callable[[], Batches], Callable[[dict[str, Any]], None], str]  # pass, check, distribution


def chunk_check(corpus: Corpus) -> Callable[[dict[str, Any]], None]:
    """Every row is a chunk of the store, and none comes twice."""
    seen: set[int] = set()

    def check(batch: dict[str, Any]) -> None:
        ids = batch["input_ids"]
        assert ids.dtype == torch.int64
        assert ids.shape == (corpus.rows, corpus.row_length)
        for row in ids.numpy():
            place = corpus.find(row)
            assert place not in seen, "a row came twice"
            seen.add(place)

    return check


def loader_passes(dataset: Any, corpus: Corpus, **options: Any) -> Callable[[], Batches]:
    """Passes of torch's DataLoader in this process."""
    return lambda: iter(DataLoader(dataset, batch_size=corpus.rows, num_workers=0, drop_last=True, **options))
