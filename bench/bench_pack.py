"""Packing: speed against public packers, fill, bias, and balance.

    python bench/bench_pack.py [--documents 1000000,10000000] [--sequence-lengths 2048,8192]
        [--parts best_fit,strategies,decompose,balance,peers] [--large] [--no-peers]

Takes about ten minutes. --large adds 100 million documents (4 GB of memory) with their peak memory. The peers
are those of bench/peers/packers.txt; bench/peers/prototype.py is the yardstick of the machine. Every table is
kept with the commit at which it was measured, so parts can be run one by one.
"""

from __future__ import annotations

import argparse
import json
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
from peers import prototype
from peers.packers import PEERS

from pypack.best_fit import best_fit_documents, best_fit_sequence_of
from pypack.packing.balancing import balance
from pypack.packing.packing import pack

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
    if prototype.available():
        theirs, number = prototype.ids(lengths, sequence_length, 1)
        assert number == plan.num_sequences
        fills = np.bincount(theirs, clipped, minlength=number)
        assert np.array_equal(np.sort(fills), fills_of(clipped, offsets, ids))
        for threads in (1, 2):
            case = (lengths, sequence_length, threads)
            runs[f"prototype ids {threads}T"] = lambda c=case: prototype.ids(*c)
            runs[f"prototype CSR {threads}T"] = lambda c=case, n=number: prototype.documents(*c, n)
    timings = harness.measure_in_turns(runs, repeats=5 if documents < 10**7 else 3)
    nanoseconds = {name: timing.median / documents * 1e9 for name, timing in timings.items()}
    return {"lengths": kind, "documents": documents, "L": sequence_length, **nanoseconds}


def against_peers(kind: str, documents: int, sequence_length: int) -> list[Row]:
    """Each peer and the CSR form, one thread.

    Ours packs all `documents`, in turns with the peers that do; those that crawl get a slice, and are
    compared by time a document. That is to their favour: they take longer a document the more there are.
    """
    rows: list[Row] = []
    everything = np.minimum(GENERATORS[kind](documents, 0), sequence_length)
    whole_ns: float | None = None
    for peer in PEERS:
        count = min(documents, peer.documents)
        if documents > 10**6 and count < documents:
            continue  # the slice is in the table of a million
        lengths = everything[:count]
        row: Row = {"lengths": kind, "L": sequence_length, "peer": peer.name, "documents": count}
        missing = {"peer ns": None, "CSR ns": None, "ratio": None, "peer padding %": None, "padding %": None}
        try:
            run, fills_of_result = peer.prepare(lengths, sequence_length)
            theirs = fills_of_result(run())
        except ImportError as error:
            reason = (str(error).strip() or repr(error)).splitlines()[0]
            rows.append(row | missing | {"note": f"does not import: {reason}"})
            continue
        ours = fills_of(lengths, *best_fit_documents(lengths, sequence_length))
        # Every token once, no row over-full: theirs and ours.
        for fills in (theirs, ours):
            assert fills.sum() == lengths.sum(), peer.name
            assert fills.max() <= sequence_length, peer.name
        same = np.array_equal(np.sort(theirs), ours)
        note = "equal fills" if same else "moves the tokens too" if peer.moves_tokens else "packs differently"
        runs = {"peer": run}
        if count == documents or whole_ns is None:
            runs["ours"] = lambda: best_fit_documents(everything, sequence_length, num_threads=1)
        timings = harness.measure_in_turns(runs, repeats=3 if count == documents else 1)
        if "ours" in timings:
            whole_ns = timings["ours"].median / documents * 1e9
        peer_ns = timings["peer"].median / count * 1e9
        assert whole_ns is not None
        rows.append(
            row
            | {"peer ns": peer_ns, "CSR ns": whole_ns, "ratio": peer_ns / whole_ns}
            | {"peer padding %": padding_of(theirs, sequence_length)}
            | {"padding %": padding_of(ours, sequence_length), "note": note}
        )
    return rows


