"""The units of a job to a store: `store.json` is written, no token is copied."""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pypack._common.fingerprint import joined_fingerprint
from pypack._common.words import counted
from pypack.jobs.attempts import is_over
from pypack.jobs.crash import crash_at
from pypack.jobs.description import JobDescription
from pypack.jobs.joined_rejects import JoinedRejects
from pypack.jobs.limit import limited, with_last_unit
from pypack.jobs.manifest import (
    UNITS_FOLDER,
    Manifest,
    read_manifests,
    rejects_name,
    shard_prefix,
)
from pypack.jobs.options import STORE_OPTIONS
from pypack.jobs.output import OutputError
from pypack.jobs.places import Place, PlacedFile
from pypack.jobs.reject_limit import commonest
from pypack.jobs.replacing import job_before, settle, write_store
from pypack.jobs.slurm import array_syntax
from pypack.remote import is_url
from pypack.store.beside import FEATURE_OF
from pypack.store.format import (
    NEXT_REJECTED_FILE,
    REJECTED_FILE,
    STORE_FILE,
    TOKENIZER_FILE,
    StoreInfo,
    dtype_for_vocabulary,
)

_OF_A_UNIT = re.compile(r"(\d{6,})[-.]")


class MissingUnitsError(ValueError):
    """Not all units of a job are done."""

    def __init__(self, place: Place, missing: list[int], total: int) -> None:
        self.numbers = array_syntax(missing)
        super().__init__(
            f"{place.folder}: {len(missing):,} of {counted(total, 'unit')} "
            f"{'is' if total == 1 else 'are'} missing: {self.numbers}"
        )


class NoDocumentError(ValueError):
    """A job has made no document, and a store cannot be empty."""


def missing_units(place: Place, job: JobDescription) -> list[int]:
    """The units of a job that are not done, and are needed, as far as is known."""
    return limited(job, place).missing


def merge(place: Place, job: JobDescription) -> StoreInfo:
    """Writes what says that the store is finished. Several processes may do it at once: all write the same.

    Where a store stands already, which a job has added to, `store.json` is what makes it the new one: all
    that is written before has names of its own, and what is left to do behind it are renamings, which
    whoever comes next may do (`settle`).

    Raises:
        MissingUnitsError: not all units are done.
        NoDocumentError: all documents were refused; the rejects are there.
        OutputError: a file of a unit that was done is not what it was.
    """
    wanted = limited(job, place)
    if wanted.missing:
        raise MissingUnitsError(place, wanted.missing, len(job.units))
    place.settle()
    unused = {unit.number for unit in job.units} - set(wanted.units)
    asked_for = job
    if wanted.last is not None:
        job = with_last_unit(job, wanted.last)
    manifests = list(_manifests(place, job, wanted.units))
    _check_files(place, manifests)
    files = {TOKENIZER_FILE: place.checksum(TOKENIZER_FILE)}
    before = job_before(place, asked_for)
    # At a URL a twin may be long ahead: nothing is written beside a store that stands there.
    is_past = before is None and is_url(place.folder) and place.exists(STORE_FILE)
    log = REJECTED_FILE if before is None else place.next_name(NEXT_REJECTED_FILE, len(before.units))
    rejects = JoinedRejects(place, job, manifests)
    digest = hashlib.sha256()  # of what is written: another process may give the file its last name any time
    with Path(os.devnull).open("wb") if is_past else place.writer(log) as target:
        for part in rejects.parts():
            digest.update(part)
            target.write(part)
    counts = _counts(job, manifests, rejects.tried_again)
    if counts["rejected"]:
        files[REJECTED_FILE] = f"sha256:{digest.hexdigest()}"
    elif not is_past:
        place.remove(log)  # empty, or of a run that was stopped for its rejects
    shards = tuple(shard for manifest in manifests for shard in manifest.shards)
    if not shards:
        told = (
            f"; {sum(counts['rejected'].values()):,} were refused, the first: {rejects.first}; "
            f"{_all_listed(counts['rejected'], place.file(REJECTED_FILE))}"
            if counts["rejected"]
            else ""
        )
        told += _passed_over_in_words(counts.get("passed_over", {}))
        raise NoDocumentError(f"{place.folder}: no document was written, a store cannot be empty{told}")
    asked = job.job
    info = StoreInfo(
        dtype=dtype_for_vocabulary(asked["vocab_size"]),
        vocab_size=asked["vocab_size"],
        documents=sum(manifest.documents for manifest in manifests),
        tokens=sum(manifest.tokens for manifest in manifests),
        lengths_fingerprint=joined_fingerprint(
            (shard.lengths_fingerprint or "", shard.documents) for shard in shards
        ),
        shards=shards,
        tokenizer_fingerprint=asked["tokenizer"],
        special_ids=asked["special_ids"],
        appended_id=_last_id(asked),
        prepended_ids=tuple(asked.get("prepended_ids", ())),
        requires=tuple(sorted({FEATURE_OF[suffix] for shard in shards for suffix in shard.beside})),
        options={name: asked[name] for name in STORE_OPTIONS if name in asked},
        files={name: recorded for name, recorded in files.items() if recorded is not None},
        counts=counts | job.notes,
    )
    crash_at("merge", "store")
    write_store(place, info, asked_for, before)
    if before is not None:
        crash_at("merge", "settle")
        settle(place, info, job)
    _tidy(place, unused, len(job.units))
    return info


