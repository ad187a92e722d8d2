"""`pypack pack`."""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pypack.cli import selection_arguments
from pypack.cli.arguments import file_path, natural, positive
from pypack.cli.errors import UsageError
from pypack.cli.table import format_table

if TYPE_CHECKING:
    from pypack.plan.plan import Plan
    from pypack.store.store import TokenStore

SUMMARY = "token store to a plan of training sequences"

_DESCRIPTION = """\
Decides which tokens of a store stand in which training sequence, and writes that as a plan: a directory of
small arrays. The plan is proved before it is written: every token stands in it exactly once or is counted as
left out. --compare shows what every strategy would give, side by side.
"""
_EPILOG = """\
examples:
  pypack pack corpus.store --sequence-length 8192 --compare
  pypack pack corpus.store -o corpus.plan --sequence-length 8192
  pypack pack corpus.store -o corpus.plan --sequence-length 8192 --strategy concat --set border=truncate
  pypack pack corpus.store -o grown.plan --extend corpus.plan
  pypack pack corpus.store -o good.plan --sequence-length 8192 --where "score > 0.7 and lang == 'en'"
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `pypack pack`."""
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    parser.add_argument(
        "store", type=file_path, metavar="STORE", help="store, or a Megatron-Core .bin/.idx prefix"
    )
    parser.add_argument("-o", "--output", type=file_path, metavar="PLAN", help="the plan to write")
    parser.add_argument("--sequence-length", type=positive, metavar="N", help="tokens of a training sequence")
    parser.add_argument(
        "--extend",
        type=file_path,
        metavar="OLD",
        help="the plan of the store before it grew: its sequences stay, new documents come behind",
    )
    parser.add_argument(
        "--strategy",
        metavar="NAME",
        help="how documents are put together; see --list (default: pypack's own)",
    )
    parser.add_argument(
        "--overflow", choices=("split", "truncate", "drop", "error"), default="split",
        help="documents longer than a sequence: cut in pieces, cut off, leave out, refuse (default: split)",
    )  # fmt: skip
    parser.add_argument("--max-documents", type=positive, metavar="N", help="most pieces in a sequence")
    parser.add_argument(
        "--align", type=positive, default=1, metavar="N", help="pieces begin at multiples of N (default: 1)"
    )
    parser.add_argument(
        "--drop-shorter-than", type=natural, default=0, metavar="N", help="leave out pieces of fewer tokens"
    )
    parser.add_argument(
        "--keep-together", metavar="group|COLUMN",
        help="never part the documents of a group (the store's own groups, or equal values of a kept column "
        "that stand side by side); with --overflow drop or error",
    )  # fmt: skip
    parser.add_argument(
        "--drop-unlearned", action="store_true",
        help="leave out documents of which the store's loss mask learns no token",
    )  # fmt: skip
    parser.add_argument(
        "--divisible-by",
        type=positive,
        default=1,
        metavar="N",
        help="make the number of sequences a multiple of N, as of the ranks, by cutting some in two",
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="an option of the strategy itself"
    )
    parser.add_argument("--compare", action="store_true", help="show what every strategy would give")
    parser.add_argument(
        "--list", action=_ListStrategies, help="list the strategies and their options, and leave"
    )
    parser.add_argument("--threads", type=positive, metavar="N", help="threads (default: all cores)")
    parser.add_argument("--workers", type=positive, metavar="N", help=argparse.SUPPRESS)  # its old name
    selection_arguments.configure(parser)
    parser.add_argument("--overwrite", action="store_true", help="replace the plan that stands at PLAN")
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")


class _ListStrategies(argparse.Action):
    def __init__(self, option_strings: list[str], dest: str, help: str) -> None:
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from pypack.packing.packing import STRATEGIES

        for name, strategy in STRATEGIES.items():
            options = "".join(f"  --set {key}={value}" for key, value in strategy.defaults.items())
            print(f"{name:12} {strategy.summary}{options}")
        parser.exit()


def run(args: argparse.Namespace) -> int:
    """Makes, proves and writes the plan; returns the exit status."""
    from pypack.store.store import TokenStore

    if args.output is None and not args.compare:
        raise UsageError("name the plan to write with -o PLAN, or see what strategies give with --compare")
    if args.extend is not None:
        _check_extends(args)
    elif args.sequence_length is None:
        raise UsageError("give --sequence-length, the tokens of a training sequence")
    if args.workers is not None:
        warnings.warn("--workers is called --threads now, and goes on working", stacklevel=1)
    store = TokenStore.open(args.store)
    if args.output is not None and args.output.exists():
        if not args.overwrite:
            raise UsageError(f"{args.output} exists: choose another path or add --overwrite")
        if not (args.output / "plan.json").is_file():
            raise UsageError(f"{args.output} exists and is not a plan: it is not replaced")
    result: dict[str, Any] = {"store": str(args.store), "exit_status": 0}
    if args.compare:
        result["compared"] = _compare(store, args)
    if args.output is not None:
        plan, seconds = _extended(store, args) if args.extend is not None else _packed(store, args)
        plan.verify(store.lengths)
        plan.save(args.output, overwrite=args.overwrite)
        result |= {"output": str(args.output), "seconds": seconds, **plan.summary()}
        if not args.json:
            _print_plan(args.output, plan)
    if args.json:
        print(json.dumps(result))
    return 0


