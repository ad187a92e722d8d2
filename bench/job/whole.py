"""The whole job beside other programs: processes in turns, on the same lines, their ids compared first."""

from __future__ import annotations

import shutil
import statistics
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import TypeVar

from bench.common.printing import Row
from bench.job.json_lines import split_lines, write_lines
from bench.job.process_tree import peak_bytes, seconds
from bench.job.ways import WAYS, Job, Way, digest

T = TypeVar("T")


def bench_whole(
    sources: Sequence[Path], job: Job, work: Path, names: Sequence[str], copies: int, repeats: int,
    most_bytes: int | None,
) -> list[Row]:  # fmt: skip
    """A row for every way on the corpora, and one for pypack on `copies` of them.

    "start, s" is the whole process on a single document: interpreter, imports, tokenizer. The memory is that
    of a run of its own.
    """
    one, many, tiny = work / "lines.jsonl", work / "copies.jsonl", work / "one.jsonl"
    size = write_lines(sources, one, most_bytes=most_bytes)
    write_lines(sources[:1], tiny, most_bytes=20_000)
    ways = _importable(names if job.before is None else ["before", *names])
    memory, digests = {}, {}
    for name in ways:
        memory[name] = _in_fresh_folder(peak_bytes, WAYS[name], job, one, work)
        digests[name] = digest(WAYS[name].documents(work / "out"))
    expected = digests["pypack"]
    for name, found in digests.items():
        assert found == expected, f"{name} gives other ids than pypack: {found} is not {expected}"
    start = {name: _in_fresh_folder(seconds, WAYS[name], job, tiny, work) for name in ways}
    runs: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, times in runs.items():
            times.append(_in_fresh_folder(seconds, WAYS[name], job, one, work))
    medians = {name: statistics.median(times) for name, times in runs.items()}
    rows: list[Row] = [
        {
            "way": WAYS[name].name,
            "version": f"{WAYS[name].distribution} {metadata.version(WAYS[name].distribution)}",
            "MB of JSON": size / 1e6,
            "documents": expected[1],
            "tokens": expected[2],
            "whole process, s": median,
            "start, s": start[name],
            "MB/s": size / median / 1e6,
            "pypack is faster by": median / medians["pypack"],
            "peak memory, MB": memory[name] / 1e6,
            "runs": repeats,
        }
        for name, median in medians.items()
    ]
    if copies > 1:
        size = write_lines(sources, many, copies, most_bytes)
        ours = [name for name in ("pypack", "before") if name in ways]
        rows += _of_copies({name: row for name, row in zip(ways, rows, strict=True) if name in ours},
                           job, many, size, copies, repeats, work)  # fmt: skip
    return rows


def _of_copies(
    once: dict[str, Row], job: Job, lines: Path, size: int, copies: int, repeats: int, work: Path
) -> list[Row]:
    """The rows of pypack, and of its older build, on more of the same."""
    memory = {name: _in_fresh_folder(peak_bytes, WAYS[name], job, lines, work) for name in once}
    runs: dict[str, list[float]] = {name: [] for name in once}
    for _ in range(repeats):
        for name, times in runs.items():
            times.append(_in_fresh_folder(seconds, WAYS[name], job, lines, work))
    medians = {name: statistics.median(times) for name, times in runs.items()}
    return [
        row
        | {
            "way": f"{WAYS[name].name}, {copies} copies",
            "MB of JSON": size / 1e6,
            "documents": copies * row["documents"],
            "tokens": copies * row["tokens"],
            "whole process, s": medians[name],
            "MB/s": size / medians[name] / 1e6,
            "pypack is faster by": None if name == "pypack" else medians[name] / medians["pypack"],
            "peak memory, MB": memory[name] / 1e6,
        }
        for name, row in once.items()
    ]


def _importable(names: Sequence[str]) -> list[str]:
    """pypack and those of the names that are installed."""
    found = ["pypack"]
    for name in names:
        try:
            metadata.version(WAYS[name].distribution)
        except metadata.PackageNotFoundError:
            print(f"{WAYS[name].name}: skipped: {WAYS[name].distribution} is not installed")
        else:
            found.append(name)
    return list(dict.fromkeys(found))


def _in_fresh_folder(
    measure: Callable[[list[str], dict[str, str]], T], way: Way, job: Job, lines: Path, work: Path
) -> T:
    """What `measure` says of the way's process, whose output is then work/out."""
    out = work / "out"
    shutil.rmtree(out, ignore_errors=True)
    shutil.rmtree(f"{out}.logs", ignore_errors=True)
    if way.splits:
        split_lines(lines, work / "split", job.threads)
        lines = work / "split"
    return measure(way.command(job, lines, out), way.environment(job))
