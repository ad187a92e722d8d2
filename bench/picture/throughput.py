"""What the picture shows: tokenizing, the whole job and loading, pypack beside others."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.common.record import RESULTS
from bench.picture.bars import Bar, Group
from bench.picture.svg import PALE_INK, document, text

_WIDTH, _MARGIN, _GAP = 800, 24, 32
_WIDE = (_WIDTH - 2 * _MARGIN - _GAP) / 2  # of a panel
_TOP, _TITLE = 19, 46
_APART, _BETWEEN = 12, 26  # between groups, and between panels
_TOKENIZER = "gpt2"
_BATCH, _LOADERS = "8 x 2048", 3  # rows x tokens, and how many others
_CORPORA = {"english": "English", "multilingual": "Multilingual", "code": "Code"}
# The rows of the job by how they begin.
_JOBS = {
    "pypack tokenize": "pypack tokenize",
    "datasets.map": "datasets.map",
    "Megatron's": "Megatron's builder",
}

Record = Mapping[str, Any]


def picture() -> str:
    """The SVG, from the result files alone."""
    records = {name: _record(name) for name in ("tokenize", "job_peers", "load")}
    left = Panel("Tokenizing", "MB/s of new text, GPT-2, one thread", tokenizing(records["tokenize"]), 84)
    title = "JSON lines to token ids on disk"
    right = [
        Panel(title, "GPT-2, two threads, whole processes", whole_job(records["job_peers"]), 128),
        Panel("Loading", "M tokens/s of shuffled batches, one thread", loading(records["load"]), 128),
    ]
    # The same scale for all corpora: their bars are of one unit.
    most = max(bar.value for group in left.groups for bar in group.bars)
    shapes = left.draw(_MARGIN, _TOP, most)
    y = _TOP
    for panel in right:
        shapes += panel.draw(_MARGIN + _WIDE + _GAP, y)
        y += panel.height + _BETWEEN
    bottom = _TOP + max(left.height, sum(panel.height + _BETWEEN for panel in right) - _BETWEEN) + 30
    for line in _small_print(records):
        shapes.append(text(_MARGIN, bottom, line, 11, PALE_INK))
        bottom += 16
    return document(_WIDTH, bottom, "pypack beside other libraries", shapes)


@dataclass(frozen=True)
class Panel:
    """Groups of bars under a title; their names take up `names` pixels."""

    title: str
    subtitle: str
    groups: Sequence[Group]
    names: int

    @property
    def height(self) -> int:
        """Pixels from its title to its last bar."""
        return _TITLE + sum(group.height for group in self.groups) + _APART * (len(self.groups) - 1)

    def draw(self, x: float, y: float, most: float | None = None) -> list[str]:
        """Its shapes below y; the longest bar of each group fills the width, or one of `most` does."""
        shapes = [text(x, y + 15, self.title, 16, bold=True), text(x, y + 33, self.subtitle, 12.5, PALE_INK)]
        y += _TITLE
        for group in self.groups:
            longest = most or max(bar.value for bar in group.bars)
            shapes += group.draw(x, y, _WIDE, self.names, longest)
            y += group.height + _APART
        return shapes


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


def whole_job(record: Record) -> list[Group]:
    """Speed and memory of every way on the same lines."""
    compared = [row for row in record["results"] if row["pypack is faster by"] is not None]
    named = [(name, row) for start, name in _JOBS.items() for row in compared if row["way"].startswith(start)]

    def bars(column: str) -> list[Bar]:
        return [Bar(name, row[column], name.startswith("pypack")) for name, row in named]

    size = f"{compared[0]['MB of JSON']:,.0f} MB"
    return [
        Group(f"MB/s of JSON, {size}", bars("MB/s")),
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


def _record(name: str) -> Record:
    record: Record = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return record


def _small_print(records: Mapping[str, Record]) -> list[str]:
    machines = dict.fromkeys(
        f"{record['machine'].get('processor', 'unknown processor')}, {record['machine']['cores']} cores"
        for record in records.values()
    )
    parts = records["load"]["results"]["commits"]
    commits = {
        "tokenizing": records["tokenize"]["commit"],
        "job": records["job_peers"]["commit"],
        "loading": " and ".join(sorted({parts["rows"], parts["peers"]})),
    }
    return [
        "Results are compared before anything is timed; docs/benchmarks.md says how each is measured.",
        " and ".join(machines) + ".",
        "Commits: " + ", ".join(f"{what} {at}" for what, at in commits.items()) + ".",
    ]
