"""Packing: speed against public packers, fill, bias, and balance.

    python bench/bench_pack.py [--documents 1000000] [--sequence-lengths 2048,8192] [--large] [--no-peers]

Takes two to four minutes. --large adds 100 million documents (4 GB of memory) with their peak memory.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import harness
import numpy as np
from lengths import GENERATORS
from numpy.typing import NDArray
from peers.packers import PEERS

from pypack.balancing import balance
from pypack.best_fit import best_fit_documents, best_fit_sequence_of
from pypack.packing import pack

Row = dict[str, Any]


def fills_of(
    lengths: NDArray[np.int32], offsets: NDArray[np.int64], documents: NDArray[Any]
) -> NDArray[np.int64]:
    return np.sort(np.add.reduceat(lengths[documents].astype(np.int64), offsets[:-1]))


def best_fit_speed(kind: str, documents: int, sequence_length: int) -> Row:
    """Nanoseconds a document of the index forms and the plan."""
    lengths = GENERATORS[kind](documents, 0)
    options = {"sequence_length": sequence_length, "overflow": "truncate"}
    offsets, ids = best_fit_documents(lengths, **options)
    clipped = np.minimum(lengths, sequence_length)
    assert fills_of(clipped, offsets, ids).max() <= sequence_length
    assert np.array_equal(np.sort(ids), np.arange(documents))
    plan = pack(lengths, strategy="best_fit", **options)
    plan.verify(lengths)
    assert plan.num_sequences == len(offsets) - 1
    runs: dict[str, Callable[[], Any]] = {
        "ids 1T": lambda: best_fit_sequence_of(lengths, num_threads=1, **options),
        "ids 2T": lambda: best_fit_sequence_of(lengths, num_threads=2, **options),
        "CSR 1T": lambda: best_fit_documents(lengths, num_threads=1, **options),
        "CSR 2T": lambda: best_fit_documents(lengths, num_threads=2, **options),
        "plan 1T": lambda: pack(lengths, strategy="best_fit", seed=None, num_threads=1, **options),
        "plan, spread 1T": lambda: pack(lengths, strategy="best_fit", num_threads=1, **options),
    }
    timings = harness.measure_in_turns(runs, repeats=5 if documents < 10**7 else 3)
    nanoseconds = {name: timing.median / documents * 1e9 for name, timing in timings.items()}
    return {"lengths": kind, "documents": documents, "L": sequence_length, **nanoseconds}


def against_peers(kind: str, documents: int, sequence_length: int) -> list[Row]:
    """Each peer and the CSR form on the same documents, in turns."""
    rows: list[Row] = []
    for peer in PEERS:
        count = min(documents, peer.documents)
        lengths = np.minimum(GENERATORS[kind](count, 0), sequence_length)
        row: Row = {"lengths": kind, "L": sequence_length, "peer": peer.name, "documents": count}
        try:
            run = peer.prepare(lengths, sequence_length)
            result = run()
        except ImportError as error:
            reason = str(error).strip().splitlines()[0]
            rows.append(
                row | {"peer ns": None, "CSR ns": None, "ratio": None, "note": f"does not import: {reason}"}
            )
            continue
        offsets, ids = best_fit_documents(lengths, sequence_length)
        note = "equal fills" if result is not None else "packs differently, or moves tokens"
        if result is not None:  # best-fit-decreasing too: the fills must be equal
            theirs = np.sort([int(lengths[list(sequence)].sum()) for sequence in result])
            assert np.array_equal(theirs, fills_of(lengths, offsets, ids)), peer.name
        timings = harness.measure_in_turns(
            {"peer": run, "ours": lambda n=lengths: best_fit_documents(n, sequence_length, num_threads=1)},
            repeats=3,
        )
        theirs_ns, ours_ns = (timings[name].median / count * 1e9 for name in ("peer", "ours"))
        rows.append(
            row | {"peer ns": theirs_ns, "CSR ns": ours_ns, "ratio": theirs_ns / ours_ns, "note": note}
        )
    return rows


def strategies(kind: str, documents: int, sequence_length: int) -> list[Row]:
    """Fill, bias and speed, one thread."""
    lengths = GENERATORS[kind](documents, 0)
    rows = []
    chosen: dict[str, dict[str, Any]] = {
        "best_fit": {}, "stream": {}, "concat": {}, "first_fit": {}, "next_fit": {},
        "decompose": {"remainder": "drop"}, "pad": {},
    }  # fmt: skip
    for name, options in chosen.items():
        arguments = {"overflow": "truncate", "num_threads": 1, **options}
        timing, plan = harness.measure(
            lambda a=arguments, s=name: pack(lengths, sequence_length, s, **a), repeats=3
        )
        verify, _ = harness.measure(lambda p=plan: p.verify(lengths), repeats=1)
        late = np.maximum.accumulate(plan.span_document) - plan.span_document
        rows.append({
            "lengths": kind,
            "L": sequence_length,
            "strategy": name,
            "ns/document": timing.median / documents * 1e9,
            "padding %": 100 * (1 - plan.utilization),
            "bias": plan.stats.bias,
            "mean context": plan.stats.mean_context,
            "greatest delay": int(late.max()) if name == "stream" else None,
            "verify Gtokens/s": plan.num_tokens / verify.median / 1e9,
        })  # fmt: skip
    by_name = {row["strategy"]: row for row in rows}
    assert by_name["stream"]["padding %"] <= by_name["best_fit"]["padding %"] + 0.03
    return rows


def balances(documents: int) -> list[Row]:
    """Attention cost of web pages at 8192, sequences in random order."""
    lengths = GENERATORS["web"](documents, 0)
    rows = []
    for strategy in ("stream", "best_fit"):
        costs = pack(lengths, 8192, strategy, overflow="truncate").sequence_costs()
        costs = costs[np.random.default_rng(0).permutation(len(costs))]
        for ranks in (8, 64):
            for micro_batches, window in ((4, 1), (16, 1), (1, 32)):
                arguments = (costs, ranks, micro_batches)
                timing, result = harness.measure(
                    lambda a=arguments, w=window: balance(*a, window=w, num_threads=1), repeats=1, warmup=0
                )
                dealt = balance(*arguments, window=window, strategy="deal")
                rows.append({
                    "packed by": strategy,
                    "ranks": ranks,
                    "micro-batches": micro_batches,
                    "window": window,
                    "as given": result.unbalanced_slowdown,
                    "deal": dealt.slowdown,
                    "lpt": result.slowdown,
                    "lower bound": result.lower_bound,
                    "spread of steps": result.spread,
                    "us/step": timing.median / max(1, len(result.order)) * 1e6,
                })  # fmt: skip
    return rows


# Run by a process of its own, so that the peak is of this call alone.
MEMORY_PROBE = """
import pathlib, sys, time
import numpy as np
from pypack.best_fit import best_fit_documents, best_fit_sequence_of

