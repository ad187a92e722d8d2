"""What a job is: `job.json`, written once and read by every process of the job."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pypack._common.schema import Field, brief, check, check_required, parse_json
from pypack.corpus import InputFile
from pypack.jobs.places import Place
from pypack.jobs.units import Unit
from pypack.remote import is_url
from pypack.store.format import StoreInfo

JOB_FILE = "job.json"
# What the job is that adds to a finished store, until that is done.
NEXT_JOB_FILE = "job.next.json"
_FORMAT, _VERSION = "pypack.job", 1
FEATURES = frozenset({"retries", "urls", "first_shard"})
_PLACE = Field("int", 0, 2**63 - 1, null=True)
_RETRIES = Field("dict", items=Field("dict", fields={"rest": _PLACE, "offset": _PLACE}))


@dataclass(frozen=True)
class JobDescription:
    """The content of `job.json`.

    Attributes:
        job: what makes this job this job, in values of JSON: who goes on with it must be the same in all of
            it. Options, tokenizer, versions, inputs as they were named.
        inputs: the files.
        units: what they are cut into.
        notes: what is to be told of the inputs at the end, such as what was left out.
        folder: the folder that relative paths of the inputs were said in.
        retries: number of a unit (as text) that tries refused records again → what it reads, see
            `pypack.jobs.retry`.
        appends: of each time that inputs were added to the finished store what it began with, see
            `pypack.jobs.appending`.
        first_shard: the number of the first shard of each unit; 0 but where the store has replaced another at
            a URL, whose shards are there still.
    """

    job: dict[str, Any]
    inputs: tuple[InputFile, ...]
    units: tuple[Unit, ...]
    notes: dict[str, Any] = field(default_factory=dict)
    folder: str = field(default_factory=os.getcwd)
    retries: dict[str, dict[str, int | None]] = field(default_factory=dict)
    appends: tuple[dict[str, Any], ...] = ()
    first_shard: int = 0

    @cached_property
    def total_bytes(self) -> int:
        """Bytes on disk of all inputs; 0 where a stream makes it unknown."""
        return 0 if any(f.is_stream for f in self.inputs) else sum(f.size for f in self.inputs)

    def to_json(self) -> bytes:
        """The bytes of the file: a line for each file and each unit."""
        head = {
            "format": _FORMAT,
            "version": _VERSION,
            "requires": self._requires(),
            "folder": self.folder,
            "job": self.job,
            "notes": self.notes,
            "retries": self.retries,
            **({"appends": self.appends} if self.appends else {}),
            **({"first_shard": self.first_shard} if self.first_shard else {}),
        }
        parts = [json.dumps(head, indent=1).removesuffix("\n}")]
        parts.append(',\n "files": [\n  ')
        parts.append(",\n  ".join(json.dumps(_file_values(file)) for file in self.inputs))
        parts.append('\n ],\n "units": [\n  ')
        parts.append(",\n  ".join(json.dumps(unit.to_json()) for unit in self.units))
        parts.append("\n ]\n}\n")
        return "".join(parts).encode()

    def _requires(self) -> list[str]:
        found = ["retries"] if self.retries else []
        found += ["first_shard"] if self.first_shard else []
        return [*found, "urls"] if any(file.is_remote for file in self.inputs) else found

    @classmethod
    def from_json(cls, data: bytes, place: str) -> JobDescription:
        """The reverse of `to_json`; `place`: the file, for messages.

        Raises:
            ValueError: it is no description of a job, or one of a newer version.
        """
        try:  # by hand, as a job may have a million files
            values = parse_json(data)
            if values["format"] != _FORMAT:
                raise ValueError("not the description of a job of pypack")
            if values["version"] != _VERSION:
                raise ValueError(f"version {brief(values['version'])}; use a newer pypack")
            check_required(values.get("requires"), FEATURES, place)
            listed = [_checked(file) for file in values["files"]]
            units = tuple(Unit.from_json(i, unit) for i, unit in enumerate(values["units"]))
            for unit in units:
                if not 0 <= unit.first < unit.stop <= len(listed):
                    raise ValueError(f"unit {unit.number} is no run of its files")
            folder, retries = str(values.get("folder", "")), values.get("retries", {})
            check(retries, _RETRIES, place, "retries")
            elsewhere = _elsewhere(folder, listed)
            files = tuple(_file(file, elsewhere) for file in listed)
            notes = dict(values.get("notes", {}))
            appends = tuple(map(dict, values.get("appends", ())))
            first = values.get("first_shard", 0)
            if type(first) is not int or first < 0:
                raise ValueError(f"first_shard: {brief(first)} is no number of a shard")
            return cls(dict(values["job"]), files, units, notes, folder, dict(retries), appends, first)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"{place}: damaged: {error}; start over with --overwrite") from None


def _checked(values: list[Any]) -> list[Any]:
    """The fields of a file, if they are of its types."""
    path, kind, compression, size, modified_ns, is_stream, *etag = values
    kinds = (type(path), type(kind), type(size), type(modified_ns), type(is_stream), *map(type, etag))
    if kinds not in _FILE_KINDS or type(compression) not in (str, type(None)) or size < 0:
        raise ValueError(f"{brief(values)} is no file")
    return values


_FILE_KINDS = ((str, str, int, int, bool), (str, str, int, int, bool, str))


def _file_values(file: InputFile) -> list[Any]:
    values = [file.path, file.format, file.compression, file.size, file.modified_ns, file.is_stream]
    return [*values, file.etag] if file.etag else values


def _file(values: Sequence[Any], folder: str | None) -> InputFile:
    path, kind, compression, size, modified_ns, is_stream, *etag = values
    return InputFile(path, kind, compression, size, modified_ns, is_stream, folder=folder, etag="".join(etag))


def _elsewhere(folder: str, files: Sequence[Sequence[Any]]) -> str | None:
    """The folder that relative paths are to be read in, None for the current one.

    Who goes on with a job in another folder finds its files where they were named; on another machine, or
    where the corpus was moved, in the current folder.
    """
    for path, _, _, size, _, is_stream, *_ in files:
        if not is_stream and not is_url(path) and not Path(path).is_absolute():
            is_here = Path(path).is_file() and Path(path).stat().st_size == size
            if is_here or Path(folder, path).is_file():  # files that are gone tell nothing
                return None if is_here else folder
    return None


def next_job_file(place: Place, finished: JobDescription | None) -> str:
    """What the next state of a job is called until it has its name.

    Args:
        finished: the job that made the store.
    """
    return place.next_name(NEXT_JOB_FILE, 0 if finished is None else len(finished.units))


def read_description(place: Place) -> JobDescription | None:
    """The job of a place, None if none was begun there; of a store that is added to, the one that does so."""
    if is_url(place.folder):
        return _read_numbered(place)
    for name in (NEXT_JOB_FILE, JOB_FILE):
        data = place.read(name)
        if data is not None:
            return JobDescription.from_json(data, place.told(name))
    return None


def _read_numbered(place: Place) -> JobDescription | None:
    """The same where the next state has the number of the last, which may become the last meanwhile."""
    data = place.read(JOB_FILE)
    while data is not None:
        job = JobDescription.from_json(data, place.told(JOB_FILE))
        name = next_job_file(place, job)
        following = place.read(name)
        if following is not None:
            return JobDescription.from_json(following, place.told(name))
        before, data = data, place.read(JOB_FILE)
        if data == before:
            return job
    return None


def job_of(place: Place, info: StoreInfo | None) -> JobDescription | None:
    """The job that made a store, by the number of its units; None if there is none.

    One that has added to it, and was killed behind `store.json`, has not got its name yet.
    """
    finished = None if info is None else finished_description(place)
    if info is None or finished is None or _has_made(finished, info):
        return finished
    name = next_job_file(place, finished)
    data = place.read(name)
    following = None if data is None else JobDescription.from_json(data, place.told(name))
    return following if following is not None and _has_made(following, info) else None


def _has_made(job: JobDescription, info: StoreInfo) -> bool:
    return job.job.get("limit") is not None or info.counts.get("units") == len(job.units)


def finished_description(place: Place) -> JobDescription | None:
    """The job that made the store of a place, whatever adds to it by now; None if there is none."""
    data = place.read(JOB_FILE)
    return None if data is None else JobDescription.from_json(data, place.told(JOB_FILE))
