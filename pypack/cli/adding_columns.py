"""Where `pypack join` and `pypack dedup` put their columns."""

from __future__ import annotations

import argparse
from typing import Any

from pypack.cli.errors import UsageError
from pypack.remote.url import Url
from pypack.store.only_here import ADD_COLUMNS_HERE


def adding(args: argparse.Namespace) -> dict[str, Any]:
    """What adds the columns, as an argument: nothing where they go into the store itself.

    Raises:
        UsageError: the store is at a URL, and there is no OUT.
        OutputError: something stands at OUT, or it cannot be written.
    """
    if args.output is None:
        if isinstance(args.store, Url):
            raise UsageError(f"{args.store}: columns are not added in its place: {ADD_COLUMNS_HERE}")
        return {}
    from pypack.jobs.with_columns import check_output, columns_to

    check_output(args.output)
    return {"add": columns_to(args.output)}
