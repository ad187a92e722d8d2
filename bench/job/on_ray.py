"""`pypack tokenize` by tasks of a Ray cluster, beside worker processes of the same machine."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.common.printing import Row
from bench.job.json_lines import write_lines
from bench.job.process_tree import processes_of, seconds
from bench.job.ways import Job, digest, store_documents

_ENVIRONMENT = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}
_SECONDS_TO_START = 60.0


def bench_ray(
    sources: Sequence[Path], job: Job, work: Path, units: int, megabytes: Sequence[float], repeats: int
) -> list[Row]:
    """A row for every size of units: whole processes in turns, connecting to the cluster included.

    The cluster is one node on this machine, which has been there before; each run is a new driver, for which
    Ray starts new worker processes. Their stores are compared first.
    """
    rows: list[Row] = []
    with _cluster() as address:
        for size in megabytes:
            lines, out = work / "lines.jsonl", work / "out"
            one = write_lines(sources, lines)
            total = write_lines(sources, lines, max(1, round(units * size * 1e6 / one)))
            command = _command(job, lines, out, -(-total // units))
            ways = {
                "local": [*command, "--workers", str(job.threads)],
                "ray": [*command, "--engine", "ray", "--ray-address", address],
            }
            times: dict[str, list[float]] = {name: [] for name in ways}
            found = set()
            for run in range(repeats + 1):
                for name, one_way in ways.items():
                    shutil.rmtree(out, ignore_errors=True)
                    elapsed = seconds(one_way, _ENVIRONMENT)
                    if run:
                        times[name].append(elapsed)
                    else:
                        found.add(digest(store_documents(out)))
            assert len(found) == 1, "the two stores differ"
            local, ray = (statistics.median(times[name]) for name in ways)
            rows.append(
                {
                    "units": units,
                    "MB a unit": total / units / 1e6,
                    "MB of JSON": total / 1e6,
                    "workers": job.threads,
                    "local workers, s": local,
                    "Ray, s": ray,
                    "Ray / local": ray / local,
                    "more, s": ray - local,
                    "runs": repeats,
                }
            )
    return rows


def _command(job: Job, lines: Path, out: Path, unit_bytes: int) -> list[str]:
    options = ["-o", str(out), "--tokenizer", str(job.tokenizer), "--unit-bytes", str(unit_bytes)]
    return [sys.executable, "-m", "pypack.cli", "tokenize", str(lines), "--threads", "1", *options]


@contextmanager
def _cluster() -> Iterator[str]:
    """The address of a cluster of one node on this machine, while the block lasts."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    process = subprocess.Popen(
        [
            sys.executable, "-c", "from ray.scripts.scripts import main; main()", "start",
            "--head", "--block",
            "--port", str(port), "--node-ip-address", "127.0.0.1", "--include-dashboard", "false",
            "--num-cpus", str(len(os.sched_getaffinity(0))), "--object-store-memory", str(80 << 20),
            "--disable-usage-stats",
        ],
        env=os.environ | _ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        address = f"127.0.0.1:{port}"
        _wait_for(address)
        yield address
    finally:
        for one in processes_of(process.pid):
            os.kill(one, signal.SIGKILL)
        process.wait()


def _wait_for(address: str) -> None:
    """Until a task has run there."""
    probe = (
        "import ray, sys; ray.init(sys.argv[1], log_to_driver=False); ray.get(ray.remote(lambda: 1).remote())"
    )
    end = time.monotonic() + _SECONDS_TO_START
    command = [sys.executable, "-c", probe, address]
    while subprocess.run(command, env=os.environ | _ENVIRONMENT, capture_output=True, check=False).returncode:
        if time.monotonic() > end:
            raise RuntimeError(f"no Ray cluster answers at {address}")
        time.sleep(1)
