"""`pypack pack --compare` and `--list`: what there is to choose from, and what each would give."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pypack.cli.errors import UsageError
from pypack.cli.pack import selection
from pypack.cli.suggestions import did_you_mean
from pypack.cli.table import format_table

if TYPE_CHECKING:
    from pypack.store.store import TokenStore


class ListStrategies(argparse.Action):
    """Lists the strategies with their options, and leaves."""

    def __init__(self, option_strings: list[str], dest: str, help: str) -> None:
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from pypack.packing.packing import STRATEGIES

        for name, strategy in STRATEGIES.items():
            options = "".join(f"  --set {key}={value}" for key, value in strategy.defaults.items())
            print(f"{name:12} {strategy.summary}{options}")
        print(
            "knots        Untie the Knots: documents cut in chunks, and these shuffled in their sequence"
            "  --set over=stream  --set knot_ids=[]  --set kinds=[0.2,0.8]"
        )
        parser.exit()


def check_strategy(name: str | None) -> None:
    """Raises UsageError for a strategy that there is not."""
    from pypack.packing.packing import STRATEGIES

    names = [*STRATEGIES, "knots"]
    if name is not None and name not in names:
        near = did_you_mean(name, names)
        raise UsageError(f"--strategy: must be one of {', '.join(names)}, got {name!r}{near}")


def compare(store: TokenStore, args: argparse.Namespace, options: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Figures of a plan by each strategy, one after the other, so that only one is in memory."""
    from pypack.packing.packing import COMPARED, compare_one

    if args.set:
        raise UsageError("--set is for one strategy; leave it out with --compare")
    lengths = store.lengths
    if selection.selects(args):
        lengths = lengths[selection.selection(store, args).copies(len(lengths))]
    figures, refused = [], []
    for name in COMPARED:
        try:
            row = compare_one(name, lengths, args.sequence_length, **options).row()
        except ValueError as error:  # not every strategy takes every option
            refused.append(f"{name}: {error}")
            continue
        figures.append(row)
    if not figures:
        raise UsageError(f"no strategy takes these options: {refused[0]}")
    for line in refused:
        print(line, file=sys.stderr)
    if not (args.json or args.quiet):
        head = ("strategy", "utilization", "sequences", "documents cut", "tokens left out")
        rows = [
            (
                row["strategy"],
                f"{row['utilization']:.2%}",
                f"{row['sequences']:,}",
                f"{row['split_documents']:,}",
                f"{row['lost_tokens']:,}",
                f"{row['attention_to_concat']:.3f}",
                f"{row['mean_context']:,.0f}",
                f"{row['bias']:.2f}",
                f"{row['seconds']:.3g}",
            )
            for row in figures
        ]
        print(format_table((*head, "attention cost*", "mean context", "bias**", "seconds"), rows))
        print("* over that of full rows without a mask between documents")
        print(
            "** share of the variance of log length between sequences; 1: each holds documents of one length"
        )
    return figures
