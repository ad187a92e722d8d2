"""`pypack pack` of a store at a URL: its lengths come by ranges, its tokens stay where they are."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from bench.common.lengths import GENERATORS
from bench.common.printing import Row
from pypack._common.fingerprint import lengths_fingerprint
from pypack.store.format import STORE_FILE, ShardInfo, StoreInfo
from pypack.store.index_file import index_bytes

_DOCUMENTS_A_SHARD = 5_000_000


def make_lengths(folder: Path, documents: int) -> None:
    """`a.store` of so many documents, whose tokens are holes that take no room on the disk."""
    store = folder / "a.store"
    store.mkdir()
    lengths = np.ascontiguousarray(GENERATORS["web"](documents, 0), np.int32)
    infos = []
    for number, first in enumerate(range(0, documents, _DOCUMENTS_A_SHARD)):
        part = lengths[first : first + _DOCUMENTS_A_SHARD]
        name, tokens, index = f"{number:05d}", int(part.sum(dtype=np.int64)), index_bytes(part, "uint16")
        (store / f"{name}.idx").write_bytes(index)
        with (store / f"{name}.bin").open("wb") as file:
            file.truncate(2 * tokens)
        infos.append(
            ShardInfo(
                name=name, documents=len(part), tokens=tokens, bin_bytes=2 * tokens, idx_bytes=len(index),
                bin_checksum=None, idx_checksum=None, lengths_fingerprint=lengths_fingerprint(part),
            )
        )  # fmt: skip
    info = StoreInfo(
        dtype="uint16", vocab_size=60_000, documents=documents, tokens=int(lengths.sum(dtype=np.int64)),
        lengths_fingerprint=lengths_fingerprint(lengths), shards=tuple(infos),
    )  # fmt: skip
    (store / STORE_FILE).write_bytes(info.to_json())


def bench_packing(server_of: Any, documents: int, length: int, repeats: int) -> list[Row]:
    """One row a strategy: whole processes from start to exit, median, and the most memory of any of them.

    `pypack pack` proves each plan itself.
    """
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_lengths(folder, documents)
        with server_of(folder, 0) as server:
            for strategy in ("stream", "best_fit"):
                runs = [_run(server.url, folder / f"{i}.plan", strategy, length) for i in range(repeats)]
                peak = max(memory for _, memory in runs)
                rows.append(
                    {
                        "strategy": strategy,
                        "documents": documents,
                        "sequence length": length,
                        "whole process, s": statistics.median(seconds for seconds, _ in runs),
                        "peak memory, MB": peak / 1e6,
                        "bytes a document": peak / documents,
                        "runs": repeats,
                    }
                )
    return rows


def _run(url: str, plan: Path, strategy: str, length: int) -> tuple[float, int]:
    """Seconds, and the bytes of memory of the process at most."""
    command = [sys.executable, "-m", "pypack.cli", "pack", f"{url}/a.store", "-o", str(plan)]
    command += ["--strategy", strategy, "--sequence-length", str(length), "--quiet"]
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if status:
        raise RuntimeError(f"{command} ends with the status {status}")
    for file in plan.iterdir():
        file.unlink()
    plan.rmdir()
    return seconds, usage.ru_maxrss * 1024
