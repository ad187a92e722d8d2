"""Inputs that tokenizers are bad at: a megabyte of one kind, and words that never come again."""

from __future__ import annotations

import gc
import multiprocessing
import os
import random
import statistics
import string
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

Encode = Callable[[list[str]], Any]
# Makes (encode, ids of what it returned) of a tokenizer.json and a number of threads.
MakePeer = Callable[[Path, int], tuple[Encode, Callable[[Any], list[list[int]]]]]

MEGABYTE = 1_000_000


def hostile_texts(seed: int) -> dict[str, str]:
    """A megabyte of UTF-8 each, for each seed another: a library may remember a whole text."""
    source = random.Random(seed)
    base64 = string.ascii_letters + string.digits + "+/"
    ideographs = [chr(code) for code in range(0x4E00, 0x9FA6)]
    emoji = ["👩\u200d🚀", "👨\u200d👩\u200d👧", "🏳\ufe0f\u200d🌈", "❤\ufe0f\u200d🔥"]

    def filled(pick: Callable[[], str]) -> str:
        text = []
        size = 0
        while size < MEGABYTE:
            text.append(pick())
            size += len(text[-1].encode())
        return "".join(text)

    return {
        "one letter": "a" * (MEGABYTE - seed),
        "spaces": " " * (MEGABYTE - seed),
        "digits": filled(lambda: source.choice(string.digits)),
        "CJK without spaces": filled(lambda: source.choice(ideographs)),
        "base64": filled(lambda: source.choice(base64)),
        "random letters": filled(lambda: source.choice(string.ascii_lowercase)),
        "emoji with joiners": filled(lambda: source.choice(emoji)),
    }


def _serve_hostile(make: MakePeer, path: Path, runs: int, results: Connection) -> None:
    """Sends why the library refuses the tokenizer, or None and then (input, median seconds, ids) by input.

    Each run has a text of its own.
    """
    os.environ["RAYON_NUM_THREADS"] = "1"
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-1:])
    try:
        encode, as_rows = make(path, 1)
        encode(["A first short text."])
    except Exception as error:  # a peer may refuse in any way
        results.send(str(error))
        return
    texts = [hostile_texts(run) for run in range(runs)]
    results.send(None)
    for name in texts[0]:
        seconds = []
        for run in range(runs):
            start = time.perf_counter()
            found = encode([texts[run][name]])
            seconds.append(time.perf_counter() - start)
            if run == 0:
                ids = as_rows(found)[0]
        results.send((name, statistics.median(seconds), ids))


def hostile_results(
    library: str, make: MakePeer, path: Path, runs: int = 3, limit: float = 20.0
) -> dict[str, tuple[float, list[int]]]:
    """{input: (MB/s, ids)} of one library, in a process of its own.

    It ends at the first input that takes longer than `limit` seconds a run, and at the first that brings the
    process down. Empty where the library refuses the tokenizer.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(False)
    process = context.Process(target=_serve_hostile, args=(make, path, runs, sender))
    process.start()
    sender.close()
    found: dict[str, tuple[float, list[int]]] = {}
    try:
        refusal = receiver.recv() if receiver.poll(60) else "no answer in 60 s"
        if refusal is not None:
            print(f"{library} leaves out {path.stem}: {refusal[:100]}")
        else:
            while receiver.poll(limit * runs):
                name, seconds, ids = receiver.recv()
                found[name] = (MEGABYTE / 1e6 / seconds, ids)
    except EOFError:
        pass  # that was all, or the end of it
    process.kill()
    process.join()
    return found


def compare_hostile(peers: dict[str, MakePeer], path: Path, runs: int = 3) -> list[dict[str, Any]]:
    """A row per input; pypack's ids are those of `tokenizers`."""
    results = {name: hostile_results(name, make, path, runs) for name, make in peers.items()}
    rows = []
    for name in hostile_texts(0):
        row: dict[str, Any] = {"tokenizer": path.stem, "input": name}
        for peer, found in results.items():
            row[f"{peer}, MB/s"] = found[name][0] if name in found else None
        assert results["pypack"][name][1] == results["tokenizers"][name][1], (
            f"{path.stem}, {name}: ids differ"
        )
        rows.append(row)
    return rows


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


def _resident_megabytes() -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024 / 1e6


def memory_of_distinct_words(make: MakePeer, path: Path, count: int) -> dict[str, float]:
    """What a process grows by while one thread encodes texts of words that never come again.

    Texts and ids are given up as they come, so that what stays is what the library keeps.
    """
    os.environ["RAYON_NUM_THREADS"] = "1"
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-1:])
    encode, _ = make(path, 1)
    encode(["A first short text."])
    gc.collect()
    before = _resident_megabytes()
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
        "grew by, MB": _resident_megabytes() - before,
        "MB/s": size / 1e6 / seconds,
    }
