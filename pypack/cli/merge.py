"""`pypack merge`."""

from __future__ import annotations

import argparse
import json
import sys

from pypack._common.words import counted
from pypack.cli.arguments import place, reject_limit
from pypack.cli.common import tell_result
from pypack.cli.errors import UsageError

SUMMARY = "finish the store of a job whose partitions are done"

_DESCRIPTION = """\
Writes store.json of a tokenize job of which all units are done; no token is copied. Whoever makes the last
unit does so already: this is for a job whose last process was killed in between, and tells what is missing.

Exit status 1 says that units are missing, which are printed as Slurm's --array has them, or that more was
rejected than --max-rejects.
"""
_EPILOG = """\
examples:
  pypack merge crawl.store
  sbatch --array=$(pypack merge crawl.store --missing) job.sh
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `pypack merge`."""
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    parser.add_argument("path", type=place, metavar="JOB", help="the OUT of pypack tokenize")
    parser.add_argument(
        "--missing", action="store_true", help="write nothing, print the numbers of the missing units alone"
    )
    parser.add_argument(
        "--max-rejects", type=reject_limit, metavar="N|P%",
        help="exit with status 1 if more documents of the whole job were rejected (default: no limit)",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Finishes the store; returns the exit status."""
    from pypack.jobs.description import read_description
    from pypack.jobs.merge import MissingUnitsError, merge, missing_units
    from pypack.jobs.open_place import place_at
    from pypack.jobs.reject_limit import too_many
    from pypack.jobs.slurm import array_syntax
    from pypack.store.format import REJECTED_FILE

    where = place_at(args.path)
    job = read_description(where)
    if job is None:
        raise UsageError(f"{args.path}: holds no job (it has no job.json)")
    if args.missing:
        print(array_syntax(missing_units(where, job)))
        return 0
    try:
        info = merge(where, job)
    except MissingUnitsError as error:
        if args.json:
            print(json.dumps({"error": str(error), "missing_units": error.numbers, "exit_status": 1}))
        print(f"pypack merge: {error}", file=sys.stderr)
        return 1
    fault = None
    if args.max_rejects is not None:
        read = info.documents + sum(info.counts.get("passed_over", {}).values())
        fault = too_many(args.max_rejects, info.counts["rejected"], read, where.file(REJECTED_FILE))
    status = 1 if fault else 0
    values = {"documents": info.documents, "tokens": info.tokens, "shards": len(info.shards)}
    counts = f"{counted(info.documents, 'document')}, {counted(info.tokens, 'token')}"
    found = {"path": str(args.path), **values, **({"error": fault} if fault else {}), "exit_status": status}
    tell_result(args, found, f"{args.path}: {counts} in {counted(len(info.shards), 'shard')}")
    if fault:
        print(f"pypack merge: {fault}", file=sys.stderr)
    return status
