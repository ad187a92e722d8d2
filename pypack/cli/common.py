"""What every command takes: how much it says and where, and where its options are written."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from pypack._common.version import VERSION
from pypack.cli.arguments import file_path
from pypack.cli.subject import Group, Subject


def _add(group: Group) -> None:
    group.add_argument("-q", "--quiet", action="store_true", help="say nothing but errors and warnings")
    group.add_argument(
        "-v", "--verbose", action="store_true",
        help="say more: where options come from, what is finished meanwhile",
    )  # fmt: skip
    group.add_argument(
        "--log-json", type=file_path, metavar="FILE", help="append events to FILE, a line of JSON each"
    )
    group.add_argument(
        "--config", type=file_path, metavar="FILE",
        help="TOML with options by their names, at the top or in a table named as the command; options come "
        "from the command line, else from PYPACK_* variables, else from there",
    )  # fmt: skip
    add_version(group)


def add_version(group: Group | argparse.ArgumentParser) -> None:
    """Declares -V."""
    group.add_argument(
        "-V", "--version", action="version", version=f"pypack {VERSION}", help="print the version"
    )


SUBJECT = Subject("all commands", _add)


def tell(args: argparse.Namespace, text: str) -> None:
    """Prints a line of the result, unless it should be quiet."""
    if not args.quiet:
        print(text)


def tell_result(args: argparse.Namespace, values: dict[str, Any], text: str) -> None:
    """Prints the result: one object under --json, else in words, unless it should be quiet."""
    args.events.write("result", **values)
    if args.json:
        print(json.dumps(values))
    else:
        tell(args, text)


def notice(args: argparse.Namespace, text: str) -> None:
    """Says a line that only who asked for more wants to hear."""
    if args.verbose:
        print(f"pypack {args.command}: {text}", file=sys.stderr, flush=True)
