"""What a loader gave out, counted batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pypack.batch import PackedBatch
from pypack.schedule.order import SourceBucket, StepDraws
from pypack.source.source import Source


class LoaderStats:
    """Counts of the batches that a pass over a loader gave to this process (not of `batch_at`).

    `loader.stats()` gives all of them as plain values.

    Attributes:
        steps: batches.
        tokens: tokens, without padding.
        padding: items that held no token.
        bytes_read: bytes of the stores' tokens.
        dropped_rows: rows left out by remainder="drop", of all ranks together.
        repeated_rows: rows given again by tail="pad" to ranks that had none left, of all ranks together.
        wait_seconds: time that the consumer waited for batches.
        objective: what the loader's objective counted, by name (`PackedBatch.objective_counts`).
    """

    def __init__(self, sources: Mapping[str, Source], buckets: Sequence[SourceBucket]) -> None:
        self._names = list(sources)
        self._item_sizes = [source.store.dtype.itemsize for source in sources.values()]
        self.note_buckets(buckets)
        self.steps = self.tokens = self.padding = self.bytes_read = 0
        self.dropped_rows = self.repeated_rows = 0
        self.wait_seconds = 0.0
        self.objective: dict[str, int] = {}
        self._counts: dict[tuple[int, int], list[int]] = {}  # of a source and epoch: tokens, documents

    def note_buckets(self, buckets: Sequence[SourceBucket]) -> None:
        """Draws are of these from now on."""
        self._source_of_bucket = [bucket.source for bucket in buckets]

    def note_sources(self, sources: Mapping[str, Source], buckets: Sequence[SourceBucket]) -> None:
        """There are further sources, behind those that there were."""
        self._names = list(sources)
        self._item_sizes = [source.store.dtype.itemsize for source in sources.values()]
        self.note_buckets(buckets)

    def add(
        self,
        batch: PackedBatch,
        draws: StepDraws,
        seconds: float,
        dropped_rows: int,
        epochs_at: Callable[[int], NDArray[np.int64]],
        *,
        repeated_rows: int = 0,
    ) -> None:
        """Counts one batch.

        Args:
            draws: what its step draws.
            seconds: that the consumer waited for it.
            dropped_rows: that no rank of its step got.
            epochs_at: step → epoch of every row; asked only where the draws do not tell.
            repeated_rows: that ranks of its step got again.
        """
        self.repeated_rows += repeated_rows
        self.dropped_rows += dropped_rows
        self.steps += 1
        self.tokens += batch.tokens
        self.padding += batch.padding
        self.wait_seconds += seconds
        for name, number in (batch.objective_counts or {}).items():
            self.objective[name] = self.objective.get(name, 0) + number
        if len(self._item_sizes) == 1 and len(draws.draws) == 1:
            self._count(0, draws.epoch, batch.tokens, batch.num_spans)
            return
        sources, lengths = np.asarray(batch.source_ids), np.asarray(batch.span_lengths)
        epoch_of = {self._source_of_bucket[bucket]: epoch for bucket, epoch, _, _ in draws.draws}
        if len(epoch_of) == len(draws.draws):
            # In two calls, whatever the number of sources; sums of int32 are exact in float64.
            spans = np.bincount(sources).tolist()
            tokens = np.bincount(sources, lengths).tolist()
            for source, count in enumerate(spans):
                if count:
                    self._count(source, epoch_of.get(source, 0), int(tokens[source]), count)
            return
        # A source goes from one epoch to the next within the step: only the rows tell which is which.
        epochs = np.repeat(epochs_at(batch.step), np.diff(np.asarray(batch.row_spans)))
        for source, epoch in sorted({*zip(sources.tolist(), epochs.tolist(), strict=True)}):
            chosen = (sources == source) & (epochs == epoch)
            self._count(source, epoch, int(lengths[chosen].sum()), int(chosen.sum()))

    def _count(self, source: int, epoch: int, tokens: int, documents: int) -> None:
        counts = self._counts.setdefault((source, epoch), [0, 0])
        counts[0] += tokens
        counts[1] += documents
        self.bytes_read += tokens * self._item_sizes[source]

    def __repr__(self) -> str:
        return (
            f"LoaderStats({self.steps:,} steps, {self.tokens:,} tokens, {self.padding:,} of padding, "
            f"{self.wait_seconds:.3f} s waited)"
        )

    def restore(self, counts: Mapping[str, Any] | None) -> None:
        """Goes on counting from what `to_dict` gave, in the run that is resumed; None: from nothing."""
        counts = counts or {}
        for name in ("steps", "tokens", "padding", "bytes_read", "dropped_rows", "repeated_rows"):
            setattr(self, name, counts.get(name, 0))
        self.wait_seconds = counts.get("wait_seconds", 0.0)
        self.objective = dict(counts.get("objective", {}))
        self._counts = {
            (self._names.index(name), epoch["epoch"]): [epoch["tokens"], epoch["documents"]]
            for name, source in counts.get("sources", {}).items()
            if name in self._names
            for epoch in source["epochs"]
        }

    def __call__(self) -> dict[str, Any]:
        """The same as `to_dict`."""
        return self.to_dict()

    def to_dict(self) -> dict[str, Any]:
        """All counts as plain values; of every source also epoch by epoch."""
        sources: dict[str, Any] = {}
        for number, name in enumerate(self._names):
            epochs = [
                {"epoch": epoch, "tokens": tokens, "documents": documents}
                for (source, epoch), (tokens, documents) in sorted(self._counts.items())
                if source == number
            ]
            totals = {what: sum(counts[what] for counts in epochs) for what in ("tokens", "documents")}
            sources[name] = {**totals, "epochs": epochs}
        return {
            "steps": self.steps,
            "tokens": self.tokens,
            "padding": self.padding,
            "dropped_rows": self.dropped_rows,
            "repeated_rows": self.repeated_rows,
            "bytes_read": self.bytes_read,
            "wait_seconds": self.wait_seconds,
            **({"objective": dict(self.objective)} if self.objective else {}),
            "sources": sources,
        }
