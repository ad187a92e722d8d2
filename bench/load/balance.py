"""What dealing balanced batches to ranks adds to loading."""

from __future__ import annotations

import functools
import itertools
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.common.processes import in_new_process
from bench.common.timing import measure_in_turns
from pypack import Loader, Plan, TokenStore

_ROWS = 8  # of one rank
_RANKS = (2, 8, 32, 64)
_BALANCES = ("none", "deal", "lpt")
_TOKENS = 4_000_000  # of one rank in a timed run
_PACED_STEPS = 40
# Where the two threads of a loop and their memory come to lie is another matter in each process: the same
# loop takes 14 us a batch in one, 21 us in the next.
_PROCESSES = 15


def bench_balance(store_path: Path, plan_path: Path, repeats: int) -> list[dict[str, Any]]:
    """Microseconds a batch of one of 2 to 64 ranks: without balance, and what each balance adds;
    medians of processes, in each medians of short runs in turns. Of two ranks, those in the middle: the first
    are dealt rows of fewer documents, which are filled sooner.

    Asked for with `batch_at`, where one thread does all the work; as the loop `for batch in loader` at full
    speed, where the prefetching thread and the waiting consumer share it; and as a loop whose body takes
    1 ms, a short training step, where it is done meanwhile.
    """
    store, plan = TokenStore.open(store_path), Plan.open(plan_path)
    for ranks in _RANKS:
        check_dealt(store, plan, ranks, _steps(plan, ranks))
    measured = [in_new_process(_seconds, store_path, plan_path, repeats) for _ in range(_PROCESSES)]

    def median(name: str, over: str | None = None) -> float:
        return statistics.median(one[name] / (one[over] if over else 1) for one in measured)

    return [
        {
            "ranks": ranks,
            "rows x tokens": f"{_ROWS} x {plan.sequence_length}",
            "balance": balance,
            **{
                f"{way}, {what}": value
                for way in ("asked", "loop", "1 ms steps")
                for what, value in (
                    ("us/batch", median(f"{ranks} {balance} {way}") * 1e6),
                    ("added", median(f"{ranks} {balance} {way}", f"{ranks} none {way}") - 1),
                )
            },
            "slowest rank / mean": slowdown(store, plan, ranks, balance, min(_steps(plan, ranks), 20)),
        }
        for ranks in _RANKS
        for balance in _BALANCES
    ]


def _steps(plan: Plan, ranks: int) -> int:
    return min(_TOKENS // (_ROWS * plan.sequence_length), plan.num_sequences // (_ROWS * ranks))


def _seconds(store_path: Path, plan_path: Path, repeats: int) -> dict[str, float]:
    """Seconds a batch, by ranks, balance and way, in this process."""
    store, plan = TokenStore.open(store_path), Plan.open(plan_path)
    found = {}
    for ranks in _RANKS:
        steps = _steps(plan, ranks)
        runs: dict[str, Callable[[], None]] = {}
        for balance in _BALANCES:
            loaders = [
                Loader(
                    store, plan, batch_sequences=_ROWS * ranks, rank=rank, world_size=ranks,
                    balance=balance, num_threads=1, pad_id=0,
                )
                for rank in (ranks // 2 - 1, ranks // 2)
            ]  # fmt: skip
            runs[f"{ranks} {balance} asked"] = functools.partial(_ask, loaders, steps)
            runs[f"{ranks} {balance} loop"] = functools.partial(_loop, loaders, steps)
            runs[f"{ranks} {balance} 1 ms steps"] = functools.partial(_loop, loaders, _PACED_STEPS, 1e-3)
        for name, timing in measure_in_turns(runs, repeats).items():
            found[name] = timing.median / (2 * (_PACED_STEPS if "ms" in name else steps))
    return found


def _ask(loaders: Sequence[Loader], steps: int) -> None:
    for loader in loaders:
        for step in range(steps):
            loader.batch_at(step)


def _loop(loaders: Sequence[Loader], steps: int, body: float = 0) -> None:
    for loader in loaders:
        loader.seek(0)
        for _ in itertools.islice(loader, steps):
            end = time.perf_counter() + body
            while body and time.perf_counter() < end:
                pass


def _ranks(store: TokenStore, plan: Plan, ranks: int, balance: str) -> list[Loader]:
    options: dict[str, Any] = {"batch_sequences": _ROWS * ranks, "world_size": ranks, "balance": balance}
    return [Loader(store, plan, rank=rank, **options) for rank in range(ranks)]


def check_dealt(store: TokenStore, plan: Plan, ranks: int, steps: int) -> None:
    """AssertionError unless the ranks of a balanced step share what the ranks of a plain one do."""
    for step in (0, steps - 1):
        shares = [
            sorted(np.concatenate([one.sequences_at(step) for one in _ranks(store, plan, ranks, balance)]))
            for balance in _BALANCES
        ]
        assert shares[0] == shares[1] == shares[2]


def slowdown(store: TokenStore, plan: Plan, ranks: int, balance: str, steps: int) -> float:
    """Cost of the slowest rank over that of the mean rank, over some steps."""
    costs = plan.sequence_costs(0, 1)
    loaders = _ranks(store, plan, ranks, balance)
    loads = np.array([[costs[one.sequences_at(step)].sum() for one in loaders] for step in range(steps)])
    return float(loads.max(axis=1).sum() / loads.mean(axis=1).sum())
