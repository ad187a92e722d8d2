r"""How fast corpora of every kind are read, beside the readers of other libraries.

    python bench corpus $PYPACK_SHARED/data/corpus/english.jsonl.zst

The texts of a corpus, repeated to some 200 MB of JSON lines, are written plain, as .zst and .gz, as Parquet
and as CSV. Then each reader goes over each file in a process of its own, in turns: pypack.corpus, orjson and
simdjson's binding line by line, pyarrow's own readers, and `datasets`, streaming. What is told is processor
time, that of threads and child processes included. Checked first: all give the same texts. Memory is how far
the peak of the process rises, for this file and for one four times as long.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench.common.arguments import parser
from bench.common.printing import Row, print_table
from bench.common.record import write_results
from bench.corpus.files import lines_of, write_files
from bench.corpus.readers import OF_LINES_ALONE, READERS

_PROGRAM = Path(__file__).with_name("readers.py")
_NEEDS = {"simdjson": "simdjson", "datasets": "datasets"}
_LONGER = 4


def read(name: str, path: Path, small: Path, old: Path | None, checks: bool = False) -> dict[str, Any]:
    """What one reader takes for one file."""
    folder = old if name == "old pypack" else Path(__file__).resolve().parents[2]
    environment = {**os.environ, "BENCH_CORPUS_PATH": str(folder), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, str(_PROGRAM), name, str(path), str(small), *(["check"] if checks else [])]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{name} at {path}: {done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def readers_for(path: Path, old: Path | None) -> list[str]:
    """Those that there are for a file."""
    names = [name for name in READERS if name != "old pypack" or (old is not None and path.suffix != ".csv")]
    names = [name for name in names if name not in _NEEDS or find_spec(_NEEDS[name]) is not None]
    return [name for name in names if name not in OF_LINES_ALONE or ".jsonl" in path.name]


def measure(kind: str, path: Path, small: Path, longer: Path, old: Path | None, repeats: int) -> Row:
    """The row of a file: seconds of each reader, and the memory of pypack's."""
    names = readers_for(path, old)
    checked = {name: read(name, small, small, old, checks=True) for name in names}
    assert len({(one["documents"], one["digest"]) for one in checked.values()}) == 1, checked
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for _ in range(repeats):
        for name in names:
            runs[name].append(read(name, path, small, old))
    counts = {one["documents"] for found in runs.values() for one in found}
    assert len(counts) == 1, counts
    row: Row = {"kind": kind, "documents": counts.pop(), "MB on disk": path.stat().st_size / 1e6}
    row |= {f"{name}, s": statistics.median(one["seconds"] for one in found) for name, found in runs.items()}
    row["peak, MB"] = max(one["peak"] for one in runs["pypack"]) / 1e6
    row[f"peak of {_LONGER} x, MB"] = read("pypack", longer, small, old)["peak"] / 1e6
    return row


def main(arguments: list[str]) -> None:
    """Measures every kind, prints the table and writes the result file."""
    options = parser("corpus", __doc__)
    options.add_argument("source", type=Path, help="JSON lines with a field text, .zst or plain")
    options.add_argument("--megabytes", type=int, default=200, help="of JSON lines (default: 200)")
    options.add_argument("--repeats", type=int, default=5)
    options.add_argument("--old", type=Path, help="a folder with an earlier pypack, built in place")
    options.add_argument("--no-results", action="store_true", help="do not write bench/results")
    args = options.parse_args(arguments)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folders = [Path(name, size) for size in ("small", "whole", "longer")]
        size = len(lines_of(args.source))
        times = max(1, round(args.megabytes * 1e6 / size))
        sizes = (1, times, _LONGER * times)
        for folder in folders:
            folder.mkdir()
        files = [write_files(f, args.source, size) for f, size in zip(folders, sizes, strict=True)]
        for (_, small), (kind, path), (_, longer) in zip(*files, strict=True):
            rows.append(measure(kind, path, small, longer, args.old, args.repeats))
            for done in (small, path, longer):
                done.unlink()
    for row in rows:  # as if the corpus had filled them
        for column in row:
            if column.endswith(", s"):
                row[column] *= args.megabytes * 1e6 / (times * size)
    print_table(rows, f"processor seconds for the texts of {args.megabytes} MB of JSON lines")
    if not args.no_results:
        results = {"megabytes": args.megabytes, "source": args.source.name, "rows": rows}
        print(
            write_results(
                "corpus", results, "orjson", "pyarrow", "pysimdjson", "datasets", "isal", "zstandard"
            )
        )
