"""`pypack inspect PLAN`: what it holds, and how that is shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pypack._common.words import counted
from pypack.cli.histogram import fill_histogram, histogram
from pypack.cli.pack.selection import described as selection_described

if TYPE_CHECKING:
    from pypack.plan.plan import Plan
    from pypack.remote.url import Url


def described(plan: Plan, path: Path | Url, first: int) -> dict[str, Any]:
    """Its summary, histograms, and the first sequences."""
    lengths, fills = plan.histograms()
    return plan.summary() | {
        "kind": "plan",
        "path": str(path),
        "histogram": [(1 << k, (2 << k) - 1, *row) for k, row in enumerate(lengths.tolist()) if row[0]],
        "fills": fills.tolist(),
        "first": _sequences(plan, first),
    }


def _sequences(plan: Plan, first: int) -> list[dict[str, Any]]:
    shown = []
    for s in range(min(first, plan.num_sequences)):
        spans = slice(int(plan.sequence_offsets[s]), int(plan.sequence_offsets[s + 1]))
        documents = plan.span_document[spans]
        if plan.documents is not None:
            documents = plan.documents[documents]
        columns = (documents, plan.span_start[spans], plan.span_length[spans])
        shown.append(
            {
                "sequence": s,
                "capacity": int(plan.sequence_capacity[s]),
                "spans": list(zip(*(column.tolist() for column in columns), strict=True)),
                **({} if plan.literals is None else {"literals": plan.literals.of_sequence(plan, s)}),
            }
        )
    return shown


def print_plan(found: dict[str, Any]) -> None:
    """Shows what was found."""
    print(f"{found['path']}: plan by {found['strategy']}, options {json.dumps(found['options'])}")
    for line in selection_described(found):
        print(f"  {line}")
    shown = {"path", "kind", "strategy", "options", "selection", "sides", "first", "histogram", "fills"}
    for name, value in found.items():
        if name not in shown and value is not None:
            print(f"  {name:20} {value:,.6g}" if isinstance(value, float) else f"  {name:20} {value:,}")
    print(histogram(found["histogram"], "span length", "spans"))
    print(fill_histogram(found["fills"]))
    for sequence in found["first"]:
        spans, room = len(sequence["spans"]), sequence["capacity"]
        print(f"\nsequence {sequence['sequence']} ({counted(spans, 'span')}, room for {room:,} tokens)")
        print(f"  |{_picture(sequence)}|")
        literals = sequence.get("literals") or [[]] * (spans + 1)
        for (document, start, length), before in zip(sequence["spans"][:8], literals, strict=False):
            if before:
                print(f"  literal tokens {' '.join(map(str, before))}")
            print(f"  document {document}: tokens {start:,} to {start + length:,}")
        if spans <= 8 and literals[-1]:
            print(f"  literal tokens {' '.join(map(str, literals[-1]))}")
        if len(sequence["spans"]) > 8:
            print(f"  and {len(sequence['spans']) - 8} more")


def _picture(sequence: dict[str, Any], width: int = 72) -> str:
    """The sequence as blocks, one shade a span, dots for padding."""
    cells = []
    end = 0
    for i, (_, _, length) in enumerate(sequence["spans"]):
        begin, end = end, end + length
        low, high = (round(width * place / sequence["capacity"]) for place in (begin, end))
        cells.append("█▓▒░"[i % 4] * (high - low))
    return "".join(cells).ljust(width, "·")[:width]
