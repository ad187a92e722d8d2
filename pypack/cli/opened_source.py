"""A store with its plans, as options name them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pypack.cli.errors import UsageError

if TYPE_CHECKING:
    from pypack.plan.plan import Plan
    from pypack.remote.url import Url
    from pypack.source.source import Source


def opened_source(
    option: str, store: str | Path | Url, plans: Sequence[str | Plan], cache: Path | None = None
) -> Source:
    """The source of a store and plans over it.

    Args:
        option: that names them, for the message.
        store: path or URL.
        plans: opened, or their paths or URLs; at least one.
        cache: what is at a URL is read through.

    Raises:
        UsageError: a plan is not of this store, or two have rows of one length.
        FileNotFoundError: there is nothing at a path.
        ValueError: a file is damaged; the message names it.
    """
    from pypack.plan.plan import Plan
    from pypack.source.source import Source
    from pypack.store.store import TokenStore

    opened = TokenStore.open(str(store), cache=cache)
    found = [plan if isinstance(plan, Plan) else Plan.open(plan, cache=cache) for plan in plans]
    try:
        return Source(opened, found)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from error
