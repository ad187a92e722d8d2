r"""How fast JSON lines are read, beside the other ways to get at the texts.

    python bench read $PYPACK_SHARED/data/corpus/*.zst

Every corpus is first written uncompressed to a temporary file. Then, in turns and in one process, each way
reads it from the page cache and gets the field "text" of every line: pypack.corpus (one thread), orjson and
json in a loop over the lines, and pyarrow.json (its own threads). Checked first: all give the same texts.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pyarrow.json
import zstandard

from bench.common.arguments import parser
from bench.common.printing import Row, print_table
from bench.common.record import write_results
from bench.common.timing import measure_in_turns
from pypack import corpus


def with_pypack(path: Path) -> list[Any]:
    """pypack.corpus, one thread."""
    return [batch.texts for batch in corpus.read([path])]


def with_orjson(path: Path) -> list[str]:
    """orjson, line by line."""
    with path.open("rb") as file:
        return [orjson.loads(line)["text"] for line in file]


def with_json(path: Path) -> list[str]:
    """The standard library, line by line."""
    with path.open("rb") as file:
        return [json.loads(line)["text"] for line in file]


def with_pyarrow(path: Path) -> Any:
    """pyarrow's reader with its own threads."""
    options = pyarrow.json.ReadOptions(block_size=16 << 20)
    return pyarrow.json.read_json(path, options).column("text")


def check(path: Path) -> int:
    """All ways give the same texts; returns how many."""
    texts = with_json(path)
    assert texts == with_orjson(path)
    assert texts == with_pyarrow(path).to_pylist()
    assert texts == [text for batch in corpus.read([path]) for text in batch.text_list()]
    return len(texts)


def plain_copy(source: Path, path: Path) -> None:
    """Writes the lines of a plain or a .zst file uncompressed."""
    with source.open("rb") as file, path.open("wb") as plain:
        if source.suffix == ".zst":
            zstandard.ZstdDecompressor().copy_stream(file, plain)
        else:
            shutil.copyfileobj(file, plain)


WAYS: dict[str, Callable[[Path], Any]] = {
    "pypack": with_pypack,
    "orjson": with_orjson,
    "json": with_json,
    "pyarrow": with_pyarrow,
}


def measure(source: Path, repeats: int) -> Row:
    """The row of a corpus: megabytes of uncompressed JSON a second."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "plain.jsonl"
        plain_copy(source, path)
        documents, size = check(path), path.stat().st_size
        timings = measure_in_turns({name: partial(way, path) for name, way in WAYS.items()}, repeats)
    speeds = {name: size / timing.median / 1e6 for name, timing in timings.items()}
    row: Row = {"corpus": source.name, "documents": documents, "MB": size / 1e6}
    row |= {f"{name}, MB/s": speed for name, speed in speeds.items()}
    return row | {"pypack / orjson": speeds["pypack"] / speeds["orjson"]}


def main(arguments: list[str]) -> None:
    """Measures every corpus, prints the table and writes the result file."""
    options = parser("read", __doc__)
    options.add_argument("inputs", nargs="+", type=Path, help="JSON lines, .zst or plain")
    options.add_argument("--repeats", type=int, default=5)
    options.add_argument("--no-results", action="store_true", help="do not write bench/results")
    args = options.parse_args(arguments)
    rows = [measure(source, args.repeats) for source in args.inputs]
    print_table(rows, "texts from uncompressed JSON lines")
    if not args.no_results:
        print(write_results("read", rows, "orjson", "pyarrow"))
