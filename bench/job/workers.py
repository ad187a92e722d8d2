"""`pypack tokenize` with more workers: what the workers and their parent cost, and how long it takes."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.common.printing import Row
from bench.job.json_lines import write_lines
from bench.job.process_tree import tree_bytes
from bench.job.ways import Job, digest, store_documents, tokenize_command

_SAMPLE_SECONDS = 0.05
# Of the inputs of up to 4 workers, so that each has several.
_UNITS = 16


@dataclass(frozen=True)
class _Run:
    seconds: float
    processor_seconds: float  # of all processes
    parent_seconds: float  # of them, the parent's
    largest_worker: int  # bytes


def bench_workers(
    sources: Sequence[Path], job: Job, work: Path, counts: Sequence[int], copies: int, repeats: int
) -> list[Row]:
    """A row for one process with several threads, and one for every number of workers with one, in turns.

    Their stores are compared first. A worker's start (imports, tokenizer) is that of a process of its own on
    one document; what it costs is given with it and without.
    """
    lines, out, tiny = work / "lines.jsonl", work / "out", work / "one.jsonl"
    size = write_lines(sources, lines, copies)
    write_lines(sources[:1], tiny, most_bytes=20_000)
    start = statistics.median(_run(job, tiny, out, 1, 1, size).processor_seconds for _ in range(3))
    ways = [(1, job.threads), *((count, 1) for count in counts)]
    found = set()
    for workers, threads in ways:
        _run(job, lines, out, workers, threads, size)
        found.add(digest(store_documents(out)))
    assert len(found) == 1, "the store depends on the number of workers"
    runs: dict[tuple[int, int], list[_Run]] = {way: [] for way in ways}
    for _ in range(repeats):
        for way, of_way in runs.items():
            of_way.append(_run(job, lines, out, *way, size))
    rows: list[Row] = []
    for (workers, threads), of_way in runs.items():
        in_workers = statistics.median(run.processor_seconds - run.parent_seconds for run in of_way)
        rows.append(
            {
                "workers": workers,
                "threads of each": threads,
                "MB of JSON": size / 1e6,
                "whole process, s": statistics.median(run.seconds for run in of_way),
                "processor seconds a GB, in workers": in_workers / (size / 1e9),
                "without their start": (in_workers - workers * start) / (size / 1e9),
                "parent, s of processor": statistics.median(run.parent_seconds for run in of_way),
                "largest worker, MB": max(run.largest_worker for run in of_way) / 1e6,
                "runs": repeats,
            }
        )
    return rows


def _run(job: Job, lines: Path, out: Path, workers: int, threads: int, size: int) -> _Run:
    shutil.rmtree(out, ignore_errors=True)
    command = tokenize_command(job, lines, out)
    command += ["--workers", str(workers), "--unit-bytes", str(size // _UNITS + 1)]
    command[command.index("--threads") + 1] = str(threads)
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    parent, largest = 0.0, 0
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        if workers > 1:  # one works in the process itself
            parent = max(parent, _processor_seconds(process.pid))
        largest = max([largest, *tree_bytes(process.pid)[workers > 1 :]])
        time.sleep(_SAMPLE_SECONDS)
    elapsed = time.perf_counter() - start
    if status:
        raise RuntimeError(f"{command} ends with the status {status}")
    return _Run(elapsed, usage.ru_utime + usage.ru_stime, parent, largest)


def _processor_seconds(pid: int) -> float:
    """Of the process alone, without those that it has waited for."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
