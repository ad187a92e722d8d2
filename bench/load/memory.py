"""Loading from the page cache, beside the bare work: a C++ loop, numpy, a copy of as many bytes."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench.common.timing import measure_in_turns
from bench.load.bare_loop import BareLoop, compile_bare_loop
from bench.load.corpus import ROWS
from pypack import Loader, Plan, TokenStore
from pypack.throughput.loading import numpy_batch

_CHECKED_STEPS = 20


class Ways:
    """The ways to make the batches of the first steps, checked to give the same."""

    def __init__(self, store: TokenStore, plan: Plan, work: Path) -> None:
        self.store, self.plan = store, plan
        asked: dict[str, Any] = {"batch_sequences": ROWS, "num_threads": 1, "pad_id": 0, "prefetch": 0}
        self.asked = {4: Loader(store, plan, **asked), 1: Loader(store, plan, arrays=(), **asked)}
        ahead: dict[str, Any] = {"num_threads": 1, "pad_id": 0, "batch_sequences": ROWS}
        self.loops = {4: Loader(store, plan, **ahead), 1: Loader(store, plan, arrays=(), **ahead)}
        self.bare = BareLoop(compile_bare_loop(work), store, plan, ROWS)
        # Enough steps that the store is read from all over; the same rows for everyone.
        self.steps = min(plan.num_sequences // ROWS, 24_000_000 // (ROWS * plan.sequence_length))
        self.rows = [
            np.ascontiguousarray(self.asked[4].sequences_at(step), np.int64) for step in range(self.steps)
        ]
        self.all_rows = np.concatenate(self.rows)
        self.few = self.rows[: max(1, self.steps // 20)]
        self._check()
        self._copies = [np.empty_like(array) for array in self.bare.out]

    def _check(self) -> None:
        for step in range(min(_CHECKED_STEPS, self.steps)):
            expected = self.bare(self.rows[step], 4)
            batch = self.asked[4].batch_at(step)
            got = [batch.input_ids, batch.labels, batch.position_ids, batch.segment_ids]
            assert all(map(np.array_equal, got, expected)), f"step {step} differs from the bare loop"
            assert np.array_equal(self.asked[1].batch_at(step).input_ids, expected[0])
            gathered = self._gathered(self.rows[step])
            assert all(map(np.array_equal, gathered, expected)), f"step {step}: numpy differs"

    def _gathered(self, rows: np.ndarray) -> list[Any]:
        return list(numpy_batch(self.store, self.plan, rows.tolist(), self.plan.sequence_length))

    def _ask(self, arrays: int) -> None:
        loader = self.asked[arrays]
        for step in range(self.steps):
            loader.batch_at(step)

    def _loop(self, arrays: int) -> None:
        self.loops[arrays].seek(0)
        for _ in itertools.islice(self.loops[arrays], self.steps):
            pass

    def _gather(self) -> None:
        for rows in self.few:
            self._gathered(rows)

    def _copy(self) -> None:
        for _ in range(self.steps):
            for to, array in zip(self._copies, self.bare.out, strict=True):
                np.copyto(to, array)

    def by_name(self) -> dict[str, tuple[int, Callable[[], Any]]]:
        """Of each way, the steps that a call makes, and the call."""
        return {
            "pypack, four arrays": (self.steps, lambda: self._ask(4)),
            "pypack loop, four arrays": (self.steps, lambda: self._loop(4)),
            "bare C++ loop, four arrays": (self.steps, lambda: self.bare(self.all_rows, 4)),
            "copy of four arrays": (self.steps, self._copy),
            "numpy gather, four arrays": (len(self.few), self._gather),
            "pypack, ids": (self.steps, lambda: self._ask(1)),
            "pypack loop, ids": (self.steps, lambda: self._loop(1)),
            "bare C++ loop, ids": (self.steps, lambda: self.bare(self.all_rows, 1)),
        }

    def tokens_per_step(self) -> float:
        """Mean tokens of a batch, padding not counted."""
        return sum(self.asked[4].batch_at(step).tokens for step in range(self.steps)) / self.steps


def bench_memory(store: TokenStore, plan: Plan, work: Path, repeats: int) -> list[dict[str, Any]]:
    """A row for every way: tokens a second, and how many times as fast pypack is."""
    all_ways = Ways(store, plan, work)
    ways = all_ways.by_name()
    timings = measure_in_turns({name: run for name, (_, run) in ways.items()}, repeats)
    real = all_ways.tokens_per_step()
    speeds = {name: ways[name][0] * real / timing.median for name, timing in timings.items()}
    return [
        {
            "rows x tokens": f"{ROWS} x {plan.sequence_length}",
            "way": name,
            "tokens/s": speed,
            "us/batch": real / speed * 1e6,
            "fastest us/batch": timings[name].best / ways[name][0] * 1e6,
            **{
                f"{mine} / it": speeds[f"{mine}, {'four arrays' if 'four' in name else 'ids'}"] / speed
                for mine in ("pypack", "pypack loop")
            },
        }
        for name, speed in speeds.items()
    ]


def first_batch_seconds(store: TokenStore, plan_path: Path) -> float:
    """Median time from the files' names to the first batch in hand."""
    times = []
    for seed in range(9):
        start = time.perf_counter()
        loader = Loader(
            TokenStore.open(store.path), Plan.open(plan_path), batch_sequences=ROWS, seed=seed, prefetch=0
        )
        loader.batch_at(12_345 % len(loader))
        times.append(time.perf_counter() - start)
    return float(np.median(times))
