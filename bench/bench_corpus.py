r"""How fast JSON lines are read, beside the other ways to get at the texts.

    python bench/bench_corpus.py $PYPACK_SHARED/data/corpus/*.zst

Every corpus is first written uncompressed to a temporary file. Then, in turns and in one process, each way
reads it from the page cache and gets the field "text" of every line: pypack.corpus (one thread), orjson and
json in a loop over the lines, and pyarrow.json (its own threads). Checked first: all give the same texts.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pyarrow.json
import zstandard
from harness import measure_in_turns, print_table, write_results

from pypack import corpus


def with_pypack(path: Path) -> list[Any]:
    return [batch.texts for batch in corpus.read([path])]


def with_orjson(path: Path) -> list[str]:
    with path.open("rb") as file:
        return [orjson.loads(line)["text"] for line in file]


def with_json(path: Path) -> list[str]:
    with path.open("rb") as file:
        return [json.loads(line)["text"] for line in file]


def with_pyarrow(path: Path) -> Any:
    options = pyarrow.json.ReadOptions(block_size=16 << 20)
    return pyarrow.json.read_json(path, options).column("text")


def check(path: Path) -> int:
    """All ways give the same texts; returns how many."""
    texts = with_json(path)
    assert texts == with_orjson(path)
    assert texts == with_pyarrow(path).to_pylist()
    assert texts == [text for batch in corpus.read([path]) for text in batch.text_list()]
    return len(texts)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("inputs", nargs="+", type=Path, help="JSON lines, .zst or plain")
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    ways = {"pypack": with_pypack, "orjson": with_orjson, "json": with_json, "pyarrow": with_pyarrow}
    rows = []
    for source in args.inputs:
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "plain.jsonl"
            with source.open("rb") as file, path.open("wb") as plain:
                if source.suffix == ".zst":
                    zstandard.ZstdDecompressor().copy_stream(file, plain)
                else:
                    plain.write(file.read())
            documents, size = check(path), path.stat().st_size
            timings = measure_in_turns({name: partial(way, path) for name, way in ways.items()}, args.repeats)
        speeds = {name: size / timing.median / 1e6 for name, timing in timings.items()}
        row: dict[str, Any] = {"corpus": source.name, "documents": documents, "MB": size / 1e6}
        row |= {f"{name}, MB/s": speed for name, speed in speeds.items()}
        rows.append(row | {"pypack / orjson": speeds["pypack"] / speeds["orjson"]})
    print_table(rows, "texts from uncompressed JSON lines")
    print(json.dumps({"written": str(write_results("corpus", rows, "orjson", "pyarrow"))}))


if __name__ == "__main__":
    main()
