"""New text and text seen before, every library in a new process; its ids beside those of `tokenizers`."""

from __future__ import annotations

import hashlib
import json
import os
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zstandard

from bench.common.processes import in_new_process
from bench.peers.encoders import PEERS, Rows
from bench.tokenize.scaling import Prepared

# Megabytes, seconds fresh, seconds warm, and what each fresh document's ids hash to.
Measurement = tuple[float, float, float, list[bytes]]


def documents(path: Path) -> list[str]:
    """The texts of a .jsonl.zst file."""
    with zstandard.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line)["text"] for line in file]


def digests(rows: Rows) -> list[bytes]:
    """One for the ids of each document."""
    return [hashlib.blake2b(np.array(row, np.uint32).tobytes(), digest_size=16).digest() for row in rows]


def prepare(name: str, path: Path, corpus: Path, threads: int, cores: Sequence[int] = ()) -> Prepared:
    """A library that can meet half of a corpus; this process keeps to `cores`, or the last ones."""
    os.environ["RAYON_NUM_THREADS"] = str(threads)
    # Not all libraries heed that variable; none can use a core that the process does not have.
    os.sched_setaffinity(0, cores or sorted(os.sched_getaffinity(0))[-threads:])
    texts = documents(corpus)
    encode, as_rows = PEERS[name](path, threads)
    known, fresh = texts[::2], texts[1::2]
    megabytes = sum(len(text.encode()) for text in fresh) / 1e6
    return Prepared(
        megabytes, lambda: encode(known), lambda: encode(fresh), lambda found: digests(as_rows(found))
    )


def measure(name: str, path: Path, corpus: Path, threads: int) -> Measurement:
    """(megabytes, seconds fresh, seconds warm, what each fresh document's ids hash to), in this process."""
    prepared = prepare(name, path, corpus, threads)
    prepared.meet()
    first, found = prepared.timed()
    ids = prepared.digests(found)
    warm = first if name == "tokenizers" else min(prepared.timed()[0] for _ in range(3))
    return prepared.megabytes, first, warm, ids


def refuses(name: str, path: Path, error: Exception) -> None:
    """Says that a peer refuses a tokenizer, which it may do in any way; no other library may fail."""
    if name in ("pypack", "tokenizers"):
        raise error
    print(f"{name} leaves out {path.stem}: {str(error)[:100]}")


def compare(path: Path, corpus: Path, threads: int, names: list[str], runs: int) -> list[dict[str, Any]]:
    """A row for every library: megabytes a second, and in how many documents its ids differ."""
    measured = _measured(path, corpus, threads, names, runs)
    right_ids = measured["tokenizers"][0][3]
    rows: list[dict[str, Any]] = []
    for name, results in measured.items():
        differing = sum(a != b for a, b in zip(results[0][3], right_ids, strict=True))
        assert name != "pypack" or differing == 0, f"{path.stem}, {corpus.stem}: {differing} documents differ"
        rows.append(
            {
                "tokenizer": path.stem,
                "corpus": corpus.name.split(".")[0],
                "library": name,
                "fresh MB/s": statistics.median(megabytes / fresh for megabytes, fresh, _, _ in results),
                "warm MB/s": statistics.median(megabytes / warm for megabytes, _, warm, _ in results),
                "differing": differing,
                "runs": len(results),
            }
        )
    best = max((row["fresh MB/s"] for row in rows if row["library"] != "pypack"), default=None)
    for row in rows:
        row["x best peer"] = row["fresh MB/s"] / best if best else None
    return rows


def _measured(
    path: Path, corpus: Path, threads: int, names: list[str], runs: int
) -> dict[str, list[Measurement]]:
    """What the runs in turns of each library gave; `tokenizers`, which is slow, runs once."""
    measured = {"tokenizers": [in_new_process(measure, "tokenizers", path, corpus, threads)]}
    left_out = {"tokenizers"}  # runs no more
    for _ in range(runs):
        for name in (name for name in names if name not in left_out):
            try:
                measured.setdefault(name, []).append(in_new_process(measure, name, path, corpus, threads))
            except Exception as error:
                refuses(name, path, error)
                left_out.add(name)
    return {name: results for name, results in measured.items() if results}
