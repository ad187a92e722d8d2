"""The jobs of several stores as one, of which their units are units, so that the store of all goes on living:
inputs can be appended to it, and broken shards be made again."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pypack.corpus import InputFile
from pypack.jobs.appending import unlike_units
from pypack.jobs.description import JobDescription
from pypack.jobs.differences import file_places
from pypack.jobs.manifest import Manifest, manifest_name, read_manifest, rejects_name, shard_name
from pypack.jobs.places import Place, PlacedFile
from pypack.jobs.refused_files import refused_name
from pypack.jobs.reject_log import reject_line
from pypack.jobs.retry import records_name
from pypack.jobs.units import Unit
from pypack.remote import is_url
from pypack.store.format import ShardInfo


@dataclass(frozen=True)
class JobPart:
    """One of the jobs.

    Attributes:
        place: where its store is.
        job: what made it.
        units, files: how many come before its own in the job of all.
        is_moved: relative names of its files were said in another folder than those of the first job: in the
            job of all they are absolute.
    """

    place: Place
    job: JobDescription
    units: int
    files: int
    is_moved: bool

    def named(self, path: str) -> str:
        """What a file is called in the job of all."""
        is_relative = self.is_moved and path != "-" and not is_url(path)
        return str(Path(self.job.folder, path)) if is_relative else path

    def new_name(self, shard: str) -> str:
        """The name of a shard in the store of all."""
        unit, _, number = shard.partition("-")
        return shard_name(int(unit) + self.units, int(number))


def why_not_one(jobs: Sequence[JobDescription | None]) -> str | None:
    """Why stores cannot have one job; None if they can."""
    first = jobs[0]
    for job in jobs:
        if job is None or first is None:
            return "one of them has no job.json"
        if job.job.get("limit") is not None:
            return "one of them was made with a limit"
        if job.first_shard != first.first_shard:
            return "they number their shards otherwise, as one has replaced another at a URL"
        if different := unlike_units(first, job):
            return f"their jobs differ in {'; '.join(different)}"
    return None


def job_parts(places: Sequence[Place], jobs: Sequence[JobDescription]) -> list[JobPart]:
    """The jobs with their places in the job of all."""
    parts: list[JobPart] = []
    units = files = 0
    home = os.path.normpath(jobs[0].folder)
    for place, job in zip(places, jobs, strict=True):
        parts.append(JobPart(place, job, units, files, os.path.normpath(job.folder) != home))
        units, files = units + len(job.units), files + len(job.inputs)
    return parts


def joined_job(parts: Sequence[JobPart], notes: dict[str, Any]) -> JobDescription:
    """The job of all: the files and units of each behind those of the one before."""
    first = parts[0].job
    named = dict.fromkeys(part.named(name) for part in parts for name in part.job.job["inputs"])
    inputs: list[InputFile] = []
    units: list[Unit] = []
    retries: dict[str, dict[str, int | None]] = {}
    for part in parts:
        for file in part.job.inputs:
            inputs.append(file if file.is_stream else replace(file, path=part.named(file.path)))
        for unit in part.job.units:
            first_file, stop = unit.first + part.files, unit.stop + part.files
            units.append(replace(unit, number=unit.number + part.units, first=first_file, stop=stop))
        retries |= {str(int(unit) + part.units): retry for unit, retry in part.job.retries.items()}
    job = {**first.job, "inputs": list(named)}
    return JobDescription(
        job, tuple(inputs), tuple(units), notes, first.folder, retries, first_shard=first.first_shard
    )


def doubled_inputs(parts: Sequence[JobPart]) -> list[str]:
    """The files that are inputs of several of the jobs."""
    seen: set[str] = set()
    doubled: dict[str, None] = {}
    for part in parts:
        own = {
            where
            for where, file in zip(file_places(part.job), part.job.inputs, strict=True)
            if not file.is_stream
        }
        doubled |= dict.fromkeys(sorted(own & seen))
        seen |= own
    return list(doubled)


def write_units(parts: Sequence[JobPart], place: Place) -> None:
    """Writes the manifests of all units by their new numbers, and what else stands beside them."""
    for part in parts:
        for unit in part.job.units:
            manifest = read_manifest(part.place, unit.number)
            assert manifest is not None
            _write_unit(part, manifest, place)


def _write_unit(part: JobPart, manifest: Manifest, place: Place) -> None:
    number = manifest.unit + part.units
    for name in (records_name, refused_name):
        data = part.place.read(name(manifest.unit))
        if data is not None:
            place.write(name(number), data)
    if manifest.rejects_bytes:
        with place.writer(rejects_name(number)) as target:
            for chunk in renamed_rejects(
                part.place.file(rejects_name(manifest.unit)), part.named, part.is_moved
            ):
                target.write(chunk)
        size = place.size(rejects_name(number))
        assert size is not None
        manifest = replace(
            manifest, rejects_bytes=size, rejects_checksum=place.checksum(rejects_name(number))
        )
    shards = tuple(renamed(shard, part.new_name(shard.name), part.named) for shard in manifest.shards)
    place.write(manifest_name(number), replace(manifest, unit=number, shards=shards).to_json())


def renamed(shard: ShardInfo, name: str, named: Callable[[str], str]) -> ShardInfo:
    """A shard by its name in the store of all, and with those of its inputs there."""
    return replace(shard, name=name, inputs=tuple(map(named, shard.inputs)))


def renamed_rejects(log: PlacedFile, named: Callable[[str], str], is_moved: bool) -> Iterator[bytes]:
    """The content of a file of rejects, with the names of files in the job of all."""
    with log.open("rb") as lines:
        if not is_moved:
            while chunk := lines.read(1 << 20):
                yield chunk
            return
        for line in lines:
            record = json.loads(line)
            yield reject_line({**record, "file": named(record["file"])})
