"""One reader at one file, in a process of its own: processor time, memory, and what it has read."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import resource
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any


def _opened(path: Path) -> Any:
    if path.suffix == ".gz":
        return io.BufferedReader(gzip.open(path))  # type: ignore[arg-type]
    if path.suffix == ".zst":
        import zstandard

        return io.BufferedReader(zstandard.open(path))  # type: ignore[arg-type]
    return path.open("rb")


def _pypack(path: Path) -> Iterator[Any]:
    from pypack import corpus

    for batch in corpus.read([path]):
        yield batch.texts


def _orjson(path: Path) -> Iterator[list[str]]:
    import orjson

    with _opened(path) as file:
        while lines := file.readlines(1 << 23):
            yield [orjson.loads(line)["text"] for line in lines]


def _simdjson(path: Path) -> Iterator[list[str]]:
    import simdjson

    parser = simdjson.Parser()
    with _opened(path) as file:
        while lines := file.readlines(1 << 23):
            found = []
            for line in lines:
                record = parser.parse(line)
                found.append(record["text"])
                del record  # its memory is the next one's
            yield found


def _pyarrow(path: Path) -> Iterator[Any]:
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.json
    import pyarrow.parquet as pq

    if path.suffix == ".parquet":
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(2000, columns=["text"]):
                yield batch.column(0)
        return
    compression = {".zst": "zstd", ".gz": "gzip"}.get(path.suffix)
    with pa.input_stream(str(path), compression=compression) as stream:
        if path.suffix == ".csv":
            reader = pa.csv.open_csv(
                stream,
                read_options=pa.csv.ReadOptions(block_size=8 << 20, use_threads=False),
                parse_options=pa.csv.ParseOptions(newlines_in_values=True),
                convert_options=pa.csv.ConvertOptions(
                    include_columns=["text"], column_types={"text": pa.large_string()}
                ),
            )
        else:
            options = pa.json.ReadOptions(block_size=8 << 20, use_threads=False)
            reader = pa.json.open_json(stream, read_options=options)
        for batch in reader:
            yield batch.column("text")


def _datasets(path: Path) -> Iterator[list[str]]:
    import datasets

    kind = {".parquet": "parquet", ".csv": "csv"}.get(path.suffix, "json")
    table = datasets.load_dataset(kind, data_files=str(path), split="train", streaming=True)
    for batch in table.iter(1000):
        yield batch["text"]


READERS: dict[str, Callable[[Path], Iterable[Any]]] = {
    "pypack": _pypack,
    "old pypack": _pypack,  # of another folder
    "orjson": _orjson,
    "simdjson": _simdjson,
    "pyarrow": _pyarrow,
    "datasets": _datasets,
}
OF_LINES_ALONE = frozenset({"orjson", "simdjson"})


def _seconds() -> float:
    """Processor time of this process, of the children that have ended, and of those that live."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    ended = own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
    living = [pid for file in Path("/proc/self/task").glob("*/children") for pid in file.read_text().split()]
    return ended + sum(_nanoseconds(pid) for pid in living) / 1e9


def _nanoseconds(pid: str) -> int:
    return sum(int(file.read_text().split()[0]) for file in Path(f"/proc/{pid}/task").glob("*/schedstat"))


def _read(name: str, path: Path, checks: bool) -> dict[str, Any]:
    documents, digest = 0, hashlib.sha256()
    for texts in READERS[name](path):
        documents += len(texts)
        if checks:
            for text in texts if isinstance(texts, list) else texts.to_pylist():
                digest.update(str(text).encode() + b"\0")
    return {"documents": documents, "digest": digest.hexdigest() if checks else None}


def main() -> None:
    """`READER FILE SMALL [check]`: reads a small file first, then prints what the file took, as JSON."""
    name, path, small = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    _read(name, small, False)  # what is imported and made at first use is no part of the speed
    before = _peak()
    began = _seconds()
    found = _read(name, path, len(sys.argv) > 4)
    print(json.dumps(found | {"seconds": _seconds() - began, "peak": max(0, _peak() - before)}))


def _peak() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


if __name__ == "__main__":
    sys.path.insert(0, os.environ.get("BENCH_CORPUS_PATH", ""))
    main()
