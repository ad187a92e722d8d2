"""Loading packed batches, beside the bare work and other loaders, on the same store in one run.

    python bench/bench_load.py

A store of 200 M uint16 tokens with document lengths like those of the web, packed by best fit into rows of
2048 and 8192 tokens; batches of 8 rows, shuffled, int64, one process, one thread, the files in the page
cache. Checked first: every batch of the first steps equals what the bare loop gathers, and numpy gathers the
same.

- "bare C++ loop": bench/peers/bare_loop.cpp, compiled here with -O3 -march=native. It knows where every span
  stands and in which order rows come, and writes over the same warm memory again and again.
- "numpy gather": the same spans by numpy slices (`pypack.throughput.loading.numpy_batch`).
- "copy": as many bytes as the batch has, from warm memory to warm memory.
- "torch DataLoader": rows of a flat memmap, shuffled by its sampler, no packing, ids alone; with
  num_workers=0.
"""

from __future__ import annotations

import argparse
import ctypes
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lengths as generators
import numpy as np
from harness import measure_in_turns, print_table, write_results

from pypack import Loader, Plan, Ragged, StoreWriter, TokenStore, pack
from pypack.throughput.loading import numpy_batch

ROWS = 8
VOCABULARY = 50_257
CHECKED_STEPS = 20


def make_store(path: Path, tokens: int) -> TokenStore:
    documents = generators.web(tokens // 1000)
    documents = documents[np.cumsum(documents, dtype=np.int64) <= tokens]
    offsets = np.zeros(len(documents) + 1, np.int64)
    np.cumsum(documents, out=offsets[1:])
    ids = np.random.default_rng(0).integers(0, VOCABULARY, int(offsets[-1]), dtype=np.uint32)
    with StoreWriter(path, vocab_size=VOCABULARY) as writer:
        writer.append(Ragged(ids, offsets))
    return TokenStore.open(path)


class BareLoop:
    """The C++ loop over the same plan, its outputs allocated once."""

    def __init__(self, library: ctypes.CDLL, store: TokenStore, plan: Plan) -> None:
        (shard,) = store.info.shards if store.info is not None else ()
        self._library = library
        self._tokens = np.memmap(store.path / f"{shard.name}.bin", np.uint16, "r")
        starts = np.zeros(store.num_documents + 1, np.int64)
        np.cumsum(store.lengths, out=starts[1:])
        self._offsets = starts[plan.span_document] + plan.span_start
        self._lengths = np.ascontiguousarray(plan.span_length)
        self._first_span = np.ascontiguousarray(plan.sequence_offsets)
        self._row_length = plan.sequence_length
        self.out = [np.empty((ROWS, plan.sequence_length), np.int64) for _ in range(4)]

    def __call__(self, rows: np.ndarray, arrays: int) -> list[np.ndarray]:
        function = self._library.bare_four if arrays == 4 else self._library.bare_ids
        inputs = (self._tokens, self._offsets, self._lengths, self._first_span, rows)
        function(
            *(ctypes.c_void_p(array.ctypes.data) for array in inputs),
            ctypes.c_int64(len(rows)),
            ctypes.c_int64(ROWS),
            ctypes.c_int64(self._row_length),
            *(ctypes.c_void_p(array.ctypes.data) for array in self.out[:arrays]),
        )
        return self.out[:arrays]


def compile_bare_loop(directory: Path) -> ctypes.CDLL:
    source = Path(__file__).parent / "peers" / "bare_loop.cpp"
    library = directory / "bare_loop.so"
    command = ["c++", "-O3", "-march=native", "-shared", "-fPIC", str(source), "-o", str(library)]
    subprocess.run(command, check=True)
    return ctypes.CDLL(str(library))


def torch_rows(store: TokenStore, row_length: int) -> Callable[[int], None] | None:
    """A torch DataLoader over rows of the flat .bin; None if torch is not installed."""
    try:
        import torch
        from torch.utils.data import DataLoader, Dataset
    except ImportError:
        return None
    (shard,) = store.info.shards if store.info is not None else ()
    flat = np.memmap(store.path / f"{shard.name}.bin", np.uint16, "r")

    class Rows(Dataset):  # type: ignore[type-arg]
        def __len__(self) -> int:
            return len(flat) // row_length

        def __getitem__(self, index: int) -> Any:
            row = flat[index * row_length : (index + 1) * row_length]
            return torch.from_numpy(row.astype(np.int64))

    loader = DataLoader(Rows(), batch_size=ROWS, shuffle=True)

    def run(steps: int) -> None:
        batches = iter(loader)
        for _ in range(steps):
            next(batches)

    return run


def bench(store: TokenStore, library: ctypes.CDLL, row_length: int, repeats: int) -> list[dict[str, Any]]:
    plan = pack(store.lengths, row_length, strategy="best_fit")
    options: dict[str, Any] = {"batch_sequences": ROWS, "num_threads": 1, "pad_id": 0, "prefetch": 0}
    four = Loader(store, plan, **options)
    ids = Loader(store, plan, arrays=(), **options)
    bare = BareLoop(library, store, plan)
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
        "bare C++ loop, four arrays": (steps, lambda: bare(all_rows, 4)),
        "copy of four arrays": (steps, copy),
        "numpy gather, four arrays": (len(few), gather),
        "pypack, ids": (steps, lambda: load(ids)),
        "bare C++ loop, ids": (steps, lambda: bare(all_rows, 1)),
    }
    torch_run = torch_rows(store, row_length)
    if torch_run is not None:
        ways["torch DataLoader, ids of unpacked rows"] = (steps, lambda: torch_run(steps))
    timings = measure_in_turns({name: run for name, (_, run) in ways.items()}, repeats)
    real = sum(four.batch_at(step).tokens for step in range(steps)) / steps
    speeds = {name: ways[name][0] * real / timing.median for name, timing in timings.items()}
    return [
        {
            "rows x tokens": f"{ROWS} x {row_length}",
            "way": name,
            "tokens/s": speed,
            "us/batch": real / speed * 1e6,
            "pypack / it": speeds["pypack, four arrays" if "four" in name else "pypack, ids"] / speed,
        }
        for name, speed in speeds.items()
    ]


def first_batch_seconds(store: TokenStore, plan: Plan) -> float:
    """Median time from the files' names to the first batch in hand."""
    times = []
    with tempfile.TemporaryDirectory() as directory:
        plan.save(Path(directory) / "plan")
        for seed in range(9):
            start = time.perf_counter()
            opened = TokenStore.open(store.path)
            loader = Loader(
                opened, Plan.open(Path(directory) / "plan"), batch_sequences=ROWS, seed=seed, prefetch=0
            )
            loader.batch_at(12_345 % len(loader))
            times.append(time.perf_counter() - start)
    return float(np.median(times))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tokens", type=int, default=200_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as directory:
        store = make_store(Path(directory) / "web.store", args.tokens)
        library = compile_bare_loop(Path(directory))
        for row_length in (2048, 8192):
            rows += bench(store, library, row_length, args.repeats)
        first = first_batch_seconds(store, pack(store.lengths, 2048, strategy="best_fit"))
    print_table(rows, f"one thread, {args.tokens / 1e6:.0f} M tokens")
    print(f"open store and plan, construct, first batch: {first * 1e3:.1f} ms")
    print(write_results("load", {"rows": rows, "first_batch_ms": first * 1e3}, "torch"))


if __name__ == "__main__":
    main()
