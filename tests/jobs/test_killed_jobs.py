"""Jobs killed at named points and at random moments, in one process, with workers, in partitions: always the
same bytes in the end. PYPACK_TEST_SCALE=10 kills ten times as often."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import SCALE
from fixtures.jobs import Corpus, tree_bytes
from fixtures.moments import Moments

_PYPACK = [sys.executable, "-c", "import sys; from pypack.cli import main; sys.exit(main())"]
_RANDOM_KILLS = max(2, round(2 * SCALE))
_WAYS = ("one process", "workers", "partitions")
_POINTS = ("start:1", "shard:1", "journal:1", "manifest:1", "commit:1", "merge:store")
# By all ways at scale; workers that die are replaced, so that only their parent's points end the job.
_ALL_POINTS = ("one process", "partitions") if SCALE > 1 else ("one process",)


def commands(way: str, corpus: Corpus, store: Path, tokenizer_file: Path) -> list[list[str]]:
    """The commands that together make the store."""
    options = corpus.options
    command = [
        *_PYPACK, "tokenize", *corpus.inputs, "-o", str(store), "--tokenizer", str(tokenizer_file),
        "--keep", ",".join(options.keep), "--shard-tokens", str(options.shard_tokens),
        "--unit-bytes", str(options.unit_bytes), "--max-rejects", "90%",
    ]  # fmt: skip
    if way == "one process":
        return [[*command, "--workers", "1"]]
    if way == "workers":
        return [[*command, "--workers", "2"]]
    return [[*command, "--workers", "1", "--partition", f"{i}/2"] for i in range(2)]


def run_all(parts: list[list[str]], environment: dict[str, str] | None = None) -> list[int]:
    """Runs the commands at once; their exit statuses."""
    running = [
        subprocess.Popen(command, env={**os.environ, **(environment or {})}, stdout=-3, stderr=-3)
        for command in parts
    ]
    return [process.wait(120) for process in running]


def finish(way: str, corpus: Corpus, store: Path, tokenizer_file: Path) -> None:
    statuses = run_all(commands(way, corpus, store, tokenizer_file))
    assert statuses == [0] * len(statuses)
    assert tree_bytes(store) == corpus.store


@pytest.mark.parametrize(("way", "point"), [(way, point) for way in _ALL_POINTS for point in _POINTS])
def test_killed_at_a_point(
    way: str, point: str, many_units: Corpus, tokenizer_file: Path, tmp_path: Path
) -> None:
    store = tmp_path / "s"
    statuses = run_all(commands(way, many_units, store, tokenizer_file), {"PYPACK_CRASH_AT": point})
    assert -signal.SIGKILL in statuses
    assert not (store / "store.json").exists()
    other = _WAYS[_WAYS.index(way) - 1]  # who goes on need not be who began
    finish(other, many_units, store, tokenizer_file)


@pytest.mark.parametrize("way", _WAYS)
def test_killed_at_random_moments(way: str, many_units: Corpus, tokenizer_file: Path, tmp_path: Path) -> None:
    moments = Moments(f"{way} {SCALE}", 2.5)
    killed = jobs = 0
    while killed < _RANDOM_KILLS:
        store = tmp_path / f"{jobs}"
        parts = commands(way, many_units, store, tokenizer_file)
        jobs += 1
        for _ in range(3):
            running = [subprocess.Popen(command, stdout=-3, stderr=-3) for command in parts]
            moments.wait()
            for process in running:
                process.kill()
            statuses = [process.wait(20) for process in running]
            assert set(statuses) <= {0, 2, -signal.SIGKILL}  # 2: it had been finished before
            killed += statuses.count(-signal.SIGKILL)
            if -signal.SIGKILL not in statuses:
                moments.was_late()
            if (store / "store.json").exists():
                break
        if not (store / "store.json").exists():
            assert run_all(parts) == [0] * len(parts)
        assert tree_bytes(store) == many_units.store


def test_workers_end_with_their_parent(many_units: Corpus, tokenizer_file: Path, tmp_path: Path) -> None:
    (command,) = commands("workers", many_units, tmp_path / "s", tokenizer_file)
    process = subprocess.Popen(command, stdout=-3, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not list((tmp_path / "s").glob("units/0*")) and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    process.communicate(timeout=20)  # until nobody has standard error any more: the workers, too


def test_a_partition_that_is_alone_and_merge(
    many_units: Corpus, tokenizer_file: Path, tmp_path: Path
) -> None:
    store = tmp_path / "s"
    first, second = commands("partitions", many_units, store, tokenizer_file)
    done = subprocess.run(first, capture_output=True, text=True, check=True)
    missing = ",".join(str(i) for i in range(1, many_units.result.units, 2))
    assert f"not finished: units {missing} of {many_units.result.units} are missing" in done.stdout
    merge = [*_PYPACK, "merge", str(store)]
    failed = subprocess.run(merge, capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert f"units are missing: {missing}" in failed.stderr
    listed = subprocess.run([*merge, "--missing"], capture_output=True, text=True, check=True)
    assert listed.stdout == f"{missing}\n"
    killed = subprocess.run(second, env={**os.environ, "PYPACK_CRASH_AT": "merge:store"}, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not (store / "store.json").exists()
    subprocess.run(merge, capture_output=True, check=True)
    assert tree_bytes(store) == many_units.store
