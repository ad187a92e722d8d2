"""Puts the tables of bench/results into the pages, between `<!-- bench:NAME -->` and `<!-- /bench -->`.

    python bench tables [PAGE ...]            rewrites them
    python bench tables [PAGE ...] --check    exits with 1 if a page has a table that is not its result file's

Without pages, README.md and all of docs/. The names are those of bench/tables/catalogue.py.
"""

from __future__ import annotations

import sys
from pathlib import Path

from bench.common.arguments import parser
from bench.tables.pages import pages, render


def main(arguments: list[str]) -> int:
    """Rewrites or checks the pages; returns the exit status."""
    options = parser("tables", __doc__)
    options.add_argument("pages", nargs="*", type=Path)
    options.add_argument("--check", action="store_true", help="change nothing")
    args = options.parse_args(arguments)
    stale = []
    for path in args.pages or pages():
        current = path.read_text(encoding="utf-8")
        rendered = render(current, str(path))
        if rendered == current:
            continue
        stale.append(path)
        if not args.check:
            path.write_text(rendered, encoding="utf-8")
    if not args.check:
        return 0
    for path in stale:
        print(f"{path}: a table is not that of its result file; run python bench tables", file=sys.stderr)
    return 1 if stale else 0
