"""What killed commands have left in and beside a store: found by names and manifests, and removed.

Only what is known to be pypack's is touched, and nothing that a manifest names, that an unfinished unit goes
on from, or that another process works on.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from pypack._common.paths import local_path
from pypack.jobs.attempts import final_name, is_over
from pypack.jobs.beside_output import places_beside
from pypack.jobs.description import JOB_FILE, NEXT_JOB_FILE, JobDescription, job_of, read_description
from pypack.jobs.found_leftovers import (
    SECONDS_AT_REST,
    UNIT_FILE,
    Leftover,
    Leftovers,
    nothing_there,
    unit_of_file,
)
from pypack.jobs.limit import limited
from pypack.jobs.manifest import UNITS_FOLDER, finished_units
from pypack.jobs.our_files import OLD_JOURNAL, is_shard_file
from pypack.jobs.output import OutputError
from pypack.jobs.output_lock import only_job_in
from pypack.jobs.place import FolderPlace
from pypack.jobs.remote_leftovers import gc_objects
from pypack.jobs.replacing import settle
from pypack.remote import Url, is_url
from pypack.store.contents import shard_files
from pypack.store.format import (
    NEXT_REJECTED_FILE,
    REJECTED_FILE,
    STORE_FILE,
    TOKENIZER_FILE,
    StoreInfo,
)

_SCRATCH = "repair"


def gc_store(
    path: str | os.PathLike[str] | Url, *, dry_run: bool = False, min_age: float = SECONDS_AT_REST
) -> Leftovers:
    """Removes what killed commands have left in and beside a store, or an unfinished job.

    Those are: temporary files of attempts that are over, journals of units that are done, shards and
    manifests that neither `store.json` nor a job names (of an append that was given up), a superseded
    `rejected.jsonl`, folders of a merge or repair that was killed, and of a store that was replaced.

    Args:
        path: a folder or URL.
        dry_run: remove nothing.
        min_age: seconds; what was written to later, by nobody knows whom, stays. At a URL, where no lock
            tells who works there, that is so of everything that is not known to be of a process that has
            ended.

    Returns:
        What was found, and removed.

    Raises:
        OutputError: it is neither a store nor a job, or another process works there.
        ValueError: its descriptions are damaged: nobody can tell then what is needed.
    """
    if is_url(path):
        return gc_objects(Url.of(cast("str | Url", path)), dry_run=dry_run, min_age=min_age)
    folder = local_path(cast("str | os.PathLike[str]", path))
    place = FolderPlace(folder)
    if not place.exists(STORE_FILE) and read_description(place) is None:
        raise OutputError(nothing_there(folder))
    try:
        with only_job_in(folder):
            info = StoreInfo.read(folder / STORE_FILE) if place.exists(STORE_FILE) else None
            job = read_description(place)
            if info is not None and job is not None and not dry_run:
                _settle(place, info)
                job = read_description(place)
            found = _Search(place, info, job, min_age).found()
            for one in () if dry_run else found.removable:
                _remove(cast("Path", one.path))
            return found
    except BlockingIOError:
        raise OutputError(f"{folder}: another process is working there; wait for it, or stop it") from None


def _settle(place: FolderPlace, info: StoreInfo) -> None:
    """Gives the files of a store their names whose job was killed behind `store.json`."""
    made_by, recorded = job_of(place, info), info.files.get(REJECTED_FILE)
    is_named_next = place.exists(NEXT_JOB_FILE) and made_by == read_description(place)
    has_next_log = recorded is not None and place.has_checksum(NEXT_REJECTED_FILE, recorded)
    if made_by is not None and (is_named_next or has_next_log):
        settle(place, info, made_by)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


class _Search:
    def __init__(
        self, place: FolderPlace, info: StoreInfo | None, job: JobDescription | None, min_age: float
    ) -> None:
        self._place, self._info, self._job, self._min_age = place, info, job, min_age
        self._found = Leftovers()
        self._named = {STORE_FILE, TOKENIZER_FILE, JOB_FILE, UNITS_FOLDER}
        if info is not None:
            self._named |= {*shard_files(info.shards), *info.files}
        self._done = finished_units(place)
        self._own: set[int] = set()  # units of the job
        self._going_on: set[int] = set()  # of them those that are to be made still
        if job is not None:
            wanted = limited(job, place)
            self._own, self._going_on = set(wanted.units), set(wanted.missing)

    def found(self) -> Leftovers:
        """Looks at everything."""
        for name in self._place.names(""):
            if name not in self._named:
                self._look(name)
        for name in self._place.names(UNITS_FOLDER):
            self._look_at_unit(name)
        for path, what in places_beside(self._place.folder):
            self._look_beside(path, what)
        return self._found

    def _look(self, name: str) -> None:
        final = final_name(name)
        if final != name:
            self._look_at_temporary(name, final)
        elif is_shard_file(name):
            unit = unit_of_file(name)
            if unit in self._going_on or (unit in self._own and not self._is_finished):
                self._found.kept[name] = "of a unit of a job that goes on with it"
            else:
                self._add(name, "a shard that nobody names")
        elif name == NEXT_JOB_FILE:
            self._found.kept[name] = "an append that has begun, and goes on with the same command"
        elif name == NEXT_REJECTED_FILE:
            self._look_at_next_log(name)
        elif name == REJECTED_FILE:
            if self._info is None:
                self._found.kept[name] = "of a job that has not ended"
            else:
                self._add(name, "rejects of a state of the store that is past")
        elif name == OLD_JOURNAL and self._info is not None:
            self._add(name, "the journal of a job that has ended")
        elif name == OLD_JOURNAL:
            self._found.kept[name] = "the journal of a job that has not ended"
        else:
            self._found.strangers.append(name)

    @property
    def _is_finished(self) -> bool:
        return self._info is not None and not self._place.exists(NEXT_JOB_FILE)

    def _look_at_next_log(self, name: str) -> None:
        recorded = None if self._info is None else self._info.files.get(REJECTED_FILE)
        if recorded is not None and self._place.has_checksum(name, recorded):
            self._found.kept[name] = "the rejects of the store, before they get their name"
        else:
            self._add(name, "rejects of a job that was stopped")

    def _look_at_temporary(self, name: str, final: str) -> None:
        unit = unit_of_file(final.rpartition("/")[2])
        is_known = final.rpartition("/")[2] in (*self._named, _SCRATCH, NEXT_JOB_FILE, NEXT_REJECTED_FILE)
        is_known = is_known or final in (REJECTED_FILE, "merge.json") or unit is not None
        if not is_known:
            self._found.strangers.append(name)
        elif unit in self._going_on:
            self._found.kept[name] = "of a unit that goes on from it"
        elif is_over(name) or self._is_at_rest(name):
            self._add(name, "a temporary file of a process that has ended")
        else:
            self._found.kept[name] = (
                "a temporary file that was written to within the hour, by nobody knows whom"
            )

    def _is_at_rest(self, name: str) -> bool:
        try:
            return time.time() - self._place.path(name).lstat().st_mtime > self._min_age
        except FileNotFoundError:
            return True

    def _look_at_unit(self, name: str) -> None:
        full = f"{UNITS_FOLDER}/{name}"
        unit, final = unit_of_file(name), final_name(name)
        if unit is None or not UNIT_FILE.fullmatch(final):
            self._found.strangers.append(full)
        elif unit in self._going_on:
            if final != name:
                self._found.kept[full] = "of a unit that goes on from it"
        elif final != name:
            if unit in self._done and final.endswith(".journal"):
                self._add(full, "the journal of a unit that is done")
            else:
                self._look_at_temporary(full, full.removesuffix(name) + final)
        elif self._job is not None and unit not in self._own:
            self._add(full, "of a unit that no job has")

    def _look_beside(self, path: Path, what: str) -> None:
        if what == "next":
            self._found.kept[path.name] = (
                "a job that has begun to replace the store, and goes on when run again"
            )
            return
        try:
            with only_job_in(path):
                strangers = [name for name in os.listdir(path) if not _may_be_ours(name)]  # noqa: PTH208
        except BlockingIOError:
            self._found.kept[path.name] = "a process works there"
            return
        if strangers:
            self._found.strangers.append(f"{path.name}/{strangers[0]}")
        elif what == "columns" and time.time() - path.stat().st_mtime < self._min_age:
            self._found.kept[path.name] = "columns that are being added, or were within the hour"
        elif self._info is None:
            self._found.kept[path.name] = "of a store that is not there"
        else:
            told = {
                "old": "a store that was replaced",
                "merging": "a merge that was killed, and cannot go on, as a store stands there",
                "columns": "of a command that was killed when it added columns",
            }
            self._add_path(path, told[what])

    def _add(self, name: str, why: str) -> None:
        self._add_path(self._place.path(name), why)

    def _add_path(self, path: Path, why: str) -> None:
        size = freed = 0
        for file in _files(path):
            status = file.lstat()
            size += status.st_size
            freed += status.st_size if status.st_nlink == 1 else 0
        self._found.removable.append(Leftover(path, why, size, freed))


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir() and not path.is_symlink():
        for below in path.rglob("*"):
            if below.is_symlink() or not below.is_dir():
                yield below
    else:
        yield path


def _may_be_ours(name: str) -> bool:
    final = final_name(name)
    known = (
        STORE_FILE,
        TOKENIZER_FILE,
        OLD_JOURNAL,
        JOB_FILE,
        NEXT_JOB_FILE,
        REJECTED_FILE,
        NEXT_REJECTED_FILE,
    )
    return final in (*known, UNITS_FOLDER, _SCRATCH, "merge.json") or is_shard_file(final)
