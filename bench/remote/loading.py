"""A loader through a cache of remote files: warm, cold, and beside what it is compared with."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import pypack
from bench.common.printing import Row
from bench.common.record import ROOT
from bench.common.timing import measure_in_turns
from bench.remote.serving import given_twice, range_server
from pypack.remote import DirectObjects, Url

VOCABULARY, LENGTH, ROWS, LOCALITY = 60_000, 2048, 8, 1000
AT_ONCE, BLOCK_BYTES, RANKS = 16, 8 << 20, 4


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


def loader_at(place: str, cache: Path | None, rank: int = 0, ranks: int = 1) -> pypack.Loader:
    """Over the store at a path, or through a cache at a URL."""
    store = pypack.TokenStore.open(f"{place}/a.store", cache=cache)
    order = {"batch_sequences": ROWS, "seed": 0, "locality": LOCALITY, "rank": rank, "world_size": ranks}
    return pypack.Loader(store, f"{place}/a.plan", **order)


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


def make_memory(folder: Path, size: int) -> None:
    """Writes so many bytes of files and removes them, so that the memory that files take is there."""
    with tempfile.TemporaryDirectory(dir=folder) as files:
        piece = bytes(BLOCK_BYTES)
        for number in range(-(-size // BLOCK_BYTES)):
            (Path(files) / str(number)).write_bytes(piece)


def fetchers(cache: Path) -> list[int]:
    """The processes that fetch for a cache: one, if it is there."""
    told = subprocess.run(["ps", "-ww", "-eo", "pid=,args="], check=True, capture_output=True, text=True)
    lines = [line for line in told.stdout.splitlines() if "pypack.cache.fetcher" in line]
    return [int(line.split()[0]) for line in lines if str(cache) in line]


def end_fetcher(cache: Path) -> None:
    """The fetcher of a cache would wait for other readers."""
    for process in fetchers(cache):
        os.kill(process, signal.SIGKILL)


def busy(process: int) -> float:
    """Seconds that a process has kept a processor busy."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass
class Cold:
    """A pass with an empty cache.

    Attributes:
        seconds, first: of all, and of its first batch alone.
        given: bytes that the server had given by then.
        loader, fetcher, server: seconds that each kept a processor busy.
    """

    seconds: float
    first: float
    given: int
    loader: float
    fetcher: float
    server: float


def cold_pass(url: str, cache: Path, server: Any) -> Cold:
    """Runs one; the fetcher is there when it begins."""
    loader = loader_at(url, cache)
    server.forget()
    processes = [os.getpid(), *fetchers(cache)[:1], server.process_id]
    before = [busy(process) for process in processes]
    began = time.perf_counter()
    batches = iter(loader)
    next(batches)
    first, given = time.perf_counter() - began, server.bytes_given()
    for _ in batches:
        pass
    seconds = time.perf_counter() - began
    parts = [busy(process) - past for process, past in zip(processes, before, strict=True)]
    return Cold(seconds, first, given, *parts)


def copied(url: str, folder: Path) -> tuple[int, float]:
    """Bytes of the store, and the seconds that it takes to read and to write them."""
    with tempfile.TemporaryDirectory(dir=folder) as copies:
        began = time.perf_counter()
        size = read_everything(url, folder, Path(copies))
        return size, time.perf_counter() - began


_BESIDE = """
import sys
from bench.remote.loading import loader_at, one_pass
loader = loader_at(sys.argv[1], None)
for _ in range(2):
    one_pass(loader)
    print("done", flush=True)
    sys.stdin.readline()
"""


def copied_beside_loading(url: str, folder: Path) -> float:
    """Seconds until the store is read and written, and a local loader of another process has made an epoch
    meanwhile: what has to be done for a pass with an empty cache, without anything that puts it together."""
    with subprocess.Popen(
        [sys.executable, "-c", _BESIDE, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)},
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        began = time.perf_counter()
        print(file=process.stdin, flush=True)
        copied(url, folder)
        process.stdout.readline()
        return time.perf_counter() - began


