"""Packing: speed against public packers, fill, bias, and balance.

    pip install -r bench/peers/requirements/pack.txt  (with what that file says)
    python bench pack [--documents 1000000,10000000] [--sequence-lengths 2048,8192]
        [--parts best_fit,split,strategies,decompose,balance,peers] [--large] [--no-peers]

Takes about ten minutes. --large adds 100 million documents (4 GB of memory) with their peak memory. The peers
are those of bench/peers/packers.py; bench/peers/prototype.py is the yardstick of the machine. Checked first:
no sequence is over-full, every document is placed once, plans verify, and peers place every token once. Every
table is kept with the commit at which it was measured, so parts can be run one by one.
"""

from __future__ import annotations

import json
from typing import Any

from bench.common.arguments import parser
from bench.common.lengths import GENERATORS
from bench.common.printing import Row, print_table
from bench.common.record import RESULTS, commit, write_results
from bench.pack.balance import balances
from bench.pack.best_fit import best_fit_speed
from bench.pack.large import large
from bench.pack.peers import against_peers
from bench.pack.split import splits
from bench.pack.strategies import decompositions, strategies
from bench.peers.packers import PEERS

PARTS = ("best_fit", "split", "strategies", "decompose", "balance", "peers", "large")


def measure_part(part: str, sizes: list[int], sequence_lengths: list[int]) -> dict[str, list[Row]]:
    """Tables of a part by title."""
    cases = [(kind, count, n) for count in sizes for kind in GENERATORS for n in sequence_lengths]
    if part == "best_fit":
        return {
            f"best fit, ns a document, {count:,} documents": [
                best_fit_speed(*case) for case in cases if case[1] == count
            ]
            for count in sizes
        }
    if part == "split":
        most = max(sizes)
        return {
            f"best fit, split, {most:,} documents": [
                splits(kind, most, n) for kind in GENERATORS for n in (512, *sequence_lengths)
            ]
        }
    if part == "strategies":
        return {"strategies": [row for case in cases if case[1] == sizes[0] for row in strategies(*case)]}
    if part == "decompose":
        return {"decompose": [row for case in cases if case[1] == sizes[0] for row in decompositions(*case)]}
    if part == "balance":
        return {"balance, slowdown": balances(sizes[0])}
    if part == "peers":
        return {
            f"best fit against peers, {count:,} documents": [
                row for case in cases if case[1] == count for row in against_peers(*case)
            ]
            for count in sizes
        }
    return {"best fit, 100 million": [row for n in sequence_lengths for row in large(10**8, n)]}


def earlier_results() -> dict[str, Any]:
    """The tables measured before, and under "commits" at which commit each was."""
    try:
        record = json.loads((RESULTS / "pack.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {"commits": {}}
    commits = record["results"].get("commits", {})
    return {"commits": commits, **{title: record["results"][title] for title in commits}}


def main(arguments: list[str]) -> None:
    """Measures the parts asked for, prints their tables and writes them into the result file."""
    options = parser("pack", __doc__)
    options.add_argument("--documents", default="1000000,10000000", help="numbers of documents")
    options.add_argument("--sequence-lengths", default="2048,8192")
    options.add_argument("--large", action="store_true", help="also 100 million documents")
    options.add_argument("--no-peers", action="store_true")
    options.add_argument(
        "--parts",
        default="best_fit,split,strategies,decompose,balance,peers",
        help=f"which of {', '.join(PARTS)}; other tables stay in the result file with their commits",
    )
    options.add_argument("--no-results", action="store_true", help="do not write bench/results")
    args = options.parse_args(arguments)
    sizes = [int(count) for count in args.documents.split(",")]
    sequence_lengths = [int(length) for length in args.sequence_lengths.split(",")]
    parts = set(args.parts.split(",")) | ({"large"} if args.large else set())
    if unknown := parts - set(PARTS):
        options.error(f"--parts: there is no {', '.join(sorted(unknown))}; the parts are {', '.join(PARTS)}")
    parts -= {"peers"} if args.no_peers else set()
    results = earlier_results()
    for part in PARTS:
        if part in parts:
            for title, rows in measure_part(part, sizes, sequence_lengths).items():
                print_table(rows, title)
                results[title] = rows
                results["commits"][title] = commit()
    if not args.no_results:
        path = write_results("pack", results, *{peer.distribution for peer in PEERS})
        print(f"\nwritten to {path}")
