"""Inputs and targets beside plain batches of as many tokens, and beside a collator in numpy."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from bench.common.printing import Row
from bench.common.timing import measure_in_turns
from bench.objectives.reference_collators import span_collator
from pypack import Loader, TokenStore
from pypack.objectives import UL2, Denoiser, PairObjective, SpanCorruption, pack_pairs

ROWS, INPUTS, STEPS = 30, 512, 40


def objectives(vocab_size: int) -> dict[str, tuple[PairObjective, int | None]]:
    """What is measured, by name, with the length of its targets."""
    ids: dict[str, Any] = {"sentinel_ids": range(vocab_size - 1, vocab_size - 301, -1)}
    ids |= {"end_id": 1, "start_id": 0}
    runs = [(3, 0.15), (8, 0.15), (3, 0.5), (8, 0.5), (64, 0.15), (64, 0.5)]
    mixture = [
        *(Denoiser("spans", rate, mean, (5,)) for mean, rate in runs),
        Denoiser("prefix", 0.5, mode=(6,)),
    ]
    return {
        "SpanCorruption(0.15, 3)": (SpanCorruption(0.15, 3, **ids), None),
        "SpanCorruption(0.5, 8)": (SpanCorruption(0.5, 8, **ids), None),
        "UL2, seven denoisers": (UL2(mixture, **ids), 512),
    }


def check(loader: Loader, store: TokenStore) -> None:
    """Undone, both sides of a batch are the tokens of its spans."""
    batch = loader.batch_at(0)
    sentinels = set(np.asarray(loader.objective.sentinel_ids).tolist())  # type: ignore[union-attr]
    added = {*sentinels, 1, 5, 6}
    spans = loader.plan.num_spans
    assert spans
    kept = [i for i in batch.input_ids[batch.segment_ids > 0].tolist() if i not in added]
    kept += [i for i in batch.labels[batch.decoder_segment_ids > 0].tolist() if i not in added]
    _, sequences = loader.rows_at(0)
    tokens: list[int] = []
    for sequence in sequences.tolist():
        for span in loader.plan[sequence]:
            tokens += store[span.document][span.start : span.start + span.length].tolist()
    assert sorted(kept) == sorted(i for i in tokens if i not in added)


def measure(store: TokenStore, plain: Loader, vocab_size: int, repeats: int) -> list[Row]:
    """The rows of the table: times for a token, as batches of both kinds have other numbers of rows."""
    loaders: dict[str, Loader] = {}
    utilization: dict[str, tuple[float, float] | None] = {}
    for name, (objective, targets) in objectives(vocab_size).items():
        plan = pack_pairs(store.lengths, objective, INPUTS, targets)
        plan.verify(store.lengths)
        utilization[name] = plan.side_utilization
        loaders[name] = Loader(store, plan, batch_sequences=ROWS, objective=objective, num_threads=1)
        check(loaders[name], store)

    def batches(loader: Loader) -> None:
        for step in range(STEPS):
            loader.batch_at(step)

    def tokens_of(loader: Loader) -> float:
        return sum(loader.batch_at(step).tokens for step in range(STEPS))

    runs = {"plain": partial(batches, plain)} | {n: partial(batches, one) for n, one in loaders.items()}
    timings = measure_in_turns(runs, repeats)
    of_plain = timings["plain"].median / tokens_of(plain)
    rng = np.random.default_rng(0)
    lengths = rng.choice(store.lengths, 60)
    examples = [rng.integers(200, 20_000, n) for n in np.clip(lengths, 2, 568)]
    collate = partial(span_collator, examples, 0.15, 3, vocab_size - 1, rng)
    collating = measure_in_turns({"collator": collate}, repeats)["collator"].median
    of_collator = collating / sum(map(len, examples))
    found: list[Row] = []
    for name, loader in loaders.items():
        seconds = timings[name].median / tokens_of(loader)
        sides = utilization[name] or (1.0, 1.0)
        found.append(
            {
                "batch": name,
                "us/batch": timings[name].median / STEPS * 1e6,
                "tokens/batch": tokens_of(loader) / STEPS,
                "it / plain": seconds / of_plain,
                "collator / whole batch": of_collator / seconds,
                "inputs filled": sides[0],
                "targets filled": sides[1],
            }
        )
    return found
