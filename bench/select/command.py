"""Selections, orders and repeats.

    D=$PYPACK_SHARED/data
    python bench select --corpus $D/corpus --tokenizer $D/tokenizers/gpt2.json

Parts: "where", conditions over made-up columns of 100 million documents; "plans", of half of a store beside
those of a whole store of that size; "shares", the same of 1 to 99 percent of it; "join", of tables with as
many rows as there are documents; "repeats", the memory of a plan whose documents come ten times; "order", the
path through 10 million documents; "neighbours", by tf-idf: recall on 20,000 of the shared documents, time of
a million made-up ones, and the mean similarity of neighbours in several orders; "copies", neighbours by
MinHash of a million documents and a tenth as many that copy half of one. What is timed is checked.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from bench.common.arguments import parser
from bench.common.printing import print_table
from bench.common.record import RESULTS, write_results
from bench.select import joins, orders, plans

PARTS = ("where", "plans", "shares", "join", "repeats", "order", "neighbours", "copies")


def main(arguments: list[str]) -> None:
    """Measures the parts, prints their tables and writes the result file; other parts stay in it."""
    options = parser("select", __doc__)
    options.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    options.add_argument("--corpus", type=Path, help="folder of the shared documents")
    options.add_argument("--tokenizer", type=Path, help="a tokenizer.json")
    options.add_argument("--scale", type=float, default=1.0, help="times the sizes (a part of them, to try)")
    options.add_argument("--no-results", action="store_true", help="do not write bench/results")
    args = options.parse_args(arguments)
    results: dict[str, Any] = {}
    path = RESULTS / "select.json"
    if path.is_file() and not args.no_results:
        results = json.loads(path.read_text(encoding="utf-8"))["results"]
    for part in args.parts:
        results |= _measure(part, args)
    for name, rows in results.items():
        print_table(rows, name)
    if not args.no_results:
        print(write_results("select", results, "pyarrow"))


def _measure(part: str, args: Any) -> dict[str, Any]:
    if part == "where":
        return {"where": plans.where(int(1e8 * args.scale))}
    if part == "plans":
        return {"plans": plans.plans(int(2e7 * args.scale))}
    if part == "shares":
        return {"shares": plans.shares(int(2e7 * args.scale))}
    if part == "join":
        return {"join": joins.joins([int(size * args.scale) for size in (1e6, 1e7, 1e8)])}
    if part == "repeats":
        return {"repeats": plans.repeated(int(2e7 * args.scale))}
    if part == "order":
        return {"order": orders.traversal(int(1e7 * args.scale))}
    with tempfile.TemporaryDirectory() as folder:
        if part == "copies":
            return {"copies": orders.made_up_copies(int(1e6 * args.scale), Path(folder))}
        found: dict[str, Any] = {"neighbours": orders.made_up_neighbours(int(1e6 * args.scale), Path(folder))}
        if args.corpus is not None and args.tokenizer is not None:
            store = orders.shared_store(args.corpus, args.tokenizer, Path(folder))
            found |= {"recall": orders.recall(store, 20_000), "similarity": orders.orders(store)}
        return found
