"""Pages with places for tables: between `<!-- bench:NAME -->` and `<!-- /bench -->`."""

from __future__ import annotations

import re
from pathlib import Path

from bench.common.record import ROOT
from bench.tables.catalogue import TABLES

_BLOCK = re.compile(r"(<!-- bench:([\w/]+) -->\n).*?(<!-- /bench -->)", re.DOTALL)


def pages() -> list[Path]:
    """README.md and every page of docs/."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def render(page: str, where: str) -> str:
    """The page with every table made anew; ValueError for a name that no table has."""

    def block(match: re.Match[str]) -> str:
        if match[2] not in TABLES:
            raise ValueError(
                f"{where}: no table is called {match[2]!r} (<!-- bench:{match[2]} -->); "
                f"there are {', '.join(TABLES)}"
            )
        return match[1] + TABLES[match[2]].render() + match[3]

    return _BLOCK.sub(block, page)
