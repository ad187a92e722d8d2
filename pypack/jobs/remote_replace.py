"""A finished store at a URL replaced by another: its shards get names of their own, and `store.json` decides.

The job works beside the store, in `.NAME.next`, and numbers its shards from behind those that are there
(`JobDescription.first_shard`). Once it is done, its objects are copied into the store, and `store.json` is
replaced on the condition that it is what it was. The old shards stay for those who read them: `replaced.json`
says which they are, and `pypack gc` removes them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from pypack.jobs.begun import begun
from pypack.jobs.crash import crash_at
from pypack.jobs.description import JOB_FILE, JobDescription, read_description
from pypack.jobs.differences import differences
from pypack.jobs.manifest import UNITS_FOLDER
from pypack.jobs.moved import Moved
from pypack.jobs.our_files import clear_place
from pypack.jobs.output import OutputError
from pypack.jobs.places import Place
from pypack.jobs.remote_place import RemotePlace
from pypack.jobs.transfer import transfer
from pypack.remote import Url
from pypack.store.contents import REPLACED_FILE, numbered_next, shard_files
from pypack.store.format import REJECTED_FILE, STORE_FILE, TOKENIZER_FILE, StoreInfo

_PLAN = "replace.json"
_SHARD = re.compile(r"\d{6,}-(\d{3,})\..*")
_STEP = 1000


def place_beside(url: Url) -> RemotePlace:
    """Where a job works that is to replace a finished store."""
    return RemotePlace(url.with_name(f".{url.name}.next"))


@contextmanager
def claimed_beside(
    place: RemotePlace, job: JobDescription, tokenizer_json: bytes
) -> Iterator[tuple[Place, JobDescription]]:
    """The same as `pypack.jobs.remote_output.claimed_at` of a finished store that is to be replaced.

    Raises:
        OutputError: the store has become another meanwhile.
        RemoteError: the service does not answer, or does not allow it.
    """
    assert isinstance(place.folder, Url)
    aside = place_beside(place.folder)
    if not _holds(aside, job):
        if aside.exists(_PLAN):  # killed while it took the place: that is done first
            _take_place(aside, place)
        clear_place(aside)
        aside.remove(_PLAN)
    yield begun(aside, replace(job, first_shard=_first_free(place)), tokenizer_json, shared=False)
    if aside.exists(STORE_FILE):
        _take_place(aside, place)


def _holds(place: Place, job: JobDescription) -> bool:
    """Whether this very job was begun there."""
    try:
        before = read_description(place)
    except ValueError:
        return False
    return before is not None and not differences(before, job)


def _first_free(place: Place) -> int:
    """A number that no shard there has, nor any behind it."""
    found = (_SHARD.fullmatch(name) for name in place.names())
    last = max((int(one[1]) for one in found if one is not None), default=-1)
    return (last // _STEP + 1) * _STEP


def _take_place(aside: RemotePlace, place: RemotePlace) -> None:
    """Puts a finished store in the place of another; whoever is killed on the way goes on here."""
    data, there = aside.read(STORE_FILE), place.seen(STORE_FILE)
    units = aside.names(UNITS_FOLDER)
    if data is None:
        return  # a twin was first
    new = StoreInfo.from_json(data, aside.told(STORE_FILE))
    plan = {"before": None if there is None else hashlib.sha256(there.data).hexdigest()}
    if not aside.create(_PLAN, json.dumps(plan).encode()):
        plan = json.loads(aside.read(_PLAN) or b"{}")
    crash_at("replace", "planned")
    if there is None or there.data != data:
        transfer([Moved(aside, name, name) for name in shard_files(new.shards)], place)
        crash_at("replace", "shards")
        _replace_description(place, data, plan.get("before"))
    crash_at("replace", "store")
    if sum(name.endswith(".json") and name[:-5].isdigit() for name in units) >= new.counts["units"]:
        _replace_rest(aside, place, units)  # else a twin has done it, and clears up
    crash_at("replace", "rest")
    clear_place(aside)
    aside.remove(_PLAN)


def _replace_description(place: Place, data: bytes, before: str | None) -> None:
    """Replaces `store.json`, behind a note of the shards of the old one."""
    while True:
        there = place.seen(STORE_FILE)
        if there is not None and there.data == data:
            return
        if there is None:
            if place.create(STORE_FILE, data):
                return
            continue
        if hashlib.sha256(there.data).hexdigest() != before:
            raise OutputError(
                f"{place.folder}: its {STORE_FILE} has become another since the new store was finished (an "
                "append, perhaps). Nothing is replaced: run the same command once more to replace what is "
                "there now"
            )
        old = shard_files(StoreInfo.from_json(there.data, place.told(STORE_FILE)).shards)
        known = json.loads(place.read(REPLACED_FILE) or b"[]")
        place.write(REPLACED_FILE, json.dumps(sorted({*known, *old})).encode())
        if place.swap(STORE_FILE, data, there):
            return


def _replace_rest(aside: RemotePlace, place: RemotePlace, units: Sequence[str]) -> None:
    """What readers of shards do not need: the job, its units, rejects, the tokenizer."""
    files = [TOKENIZER_FILE, *(f"{UNITS_FOLDER}/{name}" for name in units)]
    transfer([Moved(aside, name, name) for name in files], place, again=True)
    for name in place.names(UNITS_FOLDER):
        if name not in units:
            place.remove(f"{UNITS_FOLDER}/{name}")
    for name in place.names():
        if numbered_next(name) is not None:
            place.remove(name)
    rest = [JOB_FILE]
    if aside.exists(REJECTED_FILE):
        rest.append(REJECTED_FILE)
    else:
        place.remove(REJECTED_FILE)
    transfer([Moved(aside, name, name) for name in rest], place, again=True)
