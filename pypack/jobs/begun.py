"""Beginning a job in a place, or going on with the one that was begun there."""

from __future__ import annotations

from pathlib import Path

from pypack._common.words import counted
from pypack.jobs.description import JOB_FILE, JobDescription, read_description
from pypack.jobs.differences import differences
from pypack.jobs.manifest import finished_units, read_manifest
from pypack.jobs.our_files import OLD_JOURNAL, clear_place
from pypack.jobs.places import Place
from pypack.jobs.unit_journal import has_finished_shards
from pypack.remote import Url
from pypack.store.format import TOKENIZER_FILE


class OutputError(ValueError):
    """The output directory does not allow the job; the message says what stands there and what to do."""


def begun_by_older(directory: Path | Url) -> str:
    """What to do with an unfinished job of 0.1.0."""
    return (
        f"{directory}: an unfinished job that pypack 0.1 has begun, which this version cannot go on with: "
        "finish it with that version, or start over with --overwrite"
    )


def begun(
    place: Place, job: JobDescription, tokenizer_json: bytes, shared: bool
) -> tuple[Place, JobDescription]:
    """The job that was begun there, if it is the same; else this one is begun."""
    before = read_description(place)
    if before is None and place.exists(OLD_JOURNAL):
        raise OutputError(begun_by_older(place.folder))
    if before is not None:
        different = differences(before, job)
        if not different:
            # A twin that began at the same moment may have cleared it away, with what it found unfinished.
            place.create(TOKENIZER_FILE, tokenizer_json)
            return place, before
        if shared or _has_documents(place):
            units = counted(len(before.units), "unit")
            raise OutputError(
                f"{place.folder}: holds {len(finished_units(place))} of {units} of a job "
                f"that differs from this one in {'; '.join(different)}. Run it as before to go on, or add "
                "--overwrite to start over"
            )
        clear_place(place)
    place.create(TOKENIZER_FILE, tokenizer_json)
    if place.create(JOB_FILE, job.to_json()):
        return place, job
    return begun(place, job, tokenizer_json, shared)  # another partition was first


def holds(place: Place, job: JobDescription) -> bool:
    """Whether this very job was begun there."""
    try:
        before = read_description(place)
    except ValueError:
        return False
    return before is not None and not differences(before, job)


def _has_documents(place: Place) -> bool:
    """Whether an earlier run has finished anything worth keeping."""
    if has_finished_shards(place):
        return True
    for unit in sorted(finished_units(place)):
        manifest = read_manifest(place, unit)
        if manifest is not None and manifest.documents:
            return True
    return False
