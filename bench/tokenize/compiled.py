"""Patterns that are compiled to automata: beside `tokenizers`, and beside a scanner written by hand."""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.common.processes import in_new_process
from bench.tokenize.compare import Measurement, compare, documents, measure

Rows = list[dict[str, Any]]

_CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_SPACES = r"|\s*[\r\n]+|\s+(?!\S)|\s+"
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_CASED = (
    rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+{_CONTRACTIONS}?"
    rf"|[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*{_CONTRACTIONS}?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*" + _SPACES
)
# What models cut with whose tokenizers pypack once gave to the library: one regex after the other.
FAMILIES: dict[str, tuple[str, ...]] = {
    "Seed-Coder": (
        _CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}" + "\r\n]+|\\s*[\r\n]+"
        r"|\s+(?!\S)|\s+",
    ),
    "EXAONE 4": (
        _CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}"
        r"| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+",
    ),
    "Kimi": (
        r"[\p{Han}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*"
        r"[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}"
        r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    ),
    "Tiny Aya": (r"\d{1,3}(?=(?:\d{3})*\b)", _CASED),
    "Viking": (" ?[^(\\s|[.,!?…。，、।۔،])]+", r"\p{N}"),
    "Bailing": (
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]"
        r"|\s+(?!\S)|\s+",
    ),
}


def tokenizer_with(base: Path, regexes: Sequence[str], folder: Path, name: str) -> Path:
    """A tokenizer.json with the vocabulary of `base`, which is of bytes, that cuts with these regexes."""
    definition = json.loads(base.read_text(encoding="utf-8"))
    splits = [
        {"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": False}
        for regex in regexes
    ]
    end = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    definition["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [*splits, end]}
    path = folder / f"{name}.json"
    path.write_text(json.dumps(definition, ensure_ascii=False), encoding="utf-8")
    return path


def beside_the_library(base: Path, corpora: Sequence[Path], runs: int) -> Rows:
    """Each family with the vocabulary of `base`; ids are compared first, as everywhere."""
    rows: Rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, regexes in FAMILIES.items():
            path = tokenizer_with(base, regexes, Path(folder), name)
            for corpus in corpora:
                speeds = {
                    row["library"]: row["fresh MB/s"] for row in compare(path, corpus, 1, ["pypack"], runs)
                }
                rows.append(
                    {
                        "pattern": name,
                        "corpus": corpus.name.split(".")[0],
                        "pypack, MB/s": speeds["pypack"],
                        "tokenizers, MB/s": speeds["tokenizers"],
                        "x tokenizers": speeds["pypack"] / speeds["tokenizers"],
                    }
                )
    return rows


def beside_a_scanner(base: Path, corpora: Sequence[Path], runs: int) -> Rows:
    """Patterns that have a scanner of their own, with it and with an automaton, in turns."""
    from pypack.tokenizer.native import patterns

    known = {
        "GPT-2": patterns.GPT2,
        "cl100k": patterns.CL100K,
        "Qwen2": patterns.QWEN2,
        "o200k": patterns.O200K,
        "tekken": patterns.TEKKEN,
    }
    rows: Rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for pattern, regex in known.items():
            # In brackets it is a pattern that nobody has written a scanner for, and says the same.
            assert (f"(?:{regex})",) not in patterns.SCANNERS
            scanned = tokenizer_with(base, [regex], folder, "scanned")
            compiled = tokenizer_with(base, [f"(?:{regex})"], folder, "compiled")
            for corpus in corpora:
                whole: dict[Path, list[Measurement]] = {scanned: [], compiled: []}
                words: list[tuple[float, float]] = []
                for _ in range(runs):
                    for path, found in whole.items():
                        found.append(in_new_process(measure, "pypack", path, corpus, 1))
                    words.append(in_new_process(cutting_speeds, regex, corpus))
                assert whole[scanned][0][3] == whole[compiled][0][3], f"{pattern}: ids differ"
                speeds = [
                    statistics.median(megabytes / fresh for megabytes, fresh, _, _ in found)
                    for found in whole.values()
                ]
                cutting = [statistics.median(column) for column in zip(*words, strict=True)]
                rows.append(
                    {
                        "pattern": pattern,
                        "corpus": corpus.name.split(".")[0],
                        "scanner, MB/s": speeds[0],
                        "automaton, MB/s": speeds[1],
                        "ratio": speeds[1] / speeds[0],
                        "scanner, words alone, MB/s": cutting[0],
                        "automaton, words alone, MB/s": cutting[1],
                        "ratio of words alone": cutting[1] / cutting[0],
                    }
                )
    return rows


def cutting_speeds(regex: str, corpus: Path, repeats: int = 5) -> tuple[float, float]:
    """MB/s of cutting texts into words, by a scanner and by an automaton; the best of turns."""
    from pypack._core import Pretokenizer
    from pypack.tokenizer.native import patterns
    from pypack.tokenizer.native.regex_automaton import automaton

    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-1:])
    texts = [text.encode() for text in documents(corpus)]
    ways = (
        patterns.SCANNERS[(regex,)](),
        Pretokenizer.steps([(automaton(f"(?:{regex})"), "Isolated", False)]),
    )
    assert all(ways[0].words(text) == ways[1].words(text) for text in texts[:200])
    best = [float("inf"), float("inf")]
    counts = [0, 0]
    for _ in range(repeats):
        for i, way in enumerate(ways):
            start = time.perf_counter()
            counts[i] = sum(way.count_words(text) for text in texts)
            best[i] = min(best[i], time.perf_counter() - start)
    assert counts[0] == counts[1]
    megabytes = sum(map(len, texts)) / 1e6
    return megabytes / best[0], megabytes / best[1]
