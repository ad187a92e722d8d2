"""What commands do with stores at URLs: told apart, packed, verified, looked at."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pypack.cli.errors import UsageError
from pypack.remote.url import Url

_CHUNK = 8 << 20
PLAN_FILE = "plan.json"
# What a plan.json will say: made first, so that who makes another plan keeps away.
_BEGUN = "plan.begun.json"

if TYPE_CHECKING:
    from pypack.plan.plan import Plan
    from pypack.remote import Entry


def remote_kind(url: Url) -> str:
    """ "store" or "plan".

    Raises:
        UsageError: it is neither, or a store that is not finished.
    """
    from pypack.jobs.description import read_description
    from pypack.jobs.merge import missing_units
    from pypack.jobs.open_place import place_at
    from pypack.remote import objects

    for name, kind in (("store.json", "store"), (PLAN_FILE, "plan")):
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


def is_artifact(url: Url) -> bool:
    """Whether there is a store, a job that makes one, or a plan; else it may be texts."""
    from pypack.remote import objects

    return any(objects().stat(url / name) is not None for name in ("store.json", PLAN_FILE, "job.json"))


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
        copy.mkdir()
        try:
            _fetch(path, copy)
            yield Plan.open(copy)
        except (ValueError, FileNotFoundError) as error:
            if str(copy) not in str(error):
                raise
            kind = FileNotFoundError if isinstance(error, FileNotFoundError) else ValueError
            raise kind(str(error).replace(str(copy), str(path))) from None


def _fetch(url: Url, folder: Path) -> None:
    """Copies a plan; what comes otherwise than its plan.json says is read again."""
    from pypack._common.checksums import check_checksum
    from pypack.plan.files import check_header_bytes, read_header
    from pypack.remote import RemoteFile, objects
    from pypack.store.asked_again import asked_again

    def fetch(entry: Entry, check: Callable[[Path], None]) -> None:
        target, found = folder / entry.path, entry.stat
        target.parent.mkdir(parents=True, exist_ok=True)
        with (
            RemoteFile(objects(), url / entry.path, size=found.size, etag=found.etag) as source,
            target.open("wb") as file,
        ):
            while chunk := source.read(_CHUNK):
                file.write(chunk)
        check(target)

    sums: dict[str, str] = {}

    def check_own(path: Path) -> None:
        data = path.read_bytes()
        if b'"checksum"' in data:  # else of an older version, unless it is no plan at all
            check_header_bytes(data, str(path))

    def check_array(path: Path) -> None:
        if (recorded := sums.get(path.name.removesuffix(".npy"))) is not None:
            check_checksum(path, recorded)

    entries = objects().list(url)
    for entry in entries:
        if entry.path == PLAN_FILE:
            asked_again(partial(fetch, entry, check_own))
            sums = read_header(folder).get("checksums", {})
    for entry in entries:
        if entry.path != PLAN_FILE:
            asked_again(partial(fetch, entry, check_array))


def check_free(url: Url) -> None:
    """Raises UsageError where a plan cannot be written: nothing can be put in the place of what is there.
    What a command has left that was killed is no plan: the next one writes over it."""
    from pypack.plan.literals import ARRAYS as LITERALS
    from pypack.plan.plan import ARRAYS
    from pypack.remote import objects

    if url.is_read_only:
        raise UsageError(f"{url}: can be read only")
    known = {f"{name}.npy" for name in (*ARRAYS, *LITERALS, "documents")}
    names = {entry.path for entry in objects().list(url)}
    if any(name not in known and not name.startswith(_BEGUN) for name in names):
        raise UsageError(_stands_there(url))


def _stands_there(url: Url) -> str:
    return (
        f"{url} exists: choose another name, or remove it first (no plan is replaced at a URL, as it has "
        "several objects, and who reads it would find some of each)"
    )


def save_plan(plan: Plan, url: Url) -> None:
    """Writes a plan: its arrays, and last, once they are there, what says that it is one. Killed at any
    moment, it leaves no plan or the whole one, and touches no other.

    Raises:
        UsageError: another command has made another plan there meanwhile.
    """
    from pypack.jobs.crash import crash_at
    from pypack.jobs.remote_place import RemotePlace
    from pypack.remote import objects

    place = RemotePlace(url)
    with tempfile.TemporaryDirectory(prefix="pypack-") as folder:
        copy = Path(folder) / "plan"
        plan.save(copy)
        described = (copy / PLAN_FILE).read_bytes()
        if not place.create(_BEGUN, described):
            raise UsageError(
                f"{place.told(_BEGUN)}: another plan was begun there: choose another name, or remove what is "
                f"at {url}"
            )
        made = place.read(PLAN_FILE)
        if made is None:
            for path in sorted(path for path in copy.rglob("*") if path.is_file() and path.name != PLAN_FILE):
                crash_at("plan", path.name)
                objects().upload(url / path.relative_to(copy).as_posix(), str(path))
            crash_at("plan", PLAN_FILE)
            place.write_once(PLAN_FILE, described)
    place.remove(_BEGUN)
    if made not in (None, described):  # it was finished in between
        raise UsageError(_stands_there(url))
