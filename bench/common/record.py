"""The JSON record of a benchmark: its results, and where and of what they were measured."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "bench" / "results"


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
    """The commit of this checkout, with -dirty where tracked files other than results and pages differ."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(ROOT), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

    head = git("rev-parse", "--short=12", "HEAD")
    unmeasured = (":!bench/results", ":!README.md", ":!docs")
    changed = git("status", "--porcelain", "--untracked-files=no", "--", ".", *unmeasured)
    return f"{head}-dirty" if head and changed else head or "unknown"


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
