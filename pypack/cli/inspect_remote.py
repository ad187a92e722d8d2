"""`pypack inspect PLAN --store URL`: what training from object storage will cost, before it begins."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pypack.cli.arguments import file_path, natural, place, positive
from pypack.cli.errors import UsageError
from pypack.cli.opened_source import opened_source

if TYPE_CHECKING:
    from pypack.plan.plan import Plan

_SEQUENCES = 8  # of a batch, where nobody says


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    group = parser.add_argument_group("plans of object storage")
    group.add_argument(
        "--store",
        type=place,
        metavar="STORE",
        help="the store of a plan, one of them at a URL: say what a loader fetches of them, step by step",
    )
    group.add_argument(
        "--cache",
        type=file_path,
        metavar="DIR",
        help="where its cache is (default: PYPACK_CACHE, or the usual)",
    )
    group.add_argument(
        "--locality", type=natural, default=0, metavar="N", help="of the loader's order (default: 0)"
    )
    group.add_argument(
        "--ranks", type=positive, default=1, metavar="N", help="that share the global batch (default: 1)"
    )


def check(args: argparse.Namespace, kind: str) -> None:
    """Raises UsageError for a --store beside something that is no plan."""
    if args.store is not None and kind != "plan":
        raise UsageError(f"--store goes with a plan, and {args.path} is a {kind}")


def cost(plan: Plan, args: argparse.Namespace) -> dict[str, Any]:
    """The fields of `RemoteCost`, those of the loader that it is of, and "told", the same in words."""
    from pypack.loader import Loader

    size: dict[str, Any] = {"batch_sequences": args.batch_sequences or _SEQUENCES}
    if args.batch_tokens is not None:
        size = {"batch_tokens": args.batch_tokens}
    source = opened_source(f"--store {args.store}", args.store, [plan], args.cache)
    order = {"locality": args.locality, "world_size": args.ranks}
    try:
        found = Loader(source, rank=0, seed=0, **size, **order).remote
    except ValueError as error:
        raise UsageError(str(error)) from error
    if found is None:
        raise UsageError(f"--store {args.store}: it and the plan are on this machine: nothing is fetched")
    return {**asdict(found), **size, **order, "told": str(found)}


def print_cost(found: dict[str, Any]) -> None:
    """Shows it."""
    batch = ", ".join(
        f"{name} {found[name]:,}" for name in ("batch_sequences", "batch_tokens") if name in found
    )
    print(f"\nfrom object storage ({batch}, locality {found['locality']:,}, ranks {found['world_size']:,}):")
    for line in found["told"].split("; "):
        print(f"  {line}")
