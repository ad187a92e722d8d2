"""`pypack pack --objective`: plans with two capacities, for an encoder and a decoder."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from pypack.cli.arguments import positive
from pypack.cli.errors import UsageError
from pypack.cli.subject import Group, Subject

if TYPE_CHECKING:
    from pypack.plan.plan import Plan
    from pypack.store.store import TokenStore

# What one way of packing alone has, and how it is when nobody asks for it.
_NOT_HERE: dict[str, Any] = {
    "strategy": None,
    "set": [],
    "align": 1,
    "divisible_by": 1,
    "room": 0,
    "keep_together": None,
    "drop_unlearned": False,
    "extend": None,
    "compare": False,
}


def _add(group: Group) -> None:
    group.add_argument(
        "--objective", metavar="NAME(...)",
        help="what makes inputs and targets, as 'SpanCorruption(rate=0.15, mean=3)', UL2 or PrefixLM: "
        "sequences have room for both, --sequence-length is that of the inputs",
    )  # fmt: skip
    group.add_argument(
        "--target-length", type=positive, metavar="N",
        help="with --objective: targets of a sequence (default: the most that a piece has; T5's 114 for 512)",
    )  # fmt: skip


SUBJECT = Subject("inputs and targets", _add)


def check(args: argparse.Namespace, selects: bool) -> None:
    """Raises UsageError for options that do not go together."""
    if args.objective is None:
        if args.target_length is not None:
            raise UsageError("--target-length goes with --objective, which makes targets")
        return
    asked = [
        f"--{name.replace('_', '-')}" for name, usual in _NOT_HERE.items() if getattr(args, name) != usual
    ]
    asked += ["--where and what else selects documents"] if selects else []
    if asked:
        raise UsageError(f"{asked[0]} does not go with --objective, whose sequences have two sides")


def packed(store: TokenStore, args: argparse.Namespace) -> Plan:
    """The plan.

    Raises:
        UsageError: the objective cannot be read, or makes no inputs and targets.
        ValueError: the store does not say what it needs.
    """
    from pypack.objectives import PairObjective, from_text, pack_pairs

    try:
        objective: Any = from_text(args.objective)
    except ValueError as error:
        raise UsageError(f"--objective: {error}") from error
    if not isinstance(objective, PairObjective):
        raise UsageError(
            f"--objective {args.objective}: makes no inputs and targets, as SpanCorruption, UL2 and PrefixLM "
            "do: pack without it, and give it to the loader"
        )
    return pack_pairs(
        store,
        objective,
        args.sequence_length,
        args.target_length,
        overflow=args.overflow,
        max_documents=args.max_documents,
        drop_shorter_than=args.drop_shorter_than or 2,
    )
