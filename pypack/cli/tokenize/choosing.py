"""Which documents `pypack tokenize` takes of those that it reads, and what it makes of their texts."""

from __future__ import annotations

import argparse
from typing import Any

from pypack.cli.arguments import natural, positive
from pypack.cli.subject import Group, Subject


def share(text: str) -> float:
    """A share of all documents: 0.01 or 1%."""
    try:
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        value = 0.0
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"must be above 0 and at most 1 (or 100%), got {text!r}")
    return value


def _add(group: Group) -> None:
    group.add_argument(
        "--where", metavar="CONDITION",
        help="only documents of which this is true: \"score > 0.5 and lang in ('en', 'de')\"; what has no "
        "answer, as a field is missing, is left out",
    )  # fmt: skip
    group.add_argument(
        "--sample", type=share, metavar="SHARE",
        help="only about this share of the documents (0.01 or 1%%), each drawn by --seed and where it stands",
    )  # fmt: skip
    group.add_argument("--seed", type=natural, default=0, metavar="N", help="of --sample (default: 0)")
    group.add_argument(
        "--transform", metavar="MODULE:FUNCTION",
        help="a function that is given a list of texts and returns a text for each, or None to leave it out; "
        "also FILE.py:FUNCTION",
    )  # fmt: skip
    group.add_argument(
        "--min-tokens", type=natural, metavar="N", help="only documents of at least so many tokens"
    )
    group.add_argument(
        "--max-tokens", type=natural, metavar="N", help="only documents of at most so many tokens"
    )
    group.add_argument(
        "--limit", type=positive, metavar="N",
        help="only the first N documents, in the order of the inputs, of those that are chosen",
    )  # fmt: skip


def _values(args: argparse.Namespace) -> dict[str, Any]:
    names = ("where", "sample", "seed", "transform", "min_tokens", "max_tokens", "limit")
    return {name: getattr(args, name) for name in names}


SUBJECT = Subject("which documents are taken", _add, _values)