def _last_id(asked: dict[str, Any]) -> int | None:
    """The id that ends every document."""
    ids = [*asked.get("appended_ids", ()), asked["appended_id"]]
    return next((i for i in reversed(ids) if i is not None), None)


def _all_listed(by_kind: Mapping[str, int], log: PlacedFile) -> str:
    """Where the rejects are, and the commonest of them where they differ."""
    return commonest(by_kind, log) if len(by_kind) > 1 else f"all are listed in {log}"


def _passed_over_in_words(counts: Mapping[str, int]) -> str:
    told = ", ".join(f"{reason} {count:,}" for reason, count in counts.items())
    return f"; {sum(counts.values()):,} were passed over as asked ({told})" if told else ""


def _manifests(place: Place, job: JobDescription, units: Iterable[int]) -> Iterator[Manifest]:
    numbers = list(units)
    for number, manifest in zip(numbers, read_manifests(place, numbers), strict=True):
        if manifest is None:
            raise MissingUnitsError(place, [number], len(job.units))
        yield manifest


def _check_files(place: Place, manifests: list[Manifest]) -> None:
    size_of = place.sizes()
    for manifest in manifests:
        expected = list(manifest.files())
        if manifest.rejects_bytes:
            expected.append((rejects_name(manifest.unit), manifest.rejects_bytes))
        for name, size in expected:
            if size_of(name) != size:
                raise OutputError(
                    f"{place.told(name)}: missing or changed since its unit was finished; remove "
                    f"{place.told(UNITS_FOLDER)}/{manifest.unit:06d}.json and run the job again, which makes "
                    "that unit anew"
                )


def _counts(
    job: JobDescription, manifests: list[Manifest], tried_again: Counter[tuple[str, bool]]
) -> dict[str, Any]:
    rejected: Counter[str] = Counter()
    for manifest in manifests:
        rejected.update(manifest.rejected)
    rejected_files = sum(manifest.rejected_files for manifest in manifests)
    for (kind, is_file), count in tried_again.items():
        rejected[kind] -= count
        rejected_files -= is_file * count
    passed_over: Counter[str] = Counter()
    for manifest in manifests:
        passed_over.update(manifest.passed_over)
    look_alikes = sum(manifest.look_alikes for manifest in manifests)
    return {
        "units": len(manifests),
        "rejected": {kind: count for kind, count in sorted(rejected.items()) if count},
        "rejected_files": rejected_files,
        **({"passed_over": dict(sorted(passed_over.items()))} if passed_over else {}),
        **({"look_alikes": look_alikes} if look_alikes else {}),
        **({"retries": len(job.retries)} if job.retries else {}),
        **({"appends": len(job.appends)} if job.appends else {}),
    }


def _tidy(place: Place, unused: Collection[int], units: int) -> None:
    """Removes what attempts have left, and the shards of units that are not in the store. Should an attempt
    go on still, it finds its unit done; what another process is writing of the store itself, or of units that
    are added to it by now, is left alone."""
    prefixes = tuple(map(shard_prefix, unused))
    for name in place.names("") if prefixes else ():
        if name.startswith(prefixes):
            place.remove(name)
    for folder in (UNITS_FOLDER, ""):
        for name in place.temporaries(folder):
            unit = _OF_A_UNIT.match(name)
            is_of_this_job = int(unit[1]) < units if unit is not None else bool(folder)
            if is_of_this_job or is_over(name):
                place.remove(f"{folder}/{name}" if folder else name)