def resident(field):  # MiB
    status = pathlib.Path("/proc/self/status").read_text()
    return int(status.split(field + ":")[1].split()[0]) / 1024

lengths = np.load(sys.argv[1])
form = {"ids": best_fit_sequence_of, "CSR": best_fit_documents}[sys.argv[2]]
best_fit_documents(lengths[:1000], 8192, overflow="truncate")
pathlib.Path("/proc/self/clear_refs").write_text("5")  # the peak starts from here
before = resident("VmRSS")
start, cpu_start = time.perf_counter(), time.process_time()
result = form(lengths, int(sys.argv[3]), overflow="truncate", num_threads=int(sys.argv[4]))
seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
output = sum(array.nbytes for array in result if isinstance(array, np.ndarray))
print(seconds, resident("VmHWM") - before - output / 2**20, cpu_seconds)
"""


def large(documents: int, sequence_length: int) -> list[Row]:
    """Speed and peak memory beyond input and output, each call in a fresh process."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lengths.npy"
        np.save(path, GENERATORS["web"](documents, 0))
        for form in ("ids", "CSR"):
            for threads in (1, 2):
                command = [
                    sys.executable,
                    "-c",
                    MEMORY_PROBE,
                    str(path),
                    form,
                    str(sequence_length),
                    str(threads),
                ]
                runs = [
                    list(map(float, subprocess.run(command, check=True, capture_output=True).stdout.split()))
                    for _ in range(2)
                ]
                rows.append({
                    "form": form,
                    "documents": documents,
                    "L": sequence_length,
                    "threads": threads,
                    "ns/document": min(run[0] for run in runs) / documents * 1e9,
                    "CPU ns/document": min(run[2] for run in runs) / documents * 1e9,
                    "extra MiB": max(run[1] for run in runs),
                })  # fmt: skip
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--documents", type=int, default=1_000_000)
    parser.add_argument("--sequence-lengths", default="2048,8192")
    parser.add_argument("--large", action="store_true", help="also 10 and 100 million documents")
    parser.add_argument("--no-peers", action="store_true")
    arguments = parser.parse_args()
    sequence_lengths = [int(length) for length in arguments.sequence_lengths.split(",")]
    cases = [(kind, length) for kind in GENERATORS for length in sequence_lengths]
    results: dict[str, list[Row]] = {
        "best fit, ns a document": [best_fit_speed(kind, arguments.documents, n) for kind, n in cases],
        "strategies": [row for kind, n in cases for row in strategies(kind, arguments.documents, n)],
        "balance, slowdown": balances(arguments.documents),
    }
    if not arguments.no_peers:
        results["best fit against peers, one thread"] = [
            row for kind in GENERATORS for row in against_peers(kind, arguments.documents, 8192)
        ]
    if arguments.large:
        results["best fit, 10 million"] = [best_fit_speed(kind, 10**7, n) for kind, n in cases]
        results["best fit, 100 million"] = [row for n in sequence_lengths for row in large(10**8, n)]
    for title, rows in results.items():
        harness.print_table(rows, title)
    path = harness.write_results("pack", results, *{peer.distribution for peer in PEERS})
    print(f"\nwritten to {path}")


if __name__ == "__main__":
    main()