def strategies(kind: str, documents: int, sequence_length: int) -> list[Row]:
    """Fill, bias and speed, one thread."""
    lengths = GENERATORS[kind](documents, 0)
    rows = []
    chosen: dict[str, dict[str, Any]] = {
        "best_fit": {}, "stream": {}, "concat": {}, "first_fit": {}, "next_fit": {},
        "decompose": {}, "pad": {},
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


def padding_of(fills: NDArray[np.int64], sequence_length: int) -> float:
    return float(100 * (1 - fills.sum() / (len(fills) * sequence_length)))


def decompositions(kind: str, documents: int, sequence_length: int) -> list[Row]:
    """Dataset Decomposition with each remainder, one thread, by document and by piece.

    `plain write`: the time in which numpy fills fresh arrays of the plan's sizes with ones.
    """
    lengths = GENERATORS[kind](documents, 0)
    rows = []
    for remainder in ("pack", "drop", "keep"):
        timing, plan = harness.measure(
            lambda r=remainder: pack(lengths, sequence_length, "decompose", remainder=r, num_threads=1),
            repeats=5,
        )
        plan.verify(lengths)
        arrays = list(plan.arrays().values())
        fill, _ = harness.measure(lambda a=arrays: [np.full_like(x, 1) for x in a], repeats=5)
        rows.append({
            "lengths": kind,
            "documents": documents,
            "L": sequence_length,
            "remainder": remainder,
            "ns/document": timing.median / documents * 1e9,
            "pieces/document": plan.num_spans / documents,
            "ns/piece": timing.median / plan.num_spans * 1e9,
            "plain write ns/document": fill.median / documents * 1e9,
        })  # fmt: skip
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


# The prototype in a fresh process too. Its offsets get as many sequences as ours found.
PROTOTYPE_PROBE = """
import sys, time
import numpy as np
sys.path.insert(0, sys.argv[5])
from peers import prototype

lengths, sequence_length, threads = np.load(sys.argv[1]), int(sys.argv[3]), int(sys.argv[4])
prototype.ids(lengths[:1000], sequence_length, 1)  # compiled
most = len(lengths) if sys.argv[2] == "ids" else prototype.ids(lengths, sequence_length, threads)[1]
start = time.perf_counter()
if sys.argv[2] == "ids":
    prototype.ids(lengths, sequence_length, threads)
else:
    prototype.documents(lengths, sequence_length, threads, most)
print(time.perf_counter() - start)
"""


def large(documents: int, sequence_length: int) -> list[Row]:
    """Speed and peak memory beyond input and output, each call in a fresh process."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lengths.npy"
        np.save(path, GENERATORS["web"](documents, 0))
        for form in ("ids", "CSR"):
            for threads in (1, 2):

                def probe(
                    program: str, form: str = form, threads: int = threads, path: Path = path
                ) -> list[float]:
                    case = [str(path), form, str(sequence_length), str(threads), str(Path(__file__).parent)]
                    # Away from the source tree, whose pypack/ has no compiled extension.
                    run = subprocess.run(
                        [sys.executable, "-c", program, *case], cwd=folder, check=True, capture_output=True
                    )
                    return list(map(float, run.stdout.split()))

                ours, theirs = [], []
                for _ in range(3):
                    ours.append(probe(MEMORY_PROBE))
                    if prototype.available():
                        theirs.append(probe(PROTOTYPE_PROBE)[0])
                rows.append({
                    "form": form,
                    "documents": documents,
                    "L": sequence_length,
                    "threads": threads,
                    "ns/document": min(run[0] for run in ours) / documents * 1e9,
                    "prototype ns/document": min(theirs) / documents * 1e9 if theirs else None,
                    "CPU ns/document": min(run[2] for run in ours) / documents * 1e9,
                    "extra MiB": max(run[1] for run in ours),
                })  # fmt: skip
    return rows


PARTS = ("best_fit", "strategies", "decompose", "balance", "peers", "large")


def measure_part(part: str, sizes: list[int], sequence_lengths: list[int]) -> dict[str, list[Row]]:
    """Tables of a part by title."""
    cases = [(kind, count, n) for count in sizes for kind in GENERATORS for n in sequence_lengths]
    if part == "best_fit":
        return {
            f"best fit, ns a document, {count:,} documents": [
                best_fit_speed(*case) for case in cases if case[1] == count
            ]
            for count in sizes
        }
    if part == "strategies":
        return {"strategies": [row for case in cases if case[1] == sizes[0] for row in strategies(*case)]}
    if part == "decompose":
        return {"decompose": [row for case in cases if case[1] == sizes[0] for row in decompositions(*case)]}
    if part == "balance":
        return {"balance, slowdown": balances(sizes[0])}
    if part == "peers":
        return {
            f"best fit against peers, {count:,} documents": [
                row for case in cases if case[1] == count for row in against_peers(*case)
            ]
            for count in sizes
        }
    return {"best fit, 100 million": [row for n in sequence_lengths for row in large(10**8, n)]}


def earlier_results() -> dict[str, Any]:
    """The tables measured before, and under "commits" at which commit each was."""
    try:
        record = json.loads((harness.RESULTS / "pack.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {"commits": {}}
    commits = record["results"].get("commits", {})
    return {"commits": commits, **{title: record["results"][title] for title in commits}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--documents", default="1000000,10000000", help="numbers of documents")
    parser.add_argument("--sequence-lengths", default="2048,8192")
    parser.add_argument("--large", action="store_true", help="also 100 million documents")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument(
        "--parts",
        default="best_fit,strategies,decompose,balance,peers",
        help=f"which of {', '.join(PARTS)}; other tables stay in the result file with their commits",
    )
    arguments = parser.parse_args()
    sizes = [int(count) for count in arguments.documents.split(",")]
    sequence_lengths = [int(length) for length in arguments.sequence_lengths.split(",")]
    parts = set(arguments.parts.split(",")) | ({"large"} if arguments.large else set())
    parts -= {"peers"} if arguments.no_peers else set()
    results = earlier_results()
    for part in PARTS:
        if part in parts:
            for title, rows in measure_part(part, sizes, sequence_lengths).items():
                harness.print_table(rows, title)
                results[title] = rows
                results["commits"][title] = harness.commit()
    path = harness.write_results("pack", results, *{peer.distribution for peer in PEERS})
    print(f"\nwritten to {path}")


if __name__ == "__main__":
    main()
