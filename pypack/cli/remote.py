"""What commands do with stores at URLs: told apart, packed, verified, looked at."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pypack.cli.errors import UsageError
from pypack.remote.url import Url

if TYPE_CHECKING:
    from pypack.plan.plan import Plan


def remote_kind(url: Url) -> str:
    """ "store" or "plan".

    Raises:
        UsageError: it is neither, or a store that is not finished.
    """
    from pypack.jobs.description import read_description
    from pypack.jobs.merge import missing_units
    from pypack.jobs.open_place import place_at
    from pypack.remote import objects

    for name, kind in (("store.json", "store"), ("plan.json", "plan")):
        if objects().stat(url / name) is not None:
            return kind
    if objects().stat(url / "job.json") is not None:
        place = place_at(url)
        job = read_description(place)
        assert job is not None
        done = len(job.units) - len(missing_units(place, job))
        raise UsageError(
            f"{url}: an unfinished store ({done:,} of {len(job.units):,} units so far); "
            "run its pypack tokenize command again to go on"
        )
    raise UsageError(f"{url}: no store (store.json) and no plan (plan.json) there")


def verified(url: Url) -> dict[str, Any]:
    """What `pypack verify` finds of a store; what is wrong is raised."""
    from pypack.store.remote_index import RemoteIndex

    store = RemoteIndex(url)
    found = store.verify()
    info = store.info
    return {
        "kind": "store",
        "unchecked": found["unchecked"],
        "strangers": found["strangers"],
        "growing": False,  # nothing is appended there
        "documents": info.documents,
        "tokens": info.tokens,
        "largest_id": found["largest_id"],
    }


def check_free(url: Url) -> None:
    """Raises UsageError where a plan cannot be written: nothing can be put in the place of what is there."""
    from pypack.remote import objects

    if url.is_read_only:
        raise UsageError(f"{url}: can be read only")
    if objects().children(url):
        raise UsageError(f"{url} exists: choose another name, or remove it first")


def save_plan(plan: Plan, url: Url) -> None:
    """Writes a plan: its arrays, and last, once they are there, what says that it is one."""
    from pypack.remote import objects

    with tempfile.TemporaryDirectory(prefix="pypack-") as folder:
        copy = Path(folder) / "plan"
        plan.save(copy)
        files = sorted(path for path in copy.rglob("*") if path.is_file())
        for path in sorted(files, key=lambda path: path.name == "plan.json"):
            objects().upload(url / path.relative_to(copy).as_posix(), str(path))
