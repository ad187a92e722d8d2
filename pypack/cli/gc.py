"""`pypack gc`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pypack._common.words import counted
from pypack.cli.arguments import natural, place
from pypack.cli.common import tell_result

if TYPE_CHECKING:
    from pypack.jobs.found_leftovers import Leftovers

_MOST_TOLD = 5
SUMMARY = "remove what killed commands have left in and beside a store"

_DESCRIPTION = """\
Removes temporary files of processes that have ended, journals of finished units, shards and manifests that
nobody names (of an append that was given up), rejects of a past state of the store, and folders of merges,
repairs and replaced stores that were killed on their way.

What a manifest names, what an unfinished job goes on from, and what another process works on stays; so does
what is not known to be pypack's, which is listed. It is refused where a job is running; at a URL, where
nobody can tell, what is young stays.
"""
_EPILOG = """\
examples:
  pypack gc corpus.store --dry-run
  pypack gc corpus.store
  pypack gc s3://lake/corpus.store
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `pypack gc`."""
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    parser.add_argument("path", type=place, metavar="STORE", help="a store, or an unfinished one; a URL, too")
    parser.add_argument("--dry-run", action="store_true", help="remove nothing, list what would be removed")
    parser.add_argument(
        "--min-age", type=natural, default=3600, metavar="SECONDS",
        help="what was written to later stays, where nobody knows whether its process has ended; at a URL, "
        "where no lock tells, all but what one of this machine has left (default: 3600)",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Removes it; returns the exit status."""
    from pypack.jobs.leftovers import gc_store

    found = gc_store(args.path, dry_run=args.dry_run, min_age=args.min_age)
    values = {
        "path": str(args.path),
        "dry_run": args.dry_run,
        "removed": [
            {"path": str(one.path), "why": one.why, "bytes": one.bytes, "freed_bytes": one.freed_bytes}
            for one in found.removable
        ],
        "bytes": found.bytes,
        "freed_bytes": found.freed_bytes,
        "kept": found.kept,
        "strangers": found.strangers,
        "exit_status": 0,
    }
    tell_result(args, values, "\n".join(_in_words(args, found)))
    return 0


def _in_words(args: argparse.Namespace, found: Leftovers) -> Iterator[str]:
    what = "would be removed" if args.dry_run else "removed"
    count = counted(len(found.removable), "left-over", "left-overs")
    freed = "" if found.freed_bytes == found.bytes else f", which free {found.freed_bytes:,}"
    yield f"{args.path}: {count} {what} ({found.bytes:,} bytes{freed})"
    if args.dry_run or args.verbose:
        for one in found.removable:
            yield f"  {one.path}: {one.why} ({one.bytes:,} bytes)"
    for name, why in list(found.kept.items())[:_MOST_TOLD]:
        yield f"  kept: {name}: {why}"
    if len(found.kept) > _MOST_TOLD:
        yield f"  kept: {len(found.kept) - _MOST_TOLD:,} more"
    if found.strangers:
        more = f" and {len(found.strangers) - _MOST_TOLD:,} more" if len(found.strangers) > _MOST_TOLD else ""
        yield f"  not known to be pypack's, left alone: {', '.join(found.strangers[:_MOST_TOLD])}{more}"
