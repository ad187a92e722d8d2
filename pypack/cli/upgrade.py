"""`pypack upgrade`."""

from __future__ import annotations

import argparse

from pypack.cli.arguments import path_here, place
from pypack.cli.artifact import kind_of
from pypack.cli.common import tell_result
from pypack.cli.errors import UsageError
from pypack.store.only_here import UPGRADE_HERE

SUMMARY = "bring a store or a plan of an older version to the newest"

_DESCRIPTION = """\
Writes store.json or plan.json anew in the newest version of the format. Tokens and arrays stay as they are.
Files of older versions can be read for ever: this is for what only the newest version holds, such as the
checksums of tokenizer.json and of store.json itself. A store is verified first. Killed at any moment, the
command leaves the old file or the new one.
"""
_EPILOG = """\
examples:
  pypack upgrade corpus.store
  pypack upgrade corpus.plan --store corpus.store
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `pypack upgrade`."""
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    parser.add_argument(
        "path",
        type=path_here(UPGRADE_HERE),
        metavar="STORE|PLAN",
        help="what to upgrade, in its place",
    )
    parser.add_argument(
        "--store", type=place, metavar="STORE",
        help="the store that a plan is for: the plan then records its lengths in the newest form, too",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Upgrades it; returns the exit status."""
    from pypack.store.store import TokenStore

    kind = kind_of(args.path)
    if kind == "plan":
        from pypack.plan.files import VERSION, upgrade_header
        from pypack.plan.plan import Plan

        plan = Plan.open(args.path)
        fingerprint = None
        if args.store is not None:
            store = TokenStore.open(args.store)
            plan.verify(store.lengths)
            fingerprint = store.lengths_fingerprint
        upgrade_header(args.path, fingerprint)
    elif kind == "store":
        from pypack.store.format import FORMAT_VERSION as VERSION
        from pypack.store.upgrade import upgrade_store

        if args.store is not None:
            raise UsageError("--store goes with a plan, and this is a store")
        upgrade_store(TokenStore.open(args.path))
    else:
        raise UsageError(f"{args.path}: is a {kind}; stores and plans have versions")
    found = {"path": str(args.path), "kind": kind, "version": VERSION, "exit_status": 0}
    tell_result(args, found, f"{args.path}: is of version {VERSION} now")
    return 0
