"""How long a tokenizer.json takes to become a tokenizer, and its first text to be encoded."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

import pypack


def load_seconds(make: Callable[[], Any], first: Callable[[Any], Any]) -> tuple[float, float]:
    """Seconds of making a tokenizer, and of its first text."""
    start = time.perf_counter()
    tokenizer = make()
    loaded = time.perf_counter()
    first(tokenizer)
    return loaded - start, time.perf_counter() - loaded


def compare_loading(path: Path, repeats: int = 7) -> dict[str, Any]:
    """A row of the table: the best of some repeats, pypack and `tokenizers` in turn."""

    ours, theirs = [], []
    for _ in range(repeats):
        theirs.append(load_seconds(lambda: Tokenizer.from_file(str(path)), lambda made: made.encode("a b")))
        ours.append(
            load_seconds(
                lambda: pypack.Tokenizer.from_file(path, engine="native"), lambda made: made.encode("a b")
            )
        )
    (load, first), (their_load, their_first) = (
        [min(column) for column in zip(*times, strict=True)] for times in (ours, theirs)
    )
    return {
        "tokenizer": path.stem,
        "MB": path.stat().st_size / 1e6,
        "tokenizers, ms": 1e3 * their_load,
        "pypack, ms": 1e3 * load,
        "ratio": load / their_load,
        "first text, tokenizers, ms": 1e3 * their_first,
        "first text, pypack, ms": 1e3 * first,
    }
