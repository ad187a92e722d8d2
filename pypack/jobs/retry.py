"""Trying again what a finished job has refused, once its files are mended: new documents behind the others.

A mended file becomes a unit of its own, the last, which reads the records alone that were refused. So no
document that is in the store gets another number, and plans for it stay right.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import orjson

from pypack.corpus import CorpusError, InputFile
from pypack.corpus.chosen import ChosenRecords
from pypack.jobs.description import JobDescription, finished_description
from pypack.jobs.differences import file_places, is_same_file
from pypack.jobs.manifest import UNITS_FOLDER, finished_units, shard_prefix
from pypack.jobs.places import Place
from pypack.jobs.units import Unit
from pypack.remote import Url, is_url, objects
from pypack.store.format import REJECTED_FILE

_MOST_TOLD = 3


def records_name(unit: int) -> str:
    """Where the numbers of the records are that a unit tries again: int64, little-endian."""
    return f"{UNITS_FOLDER}/{unit:06d}.records"


def chosen_records(place: Place, job: JobDescription, unit: int) -> ChosenRecords | None:
    """What a unit reads of its file; None if it reads all."""
    retry = job.retries.get(str(unit))
    if retry is None:
        return None
    data = place.read(records_name(unit))
    if data is None:
        raise ValueError(
            f"{place.told(records_name(unit))}: missing, and tells which records are tried again: run the "
            "same --retry-rejected again, which makes it"
        )
    records = np.frombuffer(data, "<i8")
    return ChosenRecords(records, retry["rest"], retry["offset"])


def superseded(job: JobDescription) -> dict[int, set[str]]:
    """Unit → files whose rejects in it do not count any more, as a later unit has tried them again."""
    last = {job.inputs[job.units[int(unit)].first].path: int(unit) for unit in job.retries}
    found: dict[int, set[str]] = {}
    if last:
        for unit in job.units:
            paths = {job.inputs[i].path for i in range(unit.first, unit.stop)}
            found[unit.number] = {path for path in paths if last.get(path, -1) > unit.number}
    return found


@dataclass
class Retry:
    """A job that tries again what was refused.

    Attributes:
        job: with a unit for each file that was mended.
        records: number of a unit → what it reads, of those units that are new.
        begun_anew: the units that were begun before, whose file was mended once more.
    """

    job: JobDescription
    records: dict[int, ChosenRecords] = field(default_factory=dict)
    begun_anew: list[int] = field(default_factory=list)

    def write(self, place: Place) -> None:
        """Writes what its units read."""
        for number in self.begun_anew:
            _forget(place, number)
        for number, chosen in self.records.items():
            place.write(records_name(number), _in_bytes(chosen))


def with_retries(place: Place, before: JobDescription, now: JobDescription) -> Retry:
    """The job with a unit for each file that was mended; nothing is written.

    Args:
        place: where the finished store is.
        before: the job that made it, or one that has begun to try again.
        now: the same, with the files as they are; files may be missing in it, but none be new.

    Raises:
        CorpusError: there is nothing to try again, or files have changed of which nothing was refused.
    """
    newest = _newest(before)
    done = finished_units(place)
    given: dict[int, InputFile] = {}  # number in `before` → as it is now
    for where, file in zip(file_places(now), now.inputs, strict=True):
        if where not in newest:
            raise CorpusError(
                f"{file.path}: was not among the inputs of {place.folder}; --retry-rejected takes mended "
                "files alone"
            )
        given[newest[where]] = file
    changed = {i: file for i, file in given.items() if not is_same_file(before.inputs[i], file)}
    rejects = _rejects(place, {before.inputs[i].path for i in changed})
    # What could not be opened may be mended without a change to the file.
    changed |= {i: file for i, file in given.items() if i not in changed and before.inputs[i].path in rejects}
    untouched = [before.inputs[i].path for i in changed if before.inputs[i].path not in rejects]
    if untouched:
        more = f" and {len(untouched) - _MOST_TOLD:,} more" if len(untouched) > _MOST_TOLD else ""
        raise CorpusError(
            f"{', '.join(untouched[:_MOST_TOLD])}{more}: changed since {place.folder} was made, and nothing "
            "of it was refused: its documents are in the store as they were; leave it as it was, or make the "
            "store anew with --overwrite"
        )
    if not changed and before == finished_description(place):
        raise CorpusError(
            f"{place.folder}: no input that was given has changed since; --retry-rejected reads the files "
            "again of which something was refused, once they are mended"
        )
    retry = Retry(before)
    for index, file in changed.items():
        _add_unit(retry, index, file, rejects[before.inputs[index].path], done)
    return retry


def write_missing_records(place: Place, retry: Retry) -> None:
    """Writes what the units of a job read that are not done, where that is not there: who began the job may
    have been killed in between.

    Raises:
        ValueError: it is not to be found out any more.
    """
    job, done = retry.job, finished_units(place)
    units = [job.units[int(number)] for number in job.retries if int(number) not in done]
    lacking = [unit for unit in units if not place.exists(records_name(unit.number))]
    paths = {unit.number: job.inputs[unit.first].path for unit in lacking}
    known = retry.records.keys() >= paths.keys()
    rejects = {} if known else _rejects(place, set(paths.values()))
    for number, path in paths.items():
        chosen = retry.records.get(number) or rejects.get(path)
        if chosen is not None:
            place.write_once(records_name(number), _in_bytes(chosen))
        elif number not in finished_units(place):
            raise ValueError(
                f"{place.told(records_name(number))}: missing, and {place.told(REJECTED_FILE)} does not tell "
                f"what was refused of {path}"
            )


def _in_bytes(chosen: ChosenRecords) -> bytes:
    return chosen.records.astype("<i8").tobytes()


def _newest(job: JobDescription) -> dict[str, int]:
    """Place of a file → its last number in the list: a file that was tried again is in it once more."""
    return {where: i for i, where in enumerate(file_places(job))}


def _rejects(place: Place, paths: set[str]) -> dict[str, ChosenRecords]:
    """What was refused of some files, and of those that could not be opened and can be now, by file."""
    numbers: dict[str, list[int]] = {}
    offsets: dict[str, dict[int, int]] = {}
    rests: dict[str, int] = {}
    if place.exists(REJECTED_FILE):
        with place.open(REJECTED_FILE) as lines:
            for line in lines:
                reject = orjson.loads(line)
                path = reject["file"]
                if path not in paths and not (reject["kind"] == "unreadable_file" and _opens(path)):
                    continue
                record = reject["line"] - 1 if "line" in reject else reject["row"]
                offsets.setdefault(path, {}).setdefault(record, reject.get("offset", -1))
                if reject["whole_file"]:
                    rests[path] = min(record, rests.get(path, record))
                else:
                    numbers.setdefault(path, []).append(record)
    found = {}
    for path in offsets:
        first = min(offsets[path])
        offset = offsets[path][first]
        records = np.unique(np.array(numbers.get(path, []), np.int64))
        found[path] = ChosenRecords(records, rests.get(path), offset if offset >= 0 else None)
    return found


def _opens(path: str) -> bool:
    try:
        if is_url(path):
            return objects().stat(Url.of(path)) is not None
        with Path(path).open("rb"):
            return True
    except OSError:
        return False


def _add_unit(retry: Retry, index: int, file: InputFile, chosen: ChosenRecords, done: Iterable[int]) -> None:
    """Adds a unit that reads the chosen records of a file as it is now."""
    job = retry.job
    as_named = replace(job.inputs[index], size=file.size, modified_ns=file.modified_ns, etag=file.etag)
    as_named = replace(as_named, format=file.format, compression=file.compression)
    units, inputs = list(job.units), list(job.inputs)
    begun = next((u for u in units if u.first == index and str(u.number) in job.retries), None)
    if begun is not None and begun.number not in done:  # mended once more before it was read
        number = begun.number
        retry.begun_anew.append(number)
        inputs[index] = as_named
        units[number] = replace(begun, size=file.size)
    else:
        number = len(units)
        inputs.append(as_named)
        units.append(Unit(number, len(inputs) - 1, len(inputs), file.size))
    retry.records[number] = chosen
    retries = {**job.retries, str(number): {"rest": chosen.rest, "offset": chosen.offset}}
    retry.job = replace(job, inputs=tuple(inputs), units=tuple(units), retries=retries)


def _forget(place: Place, unit: int) -> None:
    """Removes what an unfinished unit has left."""
    for folder, prefix in (("", shard_prefix(unit)), (UNITS_FOLDER, f"{unit:06d}.")):
        for name in place.names(folder):
            if name.startswith(prefix):
                place.remove(f"{folder}/{name}" if folder else name)
