"""What commands do with stores at URLs: told apart, packed, verified, looked at."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pypack.cli.errors import UsageError
from pypack.remote.url import Url

_CHUNK = 8 << 20

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


def verified(url: Url, *, quick: bool = False, deep: bool = False) -> dict[str, Any]:
    """What `pypack verify` finds of a store; what is wrong is raised."""
    from pypack.store.remote_deep_check import check_documents_at_url
    from pypack.store.remote_index import RemoteIndex

    store = RemoteIndex(url)
    found = store.verify_quick() if quick else store.verify()
    if deep:
        from pypack.jobs.recheck import compare_with_inputs

        check_documents_at_url(store)
        found |= compare_with_inputs(store).told()
    info = store.info
    return {
        "kind": "store",
        **({"level": "quick" if quick else "deep"} if quick or deep else {}),
        **found,
        "documents": info.documents,
        "tokens": info.tokens,
        **({"shards": len(info.shards)} if quick else {}),
    }


@contextmanager
def opened_plan(path: Path | Url) -> Iterator[Plan]:
    """A plan; of one at a URL there is a copy on this machine (below TMPDIR) meanwhile."""
    from pypack.plan.plan import Plan

    if not isinstance(path, Url):
        yield Plan.open(path)
        return
    with tempfile.TemporaryDirectory(prefix="pypack-") as folder:
        copy = Path(folder) / "plan"
        _fetch(path, copy)
        try:
            yield Plan.open(copy)
        except ValueError as error:
            raise ValueError(str(error).replace(str(copy), str(path))) from None


def _fetch(url: Url, folder: Path) -> None:
    from pypack.remote import RemoteFile, objects

    for entry in objects().list(url):
        target = folder / entry.path
        target.parent.mkdir(parents=True, exist_ok=True)
        found = entry.stat
        with (
            RemoteFile(objects(), url / entry.path, size=found.size, etag=found.etag) as source,
            target.open("wb") as file,
        ):
            while chunk := source.read(_CHUNK):
                file.write(chunk)


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
