"""What killed commands have left at a URL: found in one listing, by names and manifests, and removed.

No lock tells whether somebody works there. So what is listed is compared with descriptions that are read
behind the listing: who begins later makes objects that are not in it. And what is younger than an hour stays,
whosever it is: an append that was given up may have a process that does not know of it.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass

from pypack._common.schema import parse_json
from pypack.jobs.attempts import final_name, is_over
from pypack.jobs.description import (
    JOB_FILE,
    JobDescription,
    finished_description,
    job_of,
    read_description,
)
from pypack.jobs.found_leftovers import (
    SECONDS_AT_REST,
    UNIT_FILE,
    Leftover,
    Leftovers,
    nothing_there,
    unit_of_file,
)
from pypack.jobs.limit import limited
from pypack.jobs.manifest import UNITS_FOLDER
from pypack.jobs.our_files import OLD_JOURNAL, is_shard_file
from pypack.jobs.output import OutputError
from pypack.jobs.remote_place import ATTEMPTS, OF_ONE, RemotePlace, temporary_name
from pypack.jobs.replacing import settle
from pypack.remote import Url, objects
from pypack.remote.client import Stat
from pypack.store.contents import REPLACED_FILE, numbered_next, shard_files
from pypack.store.format import REJECTED_FILE, STORE_FILE, TOKENIZER_FILE, StoreInfo

_PROBE = ".pypack-probe-"
_MERGE = "merge.json"
_A_TRY = "one of several that have made it"


def gc_objects(url: Url, *, dry_run: bool = False, min_age: float = SECONDS_AT_REST) -> Leftovers:
    """See `pypack.jobs.leftovers.gc_store`.

    Args:
        min_age: seconds, by the clock of the service: what was written later stays.

    Raises:
        OutputError: there is neither a store nor a job, or descriptions contradict each other.
        ValueError: they are damaged: nobody can tell then what is needed.
        RemoteError: the service does not answer, or does not allow it.
    """
    place = RemotePlace(url)
    if not place.exists(STORE_FILE) and read_description(place) is None:
        raise OutputError(nothing_there(url))
    if not dry_run:
        _settle(place)
    listed = {entry.path: entry.stat for entry in objects().list(url)}
    beside = objects().list(url.with_name(f".{url.name}.next"))
    found = _Search(place, _state(place), listed, _now(url, dry_run) - min_age, bool(beside)).found()
    if beside:
        found.kept[f".{url.name}.next"] = (
            "a job that has begun to replace the store, and goes on when run again"
        )
    for one in () if dry_run else found.removable:
        assert isinstance(one.path, Url)
        objects().remove(one.path)
    return found


@dataclass(frozen=True)
class _State:
    """What descriptions say, all at one moment."""

    info: StoreInfo | None
    finished: JobDescription | None
    job: JobDescription | None


def _state(place: RemotePlace) -> _State:
    while True:
        data = place.read(STORE_FILE)
        info = None if data is None else StoreInfo.from_json(data, place.told(STORE_FILE))
        finished, job, made_by = finished_description(place), read_description(place), job_of(place, info)
        if place.read(STORE_FILE) == data:
            break
    if info is not None and job is not None and made_by is None:
        raise OutputError(
            f"{place.folder}: {STORE_FILE} is not of {JOB_FILE}: run the command again that was killed there "
            "(--overwrite), then this one"
        )
    return _State(info, finished, job)


def _settle(place: RemotePlace) -> None:
    """Gives the files of a store their names whose job was killed behind `store.json`."""
    data = place.read(STORE_FILE)
    info = None if data is None else StoreInfo.from_json(data, place.told(STORE_FILE))
    made_by = job_of(place, info)
    if info is not None and made_by is not None and made_by != finished_description(place):
        settle(place, info, made_by)


def _now(url: Url, dry_run: bool) -> float:
    """The time of the service: its clock says how old objects are."""
    if dry_run:
        return time.time()
    probe = url / f"{_PROBE}{secrets.token_hex(8)}"
    try:
        objects().write(probe, b"1")
        found = objects().stat(probe)
    finally:
        objects().remove(probe)
    return found.modified_ns / 1e9 if found is not None and found.modified_ns else time.time()


class _Search:
    def __init__(
        self, place: RemotePlace, state: _State, listed: dict[str, Stat], before: float, is_replaced: bool
    ) -> None:
        self._place, self._state, self._listed = place, state, listed
        self._before, self._is_replaced = before, is_replaced
        self._found = Leftovers()
        info, job = state.info, state.job
        self._named = {STORE_FILE, TOKENIZER_FILE, JOB_FILE}
        if info is not None:
            self._named |= {*shard_files(info.shards), *info.files}
        self._is_growing = info is not None and job != state.finished
        names = parse_json((REPLACED_FILE in listed and place.read(REPLACED_FILE)) or b"[]")
        self._replaced = frozenset(map(str, names))
        self._own: set[int] = set()  # units of the job
        self._going_on: set[int] = set()  # of them those that are to be made still
        if job is not None:
            wanted = limited(job, place)
            self._own, self._going_on = set(wanted.units), set(wanted.missing)

    def found(self) -> Leftovers:
        """Looks at everything."""
        for name in self._listed:
            folder, slash, last = name.partition("/")
            if not slash:
                self._look(name)
            elif folder == UNITS_FOLDER and "/" not in last:
                self._look_at_unit(name, last)
            elif folder == ATTEMPTS and "/" not in last:
                self._look_at_attempt(name, last)
            elif f"{folder}/" not in self._found.strangers:
                self._found.strangers.append(f"{folder}/")
        return self._found

    def _look(self, name: str) -> None:
        final, one, _ = name.partition(OF_ONE)
        if name in self._named:
            return
        if one and (final in (STORE_FILE, JOB_FILE, TOKENIZER_FILE) or numbered_next(final) is not None):
            self._look_at_try(name, final)
        elif is_shard_file(name):
            self._look_at_shard(name)
        elif (units := numbered_next(name)) is not None:
            self._look_at_next(name, units)
        elif name == REPLACED_FILE:
            self._add(name, "the names of shards of a store that was replaced")
        elif name == REJECTED_FILE and self._state.info is None:
            self._keep(name, "of a job that has not ended")
        elif name == REJECTED_FILE:
            self._add(name, "rejects of a state of the store that is past")
        elif name == _MERGE and self._state.info is None:
            self._keep(name, "a merge that was begun, and goes on with the same command")
        elif name in (_MERGE, OLD_JOURNAL):
            self._add(name, "of a command that has ended")
        elif name.startswith(_PROBE):
            self._add(name, "of a look at what the service can do")
        else:
            self._found.strangers.append(name)

    def _look_at_shard(self, name: str) -> None:
        unit = unit_of_file(name)
        if unit in self._going_on or (unit in self._own and (self._is_growing or self._state.info is None)):
            self._keep(name, "of a unit of a job that goes on with it")
        elif name in self._replaced:
            self._add(name, "of a store that was replaced", since=REPLACED_FILE)
        elif self._is_replaced:
            self._keep(name, "perhaps of the store that is to replace this one")
        else:
            self._add(name, "a shard that nobody names")

    def _look_at_next(self, name: str, units: int) -> None:
        finished = self._state.finished
        if finished is None or units != len(finished.units):
            self._add(name, "of a state of the store that is past")
        elif self._is_growing and name.startswith("job."):
            self._keep(name, "an append or retry that has begun, and goes on with the same command")
        elif self._is_growing:
            self._keep(name, "rejects of the job that has begun")
        else:
            self._add(name, "rejects of a job that was given up")

    def _look_at_try(self, name: str, final: str) -> None:
        if final in self._listed or numbered_next(final) is not None:
            self._add(name, _A_TRY)
        else:
            self._keep(name, "it gets its name once the job is done")

    def _look_at_unit(self, name: str, last: str) -> None:
        final, one, _ = last.partition(OF_ONE)
        unit = unit_of_file(final)
        if unit is None or not UNIT_FILE.fullmatch(final):
            self._found.strangers.append(name)
        elif unit in self._own:
            if one and f"{UNITS_FOLDER}/{final}" in self._listed:
                self._add(name, _A_TRY)
        elif self._state.job is not None:
            self._add(name, "of a unit that no job has")

    def _look_at_attempt(self, name: str, last: str) -> None:
        temporary = temporary_name(last)
        unit = unit_of_file(final_name(temporary).rpartition("!")[2])
        if final_name(temporary) == temporary or unit is None:
            self._found.strangers.append(name)
        elif unit in self._going_on:
            self._keep(name, "of a unit that goes on from it")
        elif is_over(temporary):
            self._remove(name, "a temporary file of a process that has ended")
        else:
            self._add(name, "a temporary file of a process that may have ended")

    def _keep(self, name: str, why: str) -> None:
        self._found.kept[name] = why

    def _add(self, name: str, why: str, *, since: str = "") -> None:
        """What nobody needs, unless it, or what has made it so, is young."""
        if self._listed[since or name].modified_ns / 1e9 > self._before:
            self._keep(name, f"{why}; but it is young: perhaps somebody writes still")
        else:
            self._remove(name, why)

    def _remove(self, name: str, why: str) -> None:
        assert isinstance(self._place.folder, Url)
        size = self._listed[name].size
        self._found.removable.append(Leftover(self._place.folder / name, why, size, size))
