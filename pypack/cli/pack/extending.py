"""`pypack pack --extend`: the plan of a store that has grown."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

from pypack.cli.errors import UsageError
from pypack.cli.pack import selection

if TYPE_CHECKING:
    from pypack.plan.plan import Plan
    from pypack.store.store import TokenStore


def check_extends(args: argparse.Namespace) -> None:
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
    selection.refuse_with_extend(args)


def extended(store: TokenStore, args: argparse.Namespace) -> tuple[Plan, float]:
    """The plan of a grown store, and the seconds that it took."""
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
