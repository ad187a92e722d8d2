"""Loading packed batches, beside the bare work and other loaders, on the same store in one run.

    python bench/bench_load.py [--parts memory peers balance cold scale] [--work DIR] [--prepare]

A store of 200 M uint16 tokens with document lengths like those of the web, each document ended by an
end-of-document id, packed by best fit into rows of 2048 and 8192 tokens; batches of 8 rows, shuffled, int64,
one process, the files in the page cache; speeds are medians of runs in turns. Parts can be run one after
another; what an earlier part wrote into bench/results/load.json stays, with its commit.

memory: checked first: every batch of the first steps equals what the bare loop gathers, and numpy gathers the
same.
- "pypack": `loader.batch_at(step)`, step after step, one thread.
- "pypack loop": `for batch in loader`; the loader's thread makes batches ahead, on another processor, and the
  loop does nothing with them. All else runs in one thread.
- "bare C++ loop": bench/peers/bare_loop.cpp, compiled here with -O3 -march=native. It knows where every span
  stands and in which order rows come, and writes over the same warm memory again and again.
- "numpy gather": the same spans by numpy slices (`pypack.throughput.loading.numpy_batch`).
- "copy": as many bytes as the batch has, from warm memory to warm memory.
peers: other loaders (load_peers.py), each in a process of its own that compares the tokens of its first 200
  batches with the store's; its fastest run of three. Those that are not installed are skipped, with the
  reason.
balance: what `balance=` adds for the middle ranks of 2, 8 and 32, in several processes (load_balance.py).
cold: from a cold page cache, with and without read-ahead, until the store has been read once (load_cold.py).
scale: construction, resuming and memory at 10^9 sequences (load_scale.py).
"""

from __future__ import annotations

import argparse
import itertools
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lengths as generators
import numpy as np
from bare_loop import BareLoop, compile_bare_loop
from harness import RESULTS, commit, measure_in_turns, print_table, write_results
from load_balance import bench_balance
from load_cold import bench_cold, disk_speed
from load_peers import PEERS, run_peer
from load_scale import bench_scale

from pypack import Loader, Plan, Ragged, StoreWriter, TokenStore, pack
from pypack.throughput.loading import numpy_batch

ROWS = 8
ROW_LENGTHS = (2048, 8192)
VOCABULARY = 50_257
EOS = VOCABULARY - 1
CHECKED_STEPS = 20
PARTS = ("memory", "peers", "balance", "cold", "scale")


