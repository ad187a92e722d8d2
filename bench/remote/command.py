r"""How fast batches come from object storage: with all in the cache, and with nothing in it.

    python bench remote

A store of made-up documents, packed in order, lies behind a small server of ranges on this host, once with
a line that is limited to 1 Gbit/s, and once without a limit (on loopback server and client share the
processors, and filling memory that no file was in before is the slowest part). Measured: the server alone, as
fast as the same client reads the whole store by blocks, as many at once as the cache does; the same with each
block written to a file; a pass with an empty cache and `locality`; passes with a full one beside a loader
over the local files, in turns; and what the first batch takes. Checked first: the batches are those of the
local loader.

    python bench remote --parts pack

`pypack pack` of a made-up store of 100 million documents behind that server, the whole process: its time and
its memory, with two strategies. Checked by the command itself: it proves each plan.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import pypack
from bench.common.arguments import parser
from bench.common.printing import Row, print_table
from bench.common.record import ROOT, write_results
from bench.common.timing import measure_in_turns
from bench.remote.packing import bench_packing
from pypack.remote import DirectObjects, Url

VOCABULARY, LENGTH, ROWS, LOCALITY = 60_000, 2048, 8, 1000
AT_ONCE, BLOCK_BYTES = 16, 8 << 20


def range_server(folder: Path, rate: float) -> Any:
    """The server of the tests."""
    spec = importlib.util.spec_from_file_location("range_server", ROOT / "tests/fixtures/range_server.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module.range_server(folder, rate)


def make_store(folder: Path, tokens: int) -> None:
    """`a.store`, and its plan `a.plan`."""
    numbers = np.random.default_rng(0)
    with pypack.StoreWriter(folder / "a.store", vocab_size=VOCABULARY) as writer:
        while writer.num_tokens < tokens:
            lengths = np.clip(numbers.lognormal(6, 1, 2000), 1, 50_000).astype(np.int64)
            offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
            values = numbers.integers(0, VOCABULARY, int(offsets[-1]), dtype=np.uint32)
            writer.append(pypack.Ragged(values, offsets))
    store = pypack.TokenStore.open(folder / "a.store")
    pypack.pack(store.lengths, LENGTH, strategy="stream").save(folder / "a.plan")


def loader_at(place: str, cache: Path | None) -> pypack.Loader:
    """Over the store at a path, or through a cache at a URL."""
    store = pypack.TokenStore.open(f"{place}/a.store", cache=cache)
    return pypack.Loader(store, f"{place}/a.plan", batch_sequences=ROWS, seed=0, locality=LOCALITY)


def one_pass(loader: pypack.Loader) -> int:
    """All batches of an epoch; returns how many."""
    return sum(1 for _ in loader)


def read_everything(url: str, folder: Path, copies: Path | None = None) -> int:
    """The store's tokens from the server, by blocks, as many at once as the cache asks for; returns bytes.

    With `copies` each block is written to a file of that folder.
    """
    objects = DirectObjects()
    parts = [
        (Url.of(f"{url}/a.store/{file.name}"), start, min(start + BLOCK_BYTES, file.stat().st_size))
        for file in sorted((folder / "a.store").glob("*.bin"))
        for start in range(0, file.stat().st_size, BLOCK_BYTES)
    ]

    def read(number: int) -> int:
        data = objects.read(*parts[number])
        if copies is not None:
            (copies / str(number)).write_bytes(data)
        return len(data)

    with ThreadPoolExecutor(AT_ONCE) as threads:
        return sum(threads.map(read, range(len(parts))))


def end_fetcher(cache: Path) -> None:
    """The fetcher of a cache would wait for other readers."""
    told = subprocess.run(["ps", "-ww", "-eo", "pid=,args="], check=True, capture_output=True, text=True)
    for line in told.stdout.splitlines():
        if "pypack.cache.fetcher" in line and str(cache) in line:
            os.kill(int(line.split()[0]), signal.SIGKILL)


def cold_pass(url: str, cache: Path, server: Any) -> tuple[float, float, int]:
    """Seconds of a pass with an empty cache, and of its first batch alone; the bytes given by then."""
    loader = loader_at(url, cache)
    server.forget()
    began = time.perf_counter()
    batches = iter(loader)
    next(batches)
    first, given = time.perf_counter() - began, server.bytes_given()
    for _ in batches:
        pass
    return time.perf_counter() - began, first, given


def copied(url: str, folder: Path) -> tuple[int, float]:
    """Bytes of the store, and the seconds that it takes to read and to write them."""
    with tempfile.TemporaryDirectory(dir=folder) as copies:
        began = time.perf_counter()
        size = read_everything(url, folder, Path(copies))
        return size, time.perf_counter() - began


def measure(tokens: int, repeats: int, rate: float) -> Row:
    """The row of a line of so many bytes a second; 0: without a limit."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_store(folder, tokens)
        with range_server(folder, rate) as server:
            here, there = loader_at(str(folder), None), loader_at(server.url, folder / "cache0")
            for mine, theirs in zip(there, here, strict=True):
                assert np.array_equal(mine.input_ids, theirs.input_ids)
            # Once more: by now all is in the cache, and mapped.
            steps = one_pass(there)
            warm = measure_in_turns(
                {"local": partial(one_pass, here), "remote": partial(one_pass, there)}, repeats
            )
            end_fetcher(folder / "cache0")
            size, whole, written, cold = 0, [], [], []
            for number in range(repeats):
                began = time.perf_counter()
                size = read_everything(server.url, folder)
                whole.append(time.perf_counter() - began)
                cache = folder / f"cache{number + 1}"
                # Whoever comes second has memory that the first has just left.
                for one in (0, 1) if number % 2 else (1, 0):
                    if one:
                        written.append(copied(server.url, folder)[1])
                    else:
                        cold.append(cold_pass(server.url, cache, server))
                        end_fetcher(cache)
                        shutil.rmtree(cache)
    cold_seconds = float(np.median([seconds for seconds, _, _ in cold]))
    return {
        "MB": size / 1e6,
        "line, MB/s": rate / 1e6,
        "steps": steps,
        "local, batches/s": steps / warm["local"].median,
        "warm, batches/s": steps / warm["remote"].median,
        "warm / local": warm["local"].median / warm["remote"].median,
        "server, MB/s": size / float(np.median(whole)) / 1e6,
        "copied, MB/s": size / float(np.median(written)) / 1e6,
        "cold, MB/s": size / cold_seconds / 1e6,
        "cold / server": float(np.median(whole)) / cold_seconds,
        "cold / copied": float(np.median(written)) / cold_seconds,
        "first batch, s": float(np.median([first for _, first, _ in cold])),
        "first batch, MiB": max(given for _, _, given in cold) / 2**20,
    }


def main(arguments: list[str]) -> None:
    """Measures, prints the table and writes the result file."""
    options = parser("remote", __doc__)
    options.add_argument("--parts", nargs="+", choices=("load", "pack"), default=["load"])
    options.add_argument("--documents", type=int, default=100_000_000, help="for pack")
    options.add_argument("--tokens", type=int, default=200_000_000)
    options.add_argument(
        "--lines", type=float, nargs="+", default=[125.0, 0.0], metavar="MB/S",
        help="what the server gives at most; 0: no limit",
    )  # fmt: skip
    options.add_argument("--repeats", type=int, default=5)
    options.add_argument("--no-results", action="store_true", help="do not write bench/results")
    args = options.parse_args(arguments)
    if "load" in args.parts:
        rows = [measure(args.tokens, args.repeats, line * 1e6) for line in args.lines]
        print_table(rows, "batches of 8 x 2048 tokens through a cache of remote files")
        if not args.no_results:
            print(write_results("remote", rows))
    if "pack" in args.parts:
        rows = bench_packing(range_server, args.documents, LENGTH, args.repeats)
        print_table(rows, "pypack pack of a store at a URL")
        if not args.no_results:
            print(write_results("remote_pack", rows))
