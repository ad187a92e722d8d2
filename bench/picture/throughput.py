"""What the picture shows: tokenizing, the whole job and loading, pypack beside others."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from bench.common.record import RESULTS
from bench.picture.bars import Bar, Group, Panel
from bench.picture.svg import document, text

_WIDTH, _MARGIN, _GAP = 800, 24, 32
_WIDE = (_WIDTH - 2 * _MARGIN - _GAP) / 2  # of a panel
_TOP, _BETWEEN = 19, 26  # above the first panel, and between panels
_TOKENIZER = "gpt2"
_BATCH, _LOADERS = "8 x 2048", 3  # rows x tokens, and how many others
_CORPORA = {"english": "English", "multilingual": "Multilingual", "code": "Code"}
_OURS = "pypack tokenize"
# The ways of the job, and what the picture calls them.
_JOBS = {
    _OURS: "pypack tokenize",
    "datasets.map, tokenizers": "datasets.map",
    "Megatron's IndexedDatasetBuilder, tokenizers": "Megatron's builder",
}

Record = Mapping[str, Any]


def picture() -> str:
    """The SVG, from the result files alone."""
    records = {name: read(name) for name in ("tokenize", "job_peers", "load")}
    subtitle = "MB/s of new text, GPT-2, one thread"
    left = Panel("Tokenizing", subtitle, tokenizing(records["tokenize"]), 84, _WIDE, same_scale=True)
    title = "JSON lines to token ids on disk"
    right = [
        Panel(title, "GPT-2, two threads, whole processes", whole_job(records["job_peers"]), 128, _WIDE),
        Panel("Loading", "M tokens/s of shuffled batches, one thread", loading(records["load"]), 128, _WIDE),
    ]
    shapes = left.draw(_MARGIN, _TOP)
    y = _TOP
    for panel in right:
        shapes += panel.draw(_MARGIN + _WIDE + _GAP, y)
        y += panel.height + _BETWEEN
    bottom = _TOP + max(left.height, sum(panel.height + _BETWEEN for panel in right) - _BETWEEN) + 30
    parts = records["load"]["results"]["commits"]
    commits = {
        "tokenizing": {records["tokenize"]["commit"]},
        "job": {records["job_peers"]["commit"]},
        "loading": {parts["rows"], parts["peers"]},
    }
    for line in small_print(list(records.values()), commits):
        shapes.append(text(_MARGIN, bottom, line, 11, "pale"))
        bottom += 16
    return document(_WIDTH, bottom, "pypack beside other libraries", shapes)


def tokenizing(record: Record) -> list[Group]:
    """A group for each corpus, the fastest first."""
    groups = []
    for corpus, heading in _CORPORA.items():
        rows = [
            row
            for row in record["results"]
            if (row["tokenizer"], row["corpus"]) == (_TOKENIZER, corpus) and not row["differing"]
        ]
        bars = [Bar(row["library"], row["fresh MB/s"], row["library"] == "pypack") for row in rows]
        groups.append(Group(heading, sorted(bars, key=lambda bar: -bar.value)))
    return groups


def whole_job(record: Record, named: Mapping[str, str] = _JOBS) -> list[Group]:
    """Speed and memory of the ways on the same lines; `named`: the way -> what the picture calls it."""
    compared = [row for row in record["results"] if row["pypack is faster by"] is not None]
    size = compared[0]["MB of JSON"]
    rows = {row["way"]: row for row in compared if row["MB of JSON"] == size}

    def bars(column: str) -> list[Bar]:
        return [Bar(name, rows[way][column], way == _OURS) for way, name in named.items() if way in rows]

    return [
        Group(f"MB/s of JSON, {size:,.0f} MB", bars("MB/s")),
        Group("Peak memory, MB (less is better)", bars("peak memory, MB")),
    ]


def loading(record: Record) -> list[Group]:
    """Batches of ids alone, which is what the others give; the fastest of them."""
    mine = next(
        row
        for row in record["results"]["rows"]
        if (row["way"], row["rows x tokens"]) == ("pypack, ids", _BATCH)
    )
    others = [
        Bar(row["way"].split(":")[0].split(",")[0], row["tokens/s"] / 1e6)
        for row in record["results"]["peers"]
        if row["rows x tokens"] == _BATCH and "tokens/s" in row
    ]
    others.sort(key=lambda bar: -bar.value)
    heading = f"{_BATCH.replace('x', '×')} ids from memory"
    return [Group(heading, [Bar("pypack", mine["tokens/s"] / 1e6, True), *others[:_LOADERS]])]


def read(name: str) -> Record:
    """A result file."""
    record: Record = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return record


def small_print(records: Sequence[Record], commits: Mapping[str, set[str]]) -> list[str]:
    """How, where and of what it was measured: lines to stand below a picture."""
    machines = dict.fromkeys(
        f"{record['machine'].get('processor', 'unknown processor')}, {record['machine']['cores']} cores"
        for record in records
    )
    of = ", ".join(f"{what} {' and '.join(sorted(at))}".strip() for what, at in commits.items())
    return [
        "Results are compared before anything is timed; docs/benchmarks.md says how each is measured.",
        f"{' and '.join(machines)}.",
        f"Commits: {of}.",
    ]