def make_store(path: Path, tokens: int) -> TokenStore:
    documents = generators.web(tokens // 1000)
    documents = documents[np.cumsum(documents, dtype=np.int64) <= tokens]
    offsets = np.zeros(len(documents) + 1, np.int64)
    np.cumsum(documents, out=offsets[1:])
    ids = np.random.default_rng(0).integers(0, EOS, int(offsets[-1]), dtype=np.uint32)
    ids[offsets[1:] - 1] = EOS
    with StoreWriter(path, vocab_size=VOCABULARY) as writer:
        writer.append(Ragged(ids, offsets))
    return TokenStore.open(path)


def bench_memory(store: TokenStore, plan: Plan, work: Path, repeats: int) -> list[dict[str, Any]]:
    row_length = plan.sequence_length
    options: dict[str, Any] = {"batch_sequences": ROWS, "num_threads": 1, "pad_id": 0, "prefetch": 0}
    four = Loader(store, plan, **options)
    ids = Loader(store, plan, arrays=(), **options)
    ahead = {"num_threads": 1, "pad_id": 0, "batch_sequences": ROWS}
    loops = {4: Loader(store, plan, **ahead), 1: Loader(store, plan, arrays=(), **ahead)}
    bare = BareLoop(compile_bare_loop(work), store, plan, ROWS)
    # Enough steps that the store is read from all over; the same rows for everyone.
    steps = min(plan.num_sequences // ROWS, 24_000_000 // (ROWS * row_length))
    rows = [np.ascontiguousarray(four.sequences_at(step), np.int64) for step in range(steps)]
    for step in range(CHECKED_STEPS):
        expected = bare(rows[step], 4)
        batch = four.batch_at(step)
        got = [batch.input_ids, batch.labels, batch.position_ids, batch.segment_ids]
        assert all(map(np.array_equal, got, expected)), f"step {step} differs from the bare loop"
        assert np.array_equal(ids.batch_at(step).input_ids, expected[0])
        gathered = numpy_batch(store, plan, rows[step].tolist(), row_length)
        assert all(map(np.array_equal, gathered, expected)), f"step {step}: numpy differs"
    all_rows = np.concatenate(rows)
    few = rows[: max(1, steps // 20)]

    def load(loader: Loader) -> None:
        for step in range(steps):
            loader.batch_at(step)

    def loop(arrays: int) -> None:
        loops[arrays].seek(0)
        for _ in itertools.islice(loops[arrays], steps):
            pass

    def gather() -> None:
        for sequences in few:
            numpy_batch(store, plan, sequences.tolist(), row_length)

    def copy() -> None:
        for _ in range(steps):
            for to, array in zip(copies, bare.out, strict=True):
                np.copyto(to, array)

    copies = [np.empty_like(array) for array in bare.out]
    ways: dict[str, tuple[int, Callable[[], None]]] = {
        "pypack, four arrays": (steps, lambda: load(four)),
        "pypack loop, four arrays": (steps, lambda: loop(4)),
        "bare C++ loop, four arrays": (steps, lambda: bare(all_rows, 4)),
        "copy of four arrays": (steps, copy),
        "numpy gather, four arrays": (len(few), gather),
        "pypack, ids": (steps, lambda: load(ids)),
        "pypack loop, ids": (steps, lambda: loop(1)),
        "bare C++ loop, ids": (steps, lambda: bare(all_rows, 1)),
    }
    timings = measure_in_turns({name: run for name, (_, run) in ways.items()}, repeats)
    real = sum(four.batch_at(step).tokens for step in range(steps)) / steps
    speeds = {name: ways[name][0] * real / timing.median for name, timing in timings.items()}
    return [
        {
            "rows x tokens": f"{ROWS} x {row_length}",
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


def bench_peers(
    store: TokenStore,
    work: Path,
    row_length: int,
    memory: list[dict[str, Any]],
    peers: list[str],
    options: dict[str, Any],
) -> list[dict[str, Any]]:
    size = f"{ROWS} x {row_length}"
    mine = {row["way"]: row["tokens/s"] for row in memory if row["rows x tokens"] == size}
    rows: list[dict[str, Any]] = []
    for peer in peers:
        title = PEERS[peer][0]
        result = run_peer(peer, store, work / "peers", row_length, ROWS, options)
        if "skipped" in result:
            print(f"{title}: skipped: {result['skipped']}")
            rows.append({"rows x tokens": size, "way": title, "skipped": result["skipped"]})
            continue
        speed = max(result["tokens/s"])
        rows.append(
            {
                "rows x tokens": size,
                "way": title,
                "tokens/s": speed,
                "four arrays of pypack / it": mine["pypack, four arrays"] / speed,
                "ids of pypack / it": mine["pypack, ids"] / speed,
                "checked tokens": result["checked tokens"],
                "version": result["version"],
            }
        )
    return rows


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


def identity(row: dict[str, Any]) -> tuple[Any, ...]:
    """What tells the rows of a table apart."""
    return tuple(row.get(name) for name in ("rows x tokens", "way", "ranks", "balance"))


def sizes_of(rows: list[dict[str, Any]]) -> set[str]:
    return {row["rows x tokens"] for row in rows}


def earlier_results() -> dict[str, Any]:
    """What was measured before; "commits" says at which commit each part was."""
    try:
        record = json.loads((RESULTS / "load.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    results: dict[str, Any] = record["results"]
    parts = {name for name, rows in results.items() if isinstance(rows, list)}
    return results if parts == set(results.get("commits", {})) else {}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tokens", type=int, default=200_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--row-lengths", nargs="+", type=int, default=list(ROW_LENGTHS))
    parser.add_argument("--work", type=Path, help="keep store, plans and peers' files here, for other runs")
    parser.add_argument("--prepare", action="store_true", help="only write those files")
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS))
    parser.add_argument("--peer-seconds", type=float, default=2.0, help="of one timed run of a peer")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        measure(args, args.work or Path(temporary))


def measure(args: argparse.Namespace, work: Path) -> None:
    work.mkdir(parents=True, exist_ok=True)
    path = work / f"web-{args.tokens}.store"
    store = TokenStore.open(path) if (path / "store.json").exists() else make_store(path, args.tokens)
    plans = {}
    for row_length in args.row_lengths:
        plan_path = work / f"web-{args.tokens}-{row_length}.plan"
        if not plan_path.exists():
            pack(store.lengths, row_length, strategy="best_fit").save(plan_path)
        plans[row_length] = plan_path
    if args.prepare:
        for row_length in args.row_lengths:
            for peer in PEERS:
                quick = {"tokens": 10**6, "seconds": 0.1, "repeats": 1, "checked-steps": 2}
                print(row_length, peer, run_peer(peer, store, work / "peers", row_length, ROWS, quick))
        return
    results = earlier_results()

    def keep(part: str, rows: list[dict[str, Any]]) -> None:
        new = {identity(row) for row in rows}
        if part == "cold":  # all of a size at a time: its cases change their names with what they are
            new |= {identity(row) for row in results.get(part, []) if row["rows x tokens"] in sizes_of(rows)}
        kept = [row for row in results.get(part, []) if identity(row) not in new]
        results.setdefault("commits", {})[part] = commit()
        results[part] = sorted(kept + rows, key=lambda row: int(row["rows x tokens"].split()[-1]))
        print_table(rows, part)

    # First: what this process has read through its mappings cannot be taken out of the page cache.
    if "cold" in args.parts:
        for plan_path in plans.values():
            keep("cold", bench_cold(path, plan_path, 3))
        results["disk"] = disk_speed(path, 4096)
        print(results["disk"])
    for row_length, plan_path in plans.items():
        plan = Plan.open(plan_path)
        if "memory" in args.parts:
            keep("rows", bench_memory(store, plan, work, 5 * args.repeats))
        if "peers" in args.parts:
            options = {"tokens": 24_000_000, "seconds": args.peer_seconds, "repeats": 3}
            keep("peers", bench_peers(store, work, row_length, results["rows"], args.peers, options))
        if "balance" in args.parts:
            keep("balance", bench_balance(path, plan_path, args.repeats))
    if "scale" in args.parts:
        keep("scale", bench_scale(work))
    if "memory" in args.parts:
        results["first_batch_ms"] = first_batch_seconds(store, plans[args.row_lengths[0]]) * 1e3
        print(f"open store and plan, construct, first batch: {results['first_batch_ms']:.1f} ms")
    print(write_results("load", results, "torch"))


if __name__ == "__main__":
    main()