def digest_of(place: str, cache: str, rank: int, ranks: int) -> str:
    """What the ids of a rank's epoch hash to."""
    digest = hashlib.sha256()
    for batch in loader_at(place, Path(cache) if cache else None, rank, ranks):
        digest.update(batch.input_ids.tobytes())
    return digest.hexdigest()


def ranks_together(url: str, folder: Path, cache: Path, ranks: int) -> None:
    """An epoch of ranks that are processes of their own and share a cache; their batches are checked."""
    program = "import sys; from bench.remote.loading import digest_of as d; "
    program += "print(d(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, url, str(cache), str(rank), str(ranks)],
            stdout=subprocess.PIPE, text=True, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        for rank in range(ranks)
    ]  # fmt: skip
    found = [process.communicate()[0].strip() for process in processes]
    assert found == [digest_of(str(folder), "", rank, ranks) for rank in range(ranks)]


def measure(tokens: int, repeats: int, rate: float) -> Row:
    """The row of a line of so many bytes a second; 0: without a limit."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_store(folder, tokens)
        with range_server(folder, rate) as server:
            return _measured(folder, server, repeats, rate)


def _measured(folder: Path, server: Any, repeats: int, rate: float) -> Row:
    here, there = loader_at(str(folder), None), loader_at(server.url, folder / "cache0")
    for mine, theirs in zip(there, here, strict=True):  # all of it is fetched meanwhile
        assert np.array_equal(mine.input_ids, theirs.input_ids)
    twice = given_twice(server)
    steps = one_pass(there)  # once more: by now all is in the cache, and mapped
    warm = measure_in_turns({"local": partial(one_pass, here), "remote": partial(one_pass, there)}, repeats)
    end_fetcher(folder / "cache0")
    shutil.rmtree(folder / "cache0")
    size, whole, written, both, cold = 0, [], [], [], []
    for number in range(repeats):
        began = time.perf_counter()
        size = read_everything(server.url, folder)
        whole.append(time.perf_counter() - began)
        cache = folder / f"cache{number + 1}"
        for one in (0, 1) if number % 2 else (1, 0):
            make_memory(folder, size + size // 4)
            if one:
                written.append(copied(server.url, folder)[1])
                both.append(copied_beside_loading(server.url, folder))
            else:
                cold.append(cold_pass(server.url, cache, server))
                twice = max(twice, given_twice(server))
                end_fetcher(cache)
                shutil.rmtree(cache)
    server.forget()
    ranks_together(server.url, folder, folder / "ranks", RANKS)
    by_ranks, twice_by_ranks = server.bytes_given(), given_twice(server)
    end_fetcher(folder / "ranks")
    cold_seconds = float(np.median([one.seconds for one in cold]))
    return {
        "MB": size / 1e6,
        "line, MB/s": rate / 1e6,
        "steps": steps,
        "local, batches/s": steps / warm["local"].median,
        "warm, batches/s": steps / warm["remote"].median,
        "warm / local": warm["local"].median / warm["remote"].median,
        "warm, MB/s": size / warm["remote"].median / 1e6,
        "server, MB/s": size / float(np.median(whole)) / 1e6,
        "copied, MB/s": size / float(np.median(written)) / 1e6,
        "copied and loaded, MB/s": size / float(np.median(both)) / 1e6,
        "cold, MB/s": size / cold_seconds / 1e6,
        "cold / server": float(np.median(whole)) / cold_seconds,
        "cold / copied": float(np.median(written)) / cold_seconds,
        "cold / copied and loaded": float(np.median(both)) / cold_seconds,
        **{
            f"cold, {part}, CPU s a GB": float(np.median([getattr(one, part) for one in cold])) / size * 1e9
            for part in ("loader", "fetcher", "server")
        },
        "first batch, s": float(np.median([one.first for one in cold])),
        "first batch, MiB": max(one.given for one in cold) / 2**20,
        "fetched twice, bytes": twice,
        "ranks": RANKS,
        "ranks, MB fetched": by_ranks / 1e6,
        "ranks, fetched twice, bytes": twice_by_ranks,
        "runs": repeats,
    }
