"""Appends killed at named points and at random moments: the old store is whole or the new one is, and whoever
goes on ends with the bytes of an unbroken run. PYPACK_TEST_SCALE=10 kills ten times as often."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import SCALE
from fixtures.jobs import Corpus, copy_store, tree_bytes
from fixtures.moments import Moments

from pypack.jobs.tokenize import tokenize
from pypack.store.store import TokenStore
from pypack.tokenizer.tokenizer import Tokenizer

_PYPACK = [sys.executable, "-c", "import sys; from pypack.cli import main; sys.exit(main())"]
_WAYS = ("one process", "workers", "partitions")
_RANDOM_KILLS = max(1, round(SCALE))


@dataclass(frozen=True)
class _Grown:
    """A store, the same with more inputs, and what makes the one of the other."""

    corpus: Corpus
    old: Path
    new: dict[str, bytes]
    first: int
    documents: tuple[int, int]

    def commands(self, way: str, store: Path, tokenizer_file: Path) -> list[list[str]]:
        options = self.corpus.options
        command = [
            *_PYPACK, "tokenize", *self.corpus.inputs, "-o", str(store), "--tokenizer", str(tokenizer_file),
            "--keep", ",".join(options.keep), "--shard-tokens", str(options.shard_tokens),
            "--unit-bytes", str(options.unit_bytes), "--max-rejects", "90%", "--append",
        ]  # fmt: skip
        if way == "one process":
            return [[*command, "--workers", "1"]]
        if way == "workers":
            return [[*command, "--workers", "2"]]
        return [[*command, "--workers", "1", "--partition", f"{i}/2"] for i in range(2)]

    def check(self, store: Path) -> None:
        """Either store is there, and whole."""
        opened = TokenStore.open(store)
        assert opened.verify() == []
        assert len(opened) in self.documents


@pytest.fixture(scope="module")
def grown(many_units: Corpus, tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> _Grown:
    folder = tmp_path_factory.mktemp("grown")
    few = many_units.inputs[:-3]
    before = tokenize(few, folder / "old", tokenizer, many_units.options, num_threads=1)
    copy_store(folder / "old", folder / "new")
    after = tokenize(many_units.inputs, folder / "new", tokenizer, many_units.options, append=True)
    return _Grown(
        many_units,
        folder / "old",
        tree_bytes(folder / "new"),
        before.units,
        (before.documents, after.documents),
    )


def run_all(parts: list[list[str]], environment: dict[str, str] | None = None) -> list[int]:
    """Runs the commands at once; their exit statuses."""
    running = [
        subprocess.Popen(command, env={**os.environ, **(environment or {})}, stdout=-3, stderr=-3)
        for command in parts
    ]
    return [process.wait(120) for process in running]


_POINTS = ("append:begun", "shard", "manifest", "commit", "merge:store", "merge:settle", "merge:job")
_FEW = ("append:begun", "shard", "merge:settle", "merge:job")


@pytest.mark.parametrize("point", _POINTS if SCALE > 1 else _FEW)
def test_killed_at_a_point(point: str, grown: _Grown, tokenizer_file: Path, tmp_path: Path) -> None:
    store = tmp_path / "s"
    copy_store(grown.old, store)
    place = point if ":" in point else f"{point}:{grown.first + 1}"
    ways = _WAYS if SCALE > 1 else (_WAYS[_POINTS.index(point) % 2 * 2],)
    for way in ways:
        if way != "workers":  # whose workers are replaced
            statuses = run_all(grown.commands(way, store, tokenizer_file), {"PYPACK_CRASH_AT": place})
            assert -signal.SIGKILL in statuses
            grown.check(store)
        other = _WAYS[_WAYS.index(way) - 1]  # who goes on need not be who began
        assert set(run_all(grown.commands(other, store, tokenizer_file))) == {0}
        assert tree_bytes(store) == grown.new


@pytest.mark.parametrize("way", _WAYS if SCALE > 1 else _WAYS[1:2])
def test_killed_at_random_moments(way: str, grown: _Grown, tokenizer_file: Path, tmp_path: Path) -> None:
    moments = Moments(f"{way} {SCALE}", 2.5)
    killed = jobs = 0
    while killed < _RANDOM_KILLS:
        store = tmp_path / f"{jobs}"
        jobs += 1
        copy_store(grown.old, store)
        parts = grown.commands(way, store, tokenizer_file)
        for _ in range(2):
            running = [subprocess.Popen(command, stdout=-3, stderr=-3) for command in parts]
            moments.wait()
            for process in running:
                process.kill()
            statuses = [process.wait(20) for process in running]
            assert set(statuses) <= {0, -signal.SIGKILL}
            killed += statuses.count(-signal.SIGKILL)
            if -signal.SIGKILL not in statuses:
                moments.was_late()
            grown.check(store)
        assert run_all(parts) == [0] * len(parts)
        assert tree_bytes(store) == grown.new
