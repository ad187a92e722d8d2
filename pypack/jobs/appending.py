"""New inputs for a finished store: new units behind those that are there, so that plans for it stay right.

The next state of the job is created once, as `job.next.json` (at a URL with a number in its name, see
`pypack.jobs.places.Place.next_name`), and read by all who work on it; `job.json`
and `store.json` stay what they are until all units are done. Then `store.json` is replaced, which is the
moment at which the store has grown, and `job.next.json` becomes `job.json` (`pypack.jobs.replacing`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pypack._common.version import VERSION
from pypack.corpus import CorpusError, InputFile
from pypack.jobs.crash import crash_at
from pypack.jobs.description import (
    JOB_FILE,
    NEXT_JOB_FILE,
    JobDescription,
    finished_description,
    next_job_file,
    read_description,
)
from pypack.jobs.differences import changed_in_words, different_options, file_places, is_same_file
from pypack.jobs.manifest import UNITS_FOLDER, finished_units
from pypack.jobs.open_place import place_at
from pypack.jobs.options import TokenizeOptions
from pypack.jobs.output import OutputError
from pypack.jobs.output_lock import only_job_in
from pypack.jobs.places import Place
from pypack.jobs.units import Unit
from pypack.remote import Url, is_url, objects
from pypack.store.format import STORE_FILE

_MOST_TOLD = 3
# Who made the units before does not matter: which versions have made which is recorded, and ids are the same.
# Formats are told of each file.
_NOT_COMPARED = frozenset({"pypack", "pyarrow", "format"})

CutIntoUnits = Callable[[Sequence[InputFile]], Sequence[Unit]]


@dataclass(frozen=True)
class SortedInputs:
    """What inputs are to a store.

    Attributes:
        new: those that it has not.
        unchanged: how many it has, and are what they were.
        moved: how many it has under another place, where nothing is any more.
        copies: those of the new ones that have name, size and time of change of one that it has.
    """

    new: tuple[InputFile, ...]
    unchanged: int = 0
    moved: int = 0
    copies: tuple[str, ...] = ()

    @property
    def known(self) -> int:
        """How many the store has."""
        return self.unchanged + self.moved


def sort_inputs(before: JobDescription, now: JobDescription) -> SortedInputs:
    """Which inputs a store has, by where they are; streams are always new.

    Args:
        before: the job that made the store.
        now: the inputs as they are.

    Raises:
        CorpusError: one that the store has is not what it was.
    """
    there = dict(zip(file_places(before), before.inputs, strict=True))  # of those that came twice the last
    looks = {_look(file): where for where, file in there.items() if not file.is_stream}
    new, copies, changed, unchanged, moved = [], [], [], 0, 0
    for where, file in zip(file_places(now), now.inputs, strict=True):
        then = None if file.is_stream else there.get(where)
        alike = None if file.is_stream or then is not None else looks.get(_look(file))
        if then is not None and not is_same_file(then, file):
            changed.append(changed_in_words(then, file))
        elif then is not None or (alike is not None and _is_one_file(alike, where)):
            unchanged += 1
        elif alike is not None and not _is_there(alike):
            moved += 1
        else:
            new.append(file)
            copies += [file.path] if alike is not None else []
    if changed:
        more = f" and {len(changed) - _MOST_TOLD:,} more" if len(changed) > _MOST_TOLD else ""
        raise CorpusError(
            f"{'; '.join(changed[:_MOST_TOLD])}{more}: its documents are in the store as they were. Put it "
            "back, or leave it out and give what is new as a file of its own; of what was refused and is "
            "mended now, --retry-rejected"
        )
    return SortedInputs(tuple(new), unchanged, moved, tuple(copies))


def _is_one_file(one: str, other: str) -> bool:
    """Whether two paths are of one file: by a link, or a folder that is mounted twice."""
    try:
        return os.path.samefile(one, other)  # noqa: PTH121
    except OSError:
        return False


def _is_there(where: str) -> bool:
    return objects().stat(Url.of(where)) is not None if is_url(where) else os.path.lexists(where)


def _look(file: InputFile) -> tuple[object, ...]:
    """By what a file is known again that was moved. An object has an ETag instead of a time."""
    return Path(file.path).name, file.format, file.compression, file.size, file.modified_ns, file.etag


def appended(
    before: JobDescription, now: JobDescription, new: Sequence[InputFile], cut: CutIntoUnits
) -> JobDescription:
    """The job with units for new inputs, behind its own.

    Args:
        cut: makes units of files, numbered from 0 on.
    """
    if os.path.normpath(before.folder) != os.path.normpath(now.folder):
        new = [_absolute(file, now.folder) for file in new]
    units, files = len(before.units), len(before.inputs)
    moved = [
        replace(unit, number=units + unit.number, first=files + unit.first, stop=files + unit.stop)
        for unit in cut(new)
    ]
    named = before.job["inputs"]
    inputs = [*named, *(name for name in now.job["inputs"] if name not in named)]
    step = {"units": units, "files": files, "pypack": VERSION, **now.notes}
    return replace(
        before,
        job={**before.job, "inputs": inputs},
        inputs=(*before.inputs, *new),
        units=(*before.units, *moved),
        appends=(*before.appends, step),
    )


def _absolute(file: InputFile, folder: str) -> InputFile:
    return file if file.is_stream or file.is_remote else replace(file, path=os.path.join(folder, file.path))  # noqa: PTH118


@contextmanager
def claimed_to_append(directory: Path | Url, now: JobDescription, *, shared: bool) -> Iterator[Place]:
    """Keeps the place of a finished store for jobs that add inputs to it. At a URL nobody is kept away: there
    one process makes the next state of the job, and the others find it.

    Args:
        now: the job as it is asked for; its inputs are not looked at.
        shared: other processes work on the same inputs, each on its partition.

    Raises:
        OutputError: another process writes there; it holds no finished store of a job that has the same
            options and tokenizer.
    """
    place = place_at(directory)
    check_finished(place)
    try:
        with nullcontext() if isinstance(directory, Url) else only_job_in(directory, shared=shared):
            check_to_append(place, now)
            yield place
    except BlockingIOError:
        raise OutputError(f"{directory}: another process is writing there; wait for it, or stop it") from None


def check_finished(place: Place) -> None:
    """Raises OutputError for a place without a finished store."""
    if not place.exists(STORE_FILE):
        raise OutputError(
            f"{place.folder}: holds no finished store; --append adds to one, and the same command without it "
            "makes or finishes it"
        )


def check_to_append(place: Place, now: JobDescription) -> None:
    """Raises OutputError where a job cannot add to the store of a place."""
    before = read_description(place)
    if before is None:
        raise OutputError(
            f"{place.folder}: holds no {JOB_FILE}, like stores of older versions, of converters, and "
            "those that were given columns: nobody can tell what is in it. Tokenize the new inputs "
            "into a store of their own; pypack merge makes one store of both"
        )
    different = unlike_units(before, now)
    if different:
        raise OutputError(
            f"{place.folder}: was made by a job that differs from this one in {'; '.join(different)}: "
            "append with what it was made with, or make a store of its own"
        )
    if before.job.get("limit") is not None:
        raise OutputError(f"{place.folder}: was made with a limit, and has all that it may have")


def unlike_units(before: JobDescription, now: JobDescription) -> list[str]:
    """What keeps units of two jobs out of one store. An option that is younger than the store had its
    default."""
    defaults = {**asdict(TokenizeOptions()), "keep": []}
    then = {**{name: defaults[name] for name in now.job if name in defaults}, **before.job}
    compared = (
        {name: value for name, value in job.items() if name not in _NOT_COMPARED} for job in (then, now.job)
    )
    return different_options(*(replace(before, job=job) for job in compared))


def begun(place: Place) -> JobDescription | None:
    """The job that has begun to add inputs, and has not ended; None if there is none.

    Raises:
        OutputError: what has begun is something else, or of another version of pypack.
    """
    before, pending = finished_description(place), read_description(place)
    if before is None or pending is None:
        return None
    if pending.retries != before.retries or _has_unread_retries(place, pending):
        raise OutputError(f"{place.folder}: --retry-rejected has begun there: run that to its end first")
    name = next_job_file(place, before)
    if not place.exists(name):
        return None
    made_by = pending.appends[-1]["pypack"] if pending.appends else None
    if made_by != VERSION:
        raise OutputError(
            f"{place.told(name)}: was begun by pypack {made_by}, this is {VERSION}: go on with "
            "that, or remove the file and run pypack gc, which gives it up"
        )
    return pending


def _has_unread_retries(place: Place, job: JobDescription) -> bool:
    return bool(job.retries) and not finished_units(place) >= {int(unit) for unit in job.retries}


def begin(place: Place, before: JobDescription, job: JobDescription) -> bool:
    """Creates the next state of the job; False if another process was first, or has ended one meanwhile.

    Raises:
        OutputError: there are units of a job that was given up.
    """
    left = [name for name in place.names(UNITS_FOLDER) if _unit_of(name) >= len(before.units)]
    name = next_job_file(place, before)
    if left and not place.exists(name) and finished_description(place) == before:
        raise OutputError(
            f"{place.folder}: holds units of an append that was given up: pypack gc {place.folder} removes "
            "them"
        )
    if not place.create(name, job.to_json()):
        return False
    if finished_description(place) != before:
        place.remove(name)
        return False
    crash_at("append", "begun")
    return True


def _unit_of(name: str) -> int:
    number = name.partition(".")[0]
    return int(number) if number.isascii() and number.isdigit() else -1


def reads_streams_of(pending: JobDescription, now: JobDescription) -> set[str]:
    """The streams that a begun job reads.

    Raises:
        OutputError: they are not given now.
    """
    first = pending.appends[-1]["files"]
    wanted = {file.path for file in pending.inputs[first:] if file.is_stream}
    given = {file.path for file in now.inputs if file.is_stream}
    if wanted - given:
        raise OutputError(
            f"an append that was begun reads {', '.join(sorted(wanted - given))}: run it as it was begun, to "
            f"its end; or remove its {NEXT_JOB_FILE} (at a URL job.next-NUMBER.json) and run pypack gc, "
            "which gives it up"
        )
    return wanted


def appended_units(job: JobDescription) -> Sequence[Unit]:
    """The units of the newest inputs."""
    return job.units[job.appends[-1]["units"] :] if job.appends else ()
