"""The options of `pypack pack` that choose documents, how often they are taken, and their order."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from pypack.cli.arguments import natural
from pypack.cli.errors import UsageError
from pypack.cli.subject import Group, Subject

if TYPE_CHECKING:
    from pypack.plan.plan import Plan
    from pypack.source.select import Selection
    from pypack.store.store import TokenStore

_OPTIONS = ("where", "top", "repeats", "document_weights", "order")


def _add(group: Group) -> None:
    group.add_argument(
        "--where", metavar="EXPR", help="those of which it is true, as \"score > 0.7 and lang == 'en'\""
    )
    group.add_argument("--top", metavar="COLUMN:N", help="of those the N with the highest values")
    group.add_argument("--repeats", metavar="COLUMN", help="how often each document is taken an epoch")
    group.add_argument(
        "--document-weights", metavar="COLUMN", help="how often on average; fractions are drawn by --seed"
    )
    group.add_argument(
        "--repeat", choices=("documents", "sequences"),
        help="pack every copy by itself, or repeat whole sequences, in the memory of one copy "
        "(default: the first up to 2^24 copies)",
    )  # fmt: skip
    group.add_argument(
        "--order", metavar="FILE.npy|COLUMN",
        help="the order to pack in, kept by concat and stream: numbers of documents, or a column to sort by "
        "(COLUMN:desc: the largest first)",
    )  # fmt: skip
    group.add_argument("--seed", type=natural, default=0, metavar="N", help="of what is drawn (default: 0)")


SUBJECT = Subject("a selection of the documents, by the columns that the store keeps", _add)


def selects(args: argparse.Namespace) -> bool:
    """Whether the plan is of a selection."""
    return any(getattr(args, name) is not None for name in _OPTIONS)


def selection(store: TokenStore, args: argparse.Namespace) -> Selection:
    """The documents that are asked for.

    Raises:
        UsageError: an option cannot be read, or asked of the columns of the store.
    """
    from pypack.source.select import select

    try:
        return select(
            store,
            where=args.where,
            top=None if args.top is None else _top(args.top),
            repeats=args.repeats,
            document_weights=args.document_weights,
            order=args.order,
            seed=args.seed,
        )
    except (ValueError, TypeError) as error:
        raise UsageError(str(error)) from error


def packed(store: TokenStore, args: argparse.Namespace, options: dict[str, Any]) -> Plan:
    """The plan of the documents that are asked for."""
    from pypack.source.selected_plan import pack_selection

    chosen = selection(store, args)
    if args.keep_together is not None:
        options["keep_together"] = args.keep_together
    if args.drop_unlearned:
        learned = store.learned_lengths
        options["learned"] = learned if chosen.documents is None else learned[chosen.documents]
    return pack_selection(store, chosen, args.sequence_length, repeat=args.repeat, **options)


def _top(text: str) -> tuple[str, int]:
    column, colon, count = text.rpartition(":")
    if not colon or not column or not count.replace("_", "").isdecimal():
        raise UsageError(f"--top takes COLUMN:N, as in score:1000000, got {text!r}")
    return column, int(count)


def refuse_with_extend(args: argparse.Namespace) -> None:
    """Raises UsageError: a plan is extended by documents behind its own."""
    for name in (*_OPTIONS, "repeat"):
        if getattr(args, name) is not None:
            raise UsageError(
                f"--{name.replace('_', '-')} does not go with --extend: pack the new documents as a source "
                "of their own"
            )


def described(summary: dict[str, Any]) -> list[str]:
    """Lines about the selection of a plan, and its two sides."""
    return _described_sides(summary.get("sides")) + _described_selection(summary.get("selection"))


def _described_sides(found: dict[str, Any] | None) -> list[str]:
    if found is None:
        return []
    inputs, targets = found["input_length"], found["target_length"]
    return [
        f"{inputs:,} inputs ({found['inputs_filled']:.1%} filled) and {targets:,} targets "
        f"({found['targets_filled']:.1%} filled) a sequence"
    ]


def _described_selection(found: dict[str, Any] | None) -> list[str]:
    if not found:
        return []
    names = {
        "where": "where",
        "where_unknown": "not taken, as it is not known of them",
        "top": "the highest",
        "repeats": "repeats by",
        "document_weights": "weights by",
        "seed": "seed",
        "order": "order by",
        "store_documents": "of",
    }
    lines = []
    for name, value in found.items():
        words = f"{value[1]:,} by {value[0]}" if name == "top" else value
        if isinstance(value, int):
            words = f"{value:,}" + (" documents" if name != "seed" else "")
        lines.append(f"{names.get(name, name)}: {words}")
    return ["selection " + "; ".join(lines)]
