"""One picture a job: pypack, every peer that was measured, and the limit where there is one."""

from __future__ import annotations

from collections.abc import Callable

from bench.picture.bars import Bar, Group, Panel
from bench.picture.svg import document, text
from bench.picture.throughput import Record, read, small_print, tokenizing, whole_job

_WIDTH, _MARGIN, _TOP = 800, 24, 19
_BATCHES = ("8 x 2048", "8 x 8192")


def pictures() -> dict[str, str]:
    """Name of the file, without its ending -> SVG."""
    return {
        "tokenizing": _drawn(
            "tokenize", "Tokenizing", "MB/s of new text, GPT-2, one thread", tokenizing, 100, same_scale=True
        ),
        "job": _drawn(
            "job_peers", "JSON lines to token ids on disk", "GPT-2, whole processes", whole_jobs, 280
        ),
        "packing": _drawn(
            "pack",
            "Packing",
            "ns a document, less is better; a scale of powers",
            packing,
            210,
        ),
        "loading": _drawn(
            "load", "Loading", "M tokens/s of shuffled batches from memory, one thread", loading, 250
        ),
        "conversations": _drawn(
            "chat", "Conversations to ids and loss masks", "thousands of conversations a second", chats, 150
        ),
        "prefill": _drawn(
            "prefill", "Prefill", "seconds for the same prompts in one model, less is better", prefill, 250
        ),
    }


def _drawn(
    name: str,
    title: str,
    subtitle: str,
    groups: Callable[[Record], list[Group]],
    names: int,
    same_scale: bool = False,
) -> str:
    record = read(name)
    panel = Panel(title, subtitle, groups(record), names, _WIDTH - 2 * _MARGIN, same_scale)
    shapes = panel.draw(_MARGIN, _TOP)
    bottom = _TOP + panel.height + 30
    for line in small_print([record], {"": _commits(record)}):
        shapes.append(text(_MARGIN, bottom, line, 11, "pale"))
        bottom += 16
    return document(_WIDTH, bottom, f"{title}: pypack beside others", shapes)


def _commits(record: Record) -> set[str]:
    results = record["results"]
    parts = results.get("commits", {}) if isinstance(results, dict) else {}
    return set(parts.values()) or {record["commit"]}


def whole_jobs(record: Record) -> list[Group]:
    """All programs, the build before this one left out."""
    ways = [row["way"] for row in record["results"] if "older build" not in row["way"]]
    return whole_job(record, {way: way.replace("IndexedDatasetBuilder", "builder") for way in ways})


def packing(record: Record) -> list[Group]:
    """Best fit beside every packer, for each kind of corpus."""
    (name,) = (key for key in record["results"] if key.startswith("best fit against peers, 1,000,000"))
    rows = [row for row in record["results"][name] if row["L"] == 8192]
    groups = []
    for kind in dict.fromkeys(row["lengths"] for row in rows):
        of_kind = [row for row in rows if row["lengths"] == kind]
        bars = [Bar("pypack best_fit", of_kind[0]["CSR ns"], ours=True)]
        bars += sorted((Bar(row["peer"], row["peer ns"]) for row in of_kind), key=lambda bar: bar.value)
        groups.append(Group(f"{kind}, sequences of 8,192 tokens", bars, by_powers=True))
    return groups


def loading(record: Record) -> list[Group]:
    """All loaders; the bare loop over the same tokens is the limit."""
    results = record["results"]
    groups = []
    for batch in _BATCHES:
        own = [row for row in results["rows"] if row["rows x tokens"] == batch]
        bars = [
            Bar(row["way"], row["tokens/s"] / 1e6, row["way"].startswith("pypack"), "C++" in row["way"])
            for row in own
            if row["way"].endswith(", ids")
        ]
        bars += [
            Bar(_loader(row["way"]), row["tokens/s"] / 1e6)
            for row in results["peers"]
            if row["rows x tokens"] == batch and "tokens/s" in row
        ]
        bars.sort(key=lambda bar: -bar.value)
        groups.append(Group(f"{batch.replace('x', '×')} ids", bars))
    return groups


def _loader(way: str) -> str:
    """A peer's name, with what it gives where that is more than ids."""
    name, _, gives = way.partition(": ")
    if name.startswith("Megatron"):
        name = name.replace(", position resets and EOD loss mask", ", resets")
    return f"{name}, doc_lens" if "doc_lens" in gives else name


def chats(record: Record) -> list[Group]:
    """Beside `datasets.map` with transformers' own template."""
    return [
        Group(
            f"{row['template'].removesuffix('_training')}, {row['conversations']:,}",
            [
                Bar("pypack", 1e3 / row["pypack, us a conversation"], ours=True),
                Bar("datasets.map", 1e3 / row["datasets, us a conversation"]),
            ],
        )
        for row in record["results"]
    ]


def prefill(record: Record) -> list[Group]:
    """Ways to compute the same prompts, by mix."""
    rows = record["results"]["rows"]
    return [
        Group(
            mix,
            [
                Bar(row["way"], row["seconds"], "packed" in row["way"] or "pypack" in row["way"])
                for row in rows
                if row["mix"] == mix
            ],
        )
        for mix in dict.fromkeys(row["mix"] for row in rows)
    ]
