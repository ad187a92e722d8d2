"""What a loader gave out, counted batch by batch."""

from __future__ import annotations

from typing import Any

import numpy as np

from pypack.batch import PackedBatch


class LoaderStats:
    """Counts of the batches that a pass over a loader gave to this process (not of `batch_at`).

    Attributes:
        steps: batches.
        tokens: tokens, without padding.
        padding: items that held no token.
        bytes_read: bytes of the stores' tokens.
        dropped_rows: rows left out by remainder="drop", of all ranks together.
        wait_seconds: time that the consumer waited for batches.
    """

    def __init__(self, names: list[str], item_sizes: list[int]) -> None:
        self._names = names
        self._item_sizes = item_sizes
        self.steps = self.tokens = self.padding = self.bytes_read = 0
        self.dropped_rows = 0
        self.wait_seconds = 0.0
        self._tokens = np.zeros(len(names), np.int64)
        self._documents = np.zeros(len(names), np.int64)

    def add(self, batch: PackedBatch, seconds: float, dropped_rows: int) -> None:
        """Counts one batch, for which the consumer waited so long, and the rows that no rank of its step
        got."""
        self.dropped_rows += dropped_rows
        self.steps += 1
        self.tokens += batch.tokens
        self.padding += batch.padding
        self.wait_seconds += seconds
        if len(self._names) == 1:
            self._tokens[0] += batch.tokens
            self._documents[0] += len(batch.source_ids)
            self.bytes_read += batch.tokens * self._item_sizes[0]
            return
        sources, lengths = np.asarray(batch.source_ids), np.asarray(batch.span_lengths)
        tokens = np.bincount(sources, lengths, minlength=len(self._names)).astype(np.int64)
        self._tokens += tokens
        self._documents += np.bincount(sources, minlength=len(self._names))
        self.bytes_read += int(tokens @ np.array(self._item_sizes))

    def to_dict(self) -> dict[str, Any]:
        """All counts as plain values."""
        return {
            "steps": self.steps,
            "tokens": self.tokens,
            "padding": self.padding,
            "dropped_rows": self.dropped_rows,
            "bytes_read": self.bytes_read,
            "wait_seconds": self.wait_seconds,
            "sources": {
                name: {"tokens": int(tokens), "documents": int(documents)}
                for name, tokens, documents in zip(self._names, self._tokens, self._documents, strict=True)
            },
        }
