"""The last steps of what adds to a finished store: `store.json` is replaced, and what waits gets its name.

In a folder a lock keeps others away. Objects have none: there every step is on a condition, so that a process
that does it late, behind one that has finished the same or gone further, changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from pypack.jobs.crash import crash_at
from pypack.jobs.description import (
    JOB_FILE,
    NEXT_JOB_FILE,
    JobDescription,
    finished_description,
    next_job_file,
    read_description,
)
from pypack.jobs.output import OutputError
from pypack.jobs.places import Place
from pypack.remote import is_url
from pypack.store.contents import numbered_next
from pypack.store.format import NEXT_REJECTED_FILE, REJECTED_FILE, STORE_FILE, StoreInfo


def job_before(place: Place, job: JobDescription) -> JobDescription | None:
    """The job that made the store that a job adds to; None of one that has made, or is to make, the store."""
    finished = finished_description(place)
    if not is_url(place.folder):
        return finished if place.exists(NEXT_JOB_FILE) else None
    return finished if finished is not None and len(finished.units) < len(job.units) else None


def read_store_info(place: Place) -> StoreInfo:
    """What `store.json` says.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is damaged.
    """
    data = place.read(STORE_FILE)
    if data is None:
        raise FileNotFoundError(f"{place.told(STORE_FILE)}: there is no such file")
    return StoreInfo.from_json(data, place.told(STORE_FILE))


def write_store(place: Place, info: StoreInfo, job: JobDescription, before: JobDescription | None) -> None:
    """Writes `store.json`, or puts it in the place of that of `before`.

    Raises:
        OutputError: what stands there is of neither.
    """
    data = info.to_json()
    if not is_url(place.folder):
        place.write_once(STORE_FILE, data) if before is None else place.write(STORE_FILE, data)
        return
    while True:
        there = place.seen(STORE_FILE)
        if there is None:
            if _made(place, STORE_FILE, data):
                return
            continue
        if there.data == data:
            return  # of a twin
        units = _units_of(place, there.data)
        if units is not None and units > len(job.units):
            return  # it has grown since, from what a twin has made of this job
        if before is None or units != len(before.units):
            raise OutputError(
                f"{place.told(STORE_FILE)}: another process has made it, and other content: see what else "
                "runs there, and run the command again, which goes on with what is there then"
            )
        if place.swap(STORE_FILE, data, there):
            return


def _units_of(place: Place, data: bytes) -> int | None:
    units = StoreInfo.from_json(data, place.told(STORE_FILE)).counts.get("units")
    return units if isinstance(units, int) else None


def _made(place: Place, name: str, data: bytes) -> bool:
    """Makes a file; False if another is there."""
    try:
        place.write_once(name, data)
    except ValueError:
        return False
    return True


def settle(place: Place, info: StoreInfo, job: JobDescription) -> None:
    """Gives what was written for a new state of a store its names, once `store.json` says that it is.

    Args:
        job: that made the store.
    """
    if is_url(place.folder):
        _settle_objects(place, info, job)
        return
    if REJECTED_FILE in info.files:
        place.rename(NEXT_REJECTED_FILE, REJECTED_FILE)
    else:
        place.remove(NEXT_REJECTED_FILE)
        place.remove(REJECTED_FILE)
    crash_at("merge", "job")
    following = read_description(place)
    if following is not None and len(following.units) <= len(job.units):  # else one that is under way
        place.rename(NEXT_JOB_FILE, JOB_FILE)


def _settle_objects(place: Place, info: StoreInfo, job: JobDescription) -> None:
    before = job_before(place, job)
    if before is None:  # a twin was first
        forget_past(place, job)
        return
    log, recorded = place.next_name(NEXT_REJECTED_FILE, len(before.units)), info.files.get(REJECTED_FILE)

    def is_current() -> bool:
        return read_store_info(place).files.get(REJECTED_FILE) == recorded

    if recorded is not None:
        _take_name(place, log, REJECTED_FILE, is_current)
    else:
        place.remove(log)
        if place.exists(REJECTED_FILE) and is_current():
            place.remove(REJECTED_FILE)
    crash_at("merge", "job")
    name = next_job_file(place, before)
    following, there = place.read(name), place.seen(JOB_FILE)
    if following is not None and there is not None:
        if len(JobDescription.from_json(there.data, place.told(JOB_FILE)).units) == len(before.units):
            place.swap(JOB_FILE, following, there)
        crash_at("merge", "named")
        place.remove(name)


def _take_name(place: Place, old: str, new: str, is_current: Callable[[], bool]) -> None:
    """Gives a file another name, as long as that is what the store says."""
    while True:
        data, there = place.read(old), place.seen(new)
        if data is None:
            return  # a twin was first
        if not is_current():
            break
        if there is None:
            is_done = _made(place, new, data)
        else:
            is_done = there.data == data or place.swap(new, data, there)
        if is_done:
            break
    place.remove(old)


def forget_past(place: Place, job: JobDescription) -> None:
    """Removes what is of states of the job that are past: a process was killed, or came late."""
    for name in place.names() if is_url(place.folder) else ():
        units = numbered_next(name)
        if units is not None and units < len(job.units):
            place.remove(name)
