"""Words of which none comes twice: what a library keeps of them."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bench.common.processes import in_new_process, status_bytes
from bench.peers.encoders import PEERS


def distinct_words(count: int, at_once: int = 1_000_000) -> Iterator[str]:
    """Texts of `at_once` words each, eight letters and a space a word, no word twice."""
    letters = 8
    most = 26**letters
    for first in range(0, count, at_once):
        numbers = np.arange(first, min(first + at_once, count), dtype=np.int64)
        numbers = numbers * 40_503_313 % most  # odd and not divisible by 13: no two the same
        text = np.full((len(numbers), letters + 1), ord(" "), np.uint8)
        for place in range(letters):
            text[:, place] = ord("a") + numbers % 26
            numbers //= 26
        yield text.tobytes().decode()


def memory_of_distinct_words(library: str, path: Path, count: int) -> dict[str, float]:
    """What a process grows by while one thread encodes texts of words that never come again.

    Texts and ids are given up as they come, so that what stays is what the library keeps.
    """
    os.environ["RAYON_NUM_THREADS"] = "1"
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-1:])
    encode, _ = PEERS[library](path, 1)
    encode(["A first short text."])
    gc.collect()
    before = status_bytes("VmRSS") / 1e6
    seconds = 0.0
    size = 0
    for text in distinct_words(count):
        start = time.perf_counter()
        encode([text])
        seconds += time.perf_counter() - start
        size += len(text)
    gc.collect()
    return {
        "million words": count / 1e6,
        "grew by, MB": status_bytes("VmRSS") / 1e6 - before,
        "MB/s": size / 1e6 / seconds,
    }


def grown_memory(libraries: list[str], path: Path, count: int) -> list[dict[str, Any]]:
    """A row for each library that takes the tokenizer, every one in a process of its own."""
    rows = []
    for library in libraries:
        try:
            found = in_new_process(memory_of_distinct_words, library, path, count)
        except Exception as error:  # a peer may refuse in any way
            print(f"{library} leaves out {path.stem}: {str(error)[:100]}")
            continue
        rows.append({"tokenizer": path.stem, "library": library, **found})
    return rows
