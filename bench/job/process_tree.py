"""Whole processes with their children: seconds from start to exit, and memory."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

_SAMPLE_SECONDS = 0.02


def seconds(command: list[str], environment: dict[str, str]) -> float:
    """From the start of the process to its exit; RuntimeError with its last lines if it fails."""
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | environment)
    elapsed = time.perf_counter() - start
    if done.returncode != 0:
        lines = (done.stderr.strip() or done.stdout.strip()).splitlines()[-5:]
        raise RuntimeError(f"{command[:3]} exits with {done.returncode}: " + "\n".join(lines))
    return elapsed


def peak_bytes(command: list[str], environment: dict[str, str]) -> int:
    """The most memory that the process and its children have at once, shared pages counted once.

    Looked at every 20 ms, which slows the process down: not for a run that is timed.
    """
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | environment
    )
    peak = 0
    while process.poll() is None:
        peak = max(peak, sum(tree_bytes(process.pid)))
        time.sleep(_SAMPLE_SECONDS)
    if process.returncode != 0:
        raise RuntimeError(f"{command[:3]} exits with {process.returncode}")
    return peak


def tree_bytes(root: int) -> list[int]:
    """Memory of the process, and of each that it has started; shared pages are counted in part."""
    return [_proportional_bytes(one) for one in processes_of(root)]


def processes_of(root: int) -> list[int]:
    """The process and all that it has started, as far as they still live."""
    found = [root]
    for one in found:
        for task in Path(f"/proc/{one}/task").glob("*/children"):
            try:
                found += map(int, task.read_text().split())
            except OSError:
                continue  # it has ended meanwhile
    return found


def _proportional_bytes(process: int) -> int:
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0  # it has ended meanwhile
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)
