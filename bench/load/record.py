"""The result file of loading, whose parts are measured one by one."""

from __future__ import annotations

import json
from typing import Any

from bench.common.printing import print_table
from bench.common.record import RESULTS, commit


def identity(row: dict[str, Any]) -> tuple[Any, ...]:
    """What tells the rows of a table apart."""
    return tuple(row.get(name) for name in ("rows x tokens", "way", "ranks", "balance"))


def sizes_of(rows: list[dict[str, Any]]) -> set[str]:
    """The shapes of batches that rows are of."""
    return {row["rows x tokens"] for row in rows}


def earlier_results() -> dict[str, Any]:
    """What was measured before; "commits" says at which commit each part was."""
    try:
        record = json.loads((RESULTS / "load.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    results: dict[str, Any] = record["results"]
    parts = {name for name, rows in results.items() if isinstance(rows, list)}
    return results if parts == set(results.get("commits", {})) else {}


def keep(results: dict[str, Any], part: str, rows: list[dict[str, Any]]) -> None:
    """Puts rows of a part in the place of those that were measured of the same before."""
    new = {identity(row) for row in rows}
    if part == "cold":  # all of a size at a time: its cases change their names with what they are
        new |= {identity(row) for row in results.get(part, []) if row["rows x tokens"] in sizes_of(rows)}
    kept = [row for row in results.get(part, []) if identity(row) not in new]
    results.setdefault("commits", {})[part] = commit()
    results[part] = sorted(kept + rows, key=lambda row: int(row["rows x tokens"].split()[-1]))
    print_table(rows, part)
