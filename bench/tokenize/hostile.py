"""Inputs that tokenizers are bad at: a megabyte of one kind."""

from __future__ import annotations

import multiprocessing
import os
import random
import statistics
import string
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from bench.peers.encoders import PEERS

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


def _serve_hostile(library: str, path: Path, runs: int, results: Connection) -> None:
    """Sends why the library refuses the tokenizer, or None and then (input, median seconds, ids) by input.

    Each run has a text of its own.
    """
    os.environ["RAYON_NUM_THREADS"] = "1"
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-1:])
    try:
        encode, as_rows = PEERS[library](path, 1)
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
    library: str, path: Path, runs: int = 3, limit: float = 20.0
) -> dict[str, tuple[float, list[int]]]:
    """{input: (MB/s, ids)} of one library, in a process of its own.

    It ends at the first input that takes longer than `limit` seconds a run, and at the first that brings the
    process down. Empty where the library refuses the tokenizer.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(False)
    process = context.Process(target=_serve_hostile, args=(library, path, runs, sender))
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


def compare_hostile(libraries: list[str], path: Path, runs: int = 3) -> list[dict[str, Any]]:
    """A row per input; pypack's ids are those of `tokenizers`."""
    results = {name: hostile_results(name, path, runs) for name in libraries}
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