def _check_extends(args: argparse.Namespace) -> None:
    """Raises UsageError for what the old plan says already."""
    given = {
        "--sequence-length": args.sequence_length,
        "--strategy": args.strategy,
        "--max-documents": args.max_documents,
        "--set": args.set,
        "--compare": args.compare,
        "--overflow": args.overflow != "split",
        "--align": args.align != 1,
        "--drop-shorter-than": args.drop_shorter_than,
        "--divisible-by": args.divisible_by != 1,
        "--drop-unlearned": args.drop_unlearned,
    }
    for name, value in given.items():
        if value:
            raise UsageError(f"{name} does not go with --extend, which packs as the old plan was packed")

    selection_arguments.refuse_with_extend(args)


def _extended(store: TokenStore, args: argparse.Namespace) -> tuple[Plan, float]:
    from pypack.packing.extending import extend_plan
    from pypack.plan.plan import Plan

    began = time.perf_counter()
    old = Plan.open(args.extend)
    if old.options.get("keep_together") and args.keep_together is None:
        raise UsageError("the old plan keeps groups together: name them again with --keep-together")
    plan = extend_plan(
        old,
        store.lengths,
        keep_together=None if args.keep_together is None else store.groups_by(args.keep_together),
        learned=store.learned_lengths if old.options.get("drop_unlearned") else None,
        num_threads=args.threads or args.workers,
    )
    if store.has_loss_mask:
        plan.count_learned(store)
    return plan, time.perf_counter() - began


def _packed(store: TokenStore, args: argparse.Namespace) -> tuple[Plan, float]:
    from pypack.packing.packing import pack

    began = time.perf_counter()
    options: dict[str, Any] = {**_shared_options(args), **_own_options(args.set)}
    if args.strategy is not None:
        options["strategy"] = args.strategy
    try:
        if selection_arguments.selects(args):
            plan = _selected(store, args, options)
        else:
            if args.keep_together is not None:
                options["keep_together"] = store.groups_by(args.keep_together)
            if args.drop_unlearned:
                options["learned"] = store.learned_lengths
            plan = pack(store.lengths, args.sequence_length, **options)
        if store.has_loss_mask:
            plan.count_learned(store)
    except TypeError as error:
        raise UsageError(f"{error} (pypack pack --list)") from error
    return plan, time.perf_counter() - began


def _selected(store: TokenStore, args: argparse.Namespace, options: dict[str, Any]) -> Plan:
    from pypack.source.selected_plan import pack_selection

    chosen = selection_arguments.selection(store, args)
    if args.keep_together is not None:
        options["keep_together"] = args.keep_together
    if args.drop_unlearned:
        learned = store.learned_lengths
        options["learned"] = learned if chosen.documents is None else learned[chosen.documents]
    return pack_selection(store, chosen, args.sequence_length, repeat=args.repeat, **options)


def _shared_options(args: argparse.Namespace) -> dict[str, Any]:
    return {
        "overflow": args.overflow,
        "max_documents": args.max_documents,
        "align": args.align,
        "drop_shorter_than": args.drop_shorter_than,
        "divisible_by": args.divisible_by,
        "num_threads": args.threads or args.workers,
    }


def _own_options(settings: list[str]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals or not name.isidentifier():
            raise UsageError(f"--set takes NAME=VALUE, got {setting!r}")
        try:
            options[name] = json.loads(value)
        except ValueError:
            options[name] = value
    return options


def _compare(store: TokenStore, args: argparse.Namespace) -> list[dict[str, Any]]:
    """One plan after the other, so that only one is in memory."""
    from pypack.packing.packing import COMPARED, compare_one

    lengths = store.lengths
    if selection_arguments.selects(args):
        lengths = lengths[selection_arguments.selection(store, args).copies(len(lengths))]

    if args.set:
        raise UsageError("--set is for one strategy; leave it out with --compare")
    figures, refused = [], []
    for name in COMPARED:
        try:
            row = compare_one(name, lengths, args.sequence_length, **_shared_options(args)).row()
        except ValueError as error:  # not every strategy takes every option
            refused.append(f"{name}: {error}")
            continue
        figures.append(row)
    if not figures:
        raise UsageError(f"no strategy takes these options: {refused[0]}")
    for line in refused:
        print(line, file=sys.stderr)
    if not args.json:
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


def _print_plan(path: Path, plan: Plan) -> None:
    counts, stats = plan.counts, plan.stats
    print(
        f"{path}: {stats.num_sequences:,} sequences of {plan.sequence_length:,} tokens by {plan.strategy}, "
        f"{stats.utilization:.2%} full"
    )
    print(
        f"  {counts.tokens:,} tokens = {stats.num_tokens:,} in the plan + {counts.dropped_tokens:,} dropped "
        f"+ {counts.truncated_tokens:,} truncated (proved)"
    )
    if stats.learned_tokens is not None:
        print(f"  learned: {stats.learned_tokens:,} tokens")
    print(
        f"  documents: {counts.documents:,}, of them {counts.split_documents:,} cut, "
        f"{counts.dropped_documents:,} dropped, {counts.truncated_documents:,} truncated, "
        f"{counts.empty_documents:,} empty"
    )
    if counts.added_sequences:
        print(f"  {counts.added_sequences:,} sequences were added by cutting others, to divide")
    for line in selection_arguments.shown(plan.summary()):
        print(f"  {line}")
    if plan.repeats:
        print(f"  an epoch gives {int(plan.sequence_times.sum()):,} sequences, some of them several times")
    if plan.extends:
        print(f"  the first {plan.extends[-1].sequences:,} sequences are those of the old plan")
