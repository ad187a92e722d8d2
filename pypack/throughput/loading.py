"""Throughput of loading."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pypack.batch import PackedBatch
from pypack.loader.loader import Loader
from pypack.packing.packing import pack
from pypack.plan.plan import Plan
from pypack.ragged import Ragged
from pypack.store.store import TokenStore
from pypack.store.writer import StoreWriter
from pypack.throughput.packing import web_lengths
from pypack.throughput.timing import Row, median_seconds

_IGNORED = -100
_PAD_ID = 0
_BATCHES = 200
_CHECKED_BATCHES = 5
_MADE_DOCUMENTS = 50_000  # about 55 million tokens


def make_store(path: Path) -> TokenStore:
    """A store of random tokens with document lengths like those of the web, uint16."""
    lengths = web_lengths(_MADE_DOCUMENTS)
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    tokens = np.random.default_rng(0).integers(0, 50_257, int(offsets[-1]), dtype=np.uint32)
    with StoreWriter(path, vocab_size=50_257) as writer:
        writer.append(Ragged(tokens, offsets))
    return TokenStore.open(path)


def numpy_batch(
    store: TokenStore, plan: Plan, sequences: list[int], row_length: int
) -> list[NDArray[np.int64]]:
    """What a padded batch of these sequences is, gathered with numpy: ids, labels, positions, segments."""
    shape = (len(sequences), row_length)
    ids, labels = np.full(shape, _PAD_ID, np.int64), np.full(shape, _IGNORED, np.int64)
    positions, segments = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    for row, sequence in enumerate(sequences):
        at = 0
        first, last = int(plan.sequence_offsets[sequence]), int(plan.sequence_offsets[sequence + 1])
        for segment, span in enumerate(range(first, last), start=1):
            start, length = int(plan.span_start[span]), int(plan.span_length[span])
            tokens = store[int(plan.span_document[span])][start : start + length]
            to = slice(at, at + length)
            ids[row, to] = tokens
            labels[row, at + 1 : at + length] = tokens[1:]
            positions[row, to] = np.arange(length)
            segments[row, to] = segment
            at += length
    return [ids, labels, positions, segments]


def bench_load(
    store: TokenStore, sequence_length: int, batch_sequences: int, num_threads: int, repeats: int
) -> list[Row]:
    """Tokens a second of a shuffled epoch of packed batches: padded, int64, four arrays.

    Beside it, in the same run: numpy gathering the same spans into the same arrays, and a plain copy of as
    many bytes as a batch has, from warm memory to warm memory.

    Raises:
        ValueError: the store gives fewer than one batch.
        RuntimeError: a batch is not what numpy gathers.
    """
    plan = pack(store.lengths, sequence_length, strategy="best_fit")
    steps = min(_BATCHES, plan.num_sequences // batch_sequences)
    if steps == 0:
        raise ValueError(
            f"{store.place}: {plan.num_sequences} sequences of {sequence_length} tokens are less than one "
            f"batch of {batch_sequences}; choose a smaller --batch-sequences"
        )
    loaders = {
        threads: Loader(store, plan, batch_sequences=batch_sequences, pad_id=_PAD_ID, num_threads=threads)
        for threads in sorted({1, num_threads})
    }
    drawn = [loaders[1].sequences_at(step).tolist() for step in range(steps)]
    for step in range(min(_CHECKED_BATCHES, steps)):
        expected = numpy_batch(store, plan, drawn[step], sequence_length)
        for loader in loaders.values():
            if not all(map(np.array_equal, _arrays(loader.batch_at(step)), expected)):
                raise RuntimeError(f"step {step}: the loader's batch is not what numpy gathers")

    def load(loader: Loader) -> None:
        for step in range(steps):
            loader.batch_at(step)

    def gather() -> None:
        for sequences in drawn:
            numpy_batch(store, plan, sequences, sequence_length)

    source = [np.ones((batch_sequences, sequence_length), np.int64) for _ in range(4)]
    target = [np.empty_like(array) for array in source]

    def copy() -> None:
        for _ in range(steps):
            for to, array in zip(target, source, strict=True):
                np.copyto(to, array)

    ways = {
        f"pypack.Loader, {threads} thread(s)": lambda loader=loader: load(loader)
        for threads, loader in loaders.items()
    }
    seconds = median_seconds(
        {**ways, "numpy gather of the same spans": gather, "copy of the same bytes": copy}, repeats
    )
    tokens = sum(loaders[1].batch_at(step).tokens for step in range(steps))
    return [
        {"way": name, "tokens/s": tokens / time, "us/batch": time / steps * 1e6}
        for name, time in seconds.items()
    ]


def _arrays(batch: PackedBatch) -> list[NDArray[np.int64]]:
    return [batch.input_ids, batch.labels, batch.position_ids, batch.segment_ids]
