"""Loading packed batches, beside the bare work and other loaders, on the same store in one run.

    python bench load [--parts memory peers balance cold scale] [--work DIR] [--prepare]

A store of 200 M uint16 tokens with document lengths like those of the web, each document ended by an
end-of-document id, packed by best fit into rows of 2048 and 8192 tokens; batches of 8 rows, shuffled, int64,
one process, the files in the page cache; speeds are medians of runs in turns. Parts can be run one after
another; what an earlier part wrote into bench/results/load.json stays, with its commit.

memory: checked first: every batch of the first steps equals what the bare loop gathers, and numpy gathers the
same.
- "pypack": `loader.batch_at(step)`, step after step, one thread.
- "pypack loop": `for batch in loader`; the loader's thread makes batches ahead, on another processor, and the
  loop does nothing with them. All else runs in one thread.
- "bare C++ loop": bench/load/bare_loop.cpp, compiled here with -O3 -march=native. It knows where every span
  stands and in which order rows come, and writes over the same warm memory again and again.
- "numpy gather": the same spans by numpy slices (`pypack.throughput.loading.numpy_batch`).
- "copy": as many bytes as the batch has, from warm memory to warm memory.
peers: other loaders (peers.py), each in a process of its own that compares the tokens of its first 200
  batches with the store's; its fastest run of three. Those that are not installed are skipped, with the
  reason.
balance: what `balance=` adds for the middle ranks of 2 to 64, of short rows too, where a batch is soonest
  made and dealing weighs most; in several processes (balance.py).
cold: from a cold page cache, with and without read-ahead, until the store has been read once (cold.py).
scale: construction, resuming and memory at 10^9 sequences (scale.py).
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from bench.common.arguments import parser
from bench.common.record import write_results
from bench.load.balance import bench_balance
from bench.load.cold import bench_cold, disk_speed
from bench.load.corpus import ROWS, prepare
from bench.load.memory import bench_memory, first_batch_seconds
from bench.load.peers import PEERS, bench_peers, run_peer
from bench.load.record import earlier_results, keep
from bench.load.scale import bench_scale
from pypack import Plan, TokenStore

PARTS = ("memory", "peers", "balance", "cold", "scale")


def main(arguments: list[str]) -> None:
    """Measures the parts asked for, prints their tables and writes them into the result file."""
    options = parser("load", __doc__)
    options.add_argument("--tokens", type=int, default=200_000_000)
    options.add_argument("--repeats", type=int, default=5)
    options.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    options.add_argument("--row-lengths", nargs="+", type=int, default=[2048, 8192])
    options.add_argument("--balance-row-lengths", nargs="+", type=int, default=[1024, 2048, 8192])
    options.add_argument("--work", type=Path, help="keep store, plans and peers' files here, for other runs")
    options.add_argument("--prepare", action="store_true", help="only write those files")
    options.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS))
    options.add_argument("--peer-seconds", type=float, default=2.0, help="of one timed run of a peer")
    options.add_argument("--no-results", action="store_true", help="do not write bench/results")
    args = options.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        work = args.work or Path(temporary)
        store, plans = prepare(work, args.tokens, args.row_lengths)
        balanced = args.balance_row_lengths if "balance" in args.parts else []
        if args.prepare:
            prepare_peers(args, work, store)
        else:
            measure(args, work, store, plans, prepare(work, args.tokens, balanced)[1])


def prepare_peers(args: argparse.Namespace, work: Path, store: TokenStore) -> None:
    """Runs every peer for a moment, which writes its files."""
    quick = {"tokens": 10**6, "seconds": 0.1, "repeats": 1, "checked-steps": 2}
    for row_length in args.row_lengths:
        for peer in args.peers:
            print(row_length, peer, run_peer(peer, store, work / "peers", row_length, ROWS, quick))


def measure(
    args: argparse.Namespace,
    work: Path,
    store: TokenStore,
    plans: dict[int, Path],
    balanced: dict[int, Path],
) -> None:
    """The parts, in the order in which they do not disturb each other; `balanced`: plans for "balance"."""
    results = earlier_results()
    # First: what this process has read through its mappings cannot be taken out of the page cache.
    if "cold" in args.parts:
        for plan_path in plans.values():
            keep(results, "cold", bench_cold(store.path, plan_path, 3))
        results["disk"] = disk_speed(store.path, 4096)
        print(results["disk"])
    for row_length, plan_path in plans.items():
        if "memory" in args.parts:
            keep(results, "rows", bench_memory(store, Plan.open(plan_path), work, 5 * args.repeats))
        if "peers" in args.parts:
            options = {"tokens": 24_000_000, "seconds": args.peer_seconds, "repeats": 3}
            rows = bench_peers(store, work, row_length, results["rows"], args.peers, options)
            keep(results, "peers", rows)
    for plan_path in balanced.values():
        keep(results, "balance", bench_balance(store.path, plan_path, args.repeats))
    if "scale" in args.parts:
        keep(results, "scale", bench_scale(work))
    if "memory" in args.parts:
        results["first_batch_ms"] = first_batch_seconds(store, plans[args.row_lengths[0]]) * 1e3
        print(f"open store and plan, construct, first batch: {results['first_batch_ms']:.1f} ms")
    if not args.no_results:
        print(write_results("load", results, "torch"))
