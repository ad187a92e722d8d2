"""What every benchmark needs: timing, the table, and a JSON record of where it ran."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

RESULTS = Path(__file__).parent / "results"
T = TypeVar("T")


@dataclass(frozen=True)
class Timing:
    """Seconds of the runs of one function, the warm-up not among them."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def best(self) -> float:
        return min(self.seconds)


def measure(run: Callable[[], T], repeats: int = 5, warmup: int = 1, limit: float = 60.0) -> tuple[Timing, T]:
    """Times `run`, and returns its last result, for the caller to check.

    A single run slower than `limit` seconds is not repeated.
    """
    seconds: list[float] = []
    result: T
    for turn in range(warmup + repeats):
        start = time.perf_counter()
        result = run()
        elapsed = time.perf_counter() - start
        if turn >= warmup or elapsed > limit:
            seconds.append(elapsed)
        if elapsed > limit:
            break
    return Timing(tuple(seconds)), result


def measure_in_turns(runs: Mapping[str, Callable[[], Any]], repeats: int = 5) -> dict[str, Timing]:
    """Times several functions in alternation, so that a disturbance of the machine hits all of them alike."""
    for run in runs.values():
        run()
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    return {name: Timing(tuple(times)) for name, times in seconds.items()}


def machine() -> dict[str, Any]:
    """Processor, cores, memory and system of this machine."""
    info: dict[str, Any] = {
        "system": platform.platform(),
        "python": platform.python_version(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
    }
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                info["processor"] = line.split(":", 1)[1].strip()
                break
        info["memory_gib"] = round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1)
    return info


def versions(*distributions: str) -> dict[str, str]:
    """Installed versions; a distribution that is not installed is left out."""
    found = {}
    for name in ("pypack-engine", "numpy", *distributions):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def commit() -> str:
    """The commit of this checkout, with -dirty where tracked files other than results differ from it."""
    top = str(Path(__file__).parent.parent)

    def git(*arguments: str) -> str:
        command = ["git", "-C", top, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

    head = git("rev-parse", "--short=12", "HEAD")
    changed = git(
        "status", "--porcelain", "--untracked-files=no", "--", ".", ":!bench/results", ":!README.md"
    )
    return f"{head}-dirty" if head and changed else head or "unknown"


def print_table(rows: Sequence[Mapping[str, Any]], title: str = "") -> None:
    """Rows with the same keys as an aligned table; floats with four significant digits, None as a dash."""
    if title:
        print(f"\n{title}")
    if not rows:
        return
    columns = list(rows[0])
    cells = [[_cell(row.get(column)) for column in columns] for row in rows]
    widths = [max(len(line[i]) for line in [columns, *cells]) for i in range(len(columns))]
    for line in [columns, ["-" * width for width in widths], *cells]:
        left, *right = zip(line, widths, strict=True)
        print("  ".join([left[0].ljust(left[1]), *(cell.rjust(width) for cell, width in right)]).rstrip())


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def write_results(job: str, results: Any, *distributions: str, folder: Path = RESULTS) -> Path:
    """Writes bench/results/<job>.json: the results with machine, versions, commit and time."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{job}.json"
    record = {
        "job": job,
        "commit": commit(),
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": machine(),
        "versions": versions(*distributions),
        "results": results,
    }
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return path
