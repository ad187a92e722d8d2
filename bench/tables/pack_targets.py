"""What packing was built to, beside what was measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.tables.markdown import Record, markdown, span
from bench.tables.pack_peers import measured_peers

Line = list[str]


def targets_table(record: Record) -> str:
    """Every target, what was measured, and what tells how far this machine lets it go."""
    results = record["results"]
    strategies = results.get("strategies", [])
    lines = [
        *_peers(measured_peers(results)),
        *_large(results.get("best fit, 100 million", [])),
        *_stream(strategies),
        *_balance(results.get("balance, slowdown", [])),
        *_decompose(results.get("decompose", [])),
        *_line("`Plan.verify`, 10⁹ tokens/s", "≥ 1", [row["verify Gtokens/s"] for row in strategies], ".1f"),
    ]
    return markdown(["", "target", "measured", "beside it"], lines)


def _line(
    what: str,
    target: str,
    values: Sequence[float],
    form: str,
    name: str = "",
    beside: Sequence[float | None] = (),
) -> Iterator[Line]:
    """One line, or none where nothing was measured."""
    if values:
        known = [value for value in beside if value is not None]
        yield [what, target, span(values, form), f"{name}: {span(known, form)}" if known else ""]


def _peers(rows: Sequence[Record]) -> Iterator[Line]:
    for what, target, names in (
        ("LightBinPack `obfd`", "≥ 25 ×", ("LightBinPack",)),
        ("the loops of TRL and OLMo-core", "≥ 500 ×", ("OLMo-core", "TRL _pack")),
        ("axolotl's multipack", "≥ 100 ×", ("axolotl",)),
    ):
        ratios = [row["ratio"] for row in rows if row["peer"].startswith(names)]
        yield from _line(f"best fit against {what}, times as fast", target, ratios, ",.0f")


def _large(rows: Sequence[Record]) -> Iterator[Line]:
    for form, threads, target in (
        ("CSR", 1, 9),
        ("CSR", 2, 5.5),
        ("ids", 1, 3.5),
        ("ids", 2, 2.5),
        ("plan", 1, 9),
        ("plan", 2, 9),
    ):
        found = [row for row in rows if (row["form"], row["threads"]) == (form, threads)]
        yield from _line(
            f"best fit of 100 M documents, {form}, threads: {threads}, ns a document",
            f"≤ {target}",
            [row["ns/document"] for row in found],
            ".1f",
            "the prototype",
            [row.get("prototype ns/document") for row in found],
        )
    memory = [row["extra MiB"] * 1.048576 for row in rows]
    yield from _line("its memory beside input and output, MB", "≤ 64", memory, ".0f")


def _stream(rows: Sequence[Record]) -> Iterator[Line]:
    streams = [row for row in rows if row["strategy"] == "stream"]
    fits = {(row["lengths"], row["L"]): row for row in rows if row["strategy"] == "best_fit"}
    yield from _line("`stream`, ns a document", "≤ 60", [row["ns/document"] for row in streams], ".0f")
    worse = [row["padding %"] - fits[row["lengths"], row["L"]]["padding %"] for row in streams]
    yield from _line("`stream`, padding beyond best fit's, points", "≤ 0.03", worse, ".3f")
    long_rows = [row["bias"] for row in streams if row["L"] == 8192]
    what = "`stream`, share of log-length variance between sequences"
    yield from _line(what, "≤ 0.25", long_rows, ".2f")


def _balance(rows: Sequence[Record]) -> Iterator[Line]:
    for micro_batches, window, target in ((4, 1, 1.03), (16, 1, 1.002), (1, 32, 1.04)):
        found = [row for row in rows if (row["micro-batches"], row["window"]) == (micro_batches, window)]
        what = f"balance, micro-batches a step: {micro_batches}" + (
            f", in a window of {window} steps" if window > 1 else ""
        )
        slow, bounds = [row["lpt"] for row in found], [row["lower bound"] for row in found]
        yield from _line(
            f"{what}, slowdown on 8 and 64 ranks", f"≤ {target}", slow, ".4f", "none is below", bounds
        )


def _decompose(rows: Sequence[Record]) -> Iterator[Line]:
    for remainder in ("drop", "pack"):
        found = [row for row in rows if row["remainder"] == remainder]
        what = f"`decompose`, remainder `{remainder}`, one thread, ns a document"
        times, plain = ([row[f"{name}ns/document"] for row in found] for name in ("", "plain write "))
        yield from _line(what, "≤ 5", times, ".1f", "numpy fills such arrays in", plain)
