"""How `pypack pack` puts documents into sequences."""

from __future__ import annotations

import argparse
import json
from typing import Any

from pypack.cli.arguments import natural, positive
from pypack.cli.errors import UsageError
from pypack.cli.subject import Group, Subject


def _add(group: Group) -> None:
    group.add_argument("--sequence-length", type=positive, metavar="N", help="tokens of a training sequence")
    group.add_argument(
        "--strategy", metavar="NAME",
        help="how documents are put together; see --list (default: pypack's own)",
    )  # fmt: skip
    group.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="an option of the strategy itself"
    )
    group.add_argument(
        "--overflow", choices=("split", "truncate", "drop", "error"), default="split",
        help="documents longer than a sequence: cut in pieces, cut off, leave out, refuse (default: split)",
    )  # fmt: skip
    group.add_argument("--max-documents", type=positive, metavar="N", help="most pieces in a sequence")
    group.add_argument(
        "--align", type=positive, default=1, metavar="N", help="pieces begin at multiples of N (default: 1)"
    )
    group.add_argument(
        "--drop-shorter-than", type=natural, default=0, metavar="N", help="leave out pieces of fewer tokens"
    )
    group.add_argument(
        "--keep-together", metavar="group|COLUMN",
        help="never part the documents of a group (the store's own groups, or equal values of a kept column "
        "that stand side by side); with --overflow drop or error",
    )  # fmt: skip
    group.add_argument(
        "--drop-unlearned", action="store_true",
        help="leave out documents of which the store's loss mask learns no token",
    )  # fmt: skip
    group.add_argument(
        "--divisible-by", type=positive, default=1, metavar="N",
        help="make the number of sequences a multiple of N, as of the ranks, by cutting some in two",
    )  # fmt: skip
    group.add_argument(
        "--room", type=natural, default=0, metavar="N",
        help="room for N more tokens behind every piece, which an objective may need (FillInMiddle 3)",
    )  # fmt: skip


def _values(args: argparse.Namespace) -> dict[str, Any]:
    return {
        "overflow": args.overflow,
        "max_documents": args.max_documents,
        "align": args.align,
        "drop_shorter_than": args.drop_shorter_than,
        "divisible_by": args.divisible_by,
        "room": args.room,
        "num_threads": args.threads or args.workers,
    }


SUBJECT = Subject("how sequences are made", _add, _values)


def own_options(settings: list[str]) -> dict[str, Any]:
    """What --set says, for the strategy itself."""
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
