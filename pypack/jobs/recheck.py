"""Whether documents of a store are what their inputs give: some of them, read and encoded again."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field

import numpy as np

from pypack._common.words import counted
from pypack.corpus.unchanged import changed
from pypack.jobs.description import JobDescription
from pypack.jobs.options import WorkOptions
from pypack.jobs.place import FolderPlace
from pypack.jobs.stored_units import StoredUnit, job_with_all_units, stored_units
from pypack.jobs.unit_work import UnitWork
from pypack.store.store import TokenStore

_BATCH_BYTES = 1 << 16


@dataclass
class Compared:
    """What was compared with inputs.

    Attributes:
        units, documents: how many.
        not_compared: of what was to be compared and was not, why.
        decoded: documents that were decoded instead.
    """

    units: int = 0
    documents: int = 0
    not_compared: list[str] = field(default_factory=list)
    decoded: int = 0


def compare_with_inputs(
    store: TokenStore, *, units: int = 8, documents: int = 100, seed: int = 0, num_threads: int | None = None
) -> Compared:
    """Reads and encodes the first documents of some units again, and compares them with the store.

    Where the inputs of a unit are gone, or are not what they were, its documents are decoded instead, which
    shows that they are ids of the tokenizer.

    Args:
        units: how many, drawn by the seed.
        documents: of each, at most.

    Raises:
        ValueError: names the first document that is another.
    """
    found = Compared()
    info, place = store.info, FolderPlace(store.path)
    if info is None or not store.holds_tokenizer:
        found.not_compared.append("the store holds no tokenizer")
        return found
    job = job_with_all_units(place, info)
    if job is None:
        found.not_compared.append("the store holds no job.json, which tells its inputs")
        found.decoded += _decode(store, 0, min(len(store), units * documents))
        return found
    stored = stored_units(info)
    numbers = np.array(sorted(stored))
    if len(numbers) > units:
        numbers = np.sort(np.random.default_rng(seed).choice(numbers, units, replace=False))
    work = UnitWork(
        place, job, store.tokenizer(), WorkOptions(num_threads=num_threads, batch_bytes=_BATCH_BYTES)
    )
    for number in numbers.tolist():
        unit = stored[number]
        why_not = _why_not(job, number)
        if why_not is None:
            found.units += 1
            found.documents += _compare(store, job, work, unit, documents)
        else:
            found.not_compared.append(f"unit {number}: {why_not}")
            total = sum(shard.documents for shard in unit.shards)
            found.decoded += _decode(store, unit.first_document, min(total, documents))
    return found


def _why_not(job: JobDescription, number: int) -> str | None:
    """Why the inputs of a unit cannot be read as they were; None if they can."""
    if number >= len(job.units):
        return f"job.json has no unit {number}"
    files = job.units[number].files(job.inputs)
    stream = next((file.path for file in files if file.is_stream), None)
    if stream is not None:
        return f"{stream} could be read only once"
    return next(iter(changed(files)), None)


def _compare(store: TokenStore, job: JobDescription, work: UnitWork, unit: StoredUnit, documents: int) -> int:
    total = min(documents, sum(shard.documents for shard in unit.shards))
    before = list(job.job.get("prepended_ids", ()))
    after = [i for i in (*job.job.get("appended_ids", ()), job.job["appended_id"]) if i is not None]
    files = job.units[unit.number].files(job.inputs)
    compared = 0
    with closing(work.documents(unit.number)) as batches:
        for batch, ids, _ in batches:
            for i in range(min(len(ids), total - compared)):
                again = [*before, *ids[i].tolist(), *after]
                here = unit.first_document + compared
                if store[here].tolist() != again:
                    raise ValueError(
                        f"{store.path}: document {here} is not what {files[int(batch.files[i])].path} gives "
                        f"now: {_difference(store[here].tolist(), again)}. Either the store or this pypack "
                        "is wrong"
                    )
                compared += 1
            if compared == total:
                return compared
    raise ValueError(
        f"{store.path}: unit {unit.number} has {counted(total, 'document')} and more, and its inputs give "
        f"{compared}: either the store or this pypack is wrong"
    )


def _difference(stored: list[int], again: list[int]) -> str:
    if len(stored) != len(again):
        return f"it has {counted(len(stored), 'token')}, and the input gives {len(again)}"
    i = next(i for i, (a, b) in enumerate(zip(stored, again, strict=True)) if a != b)
    return f"token {i} is {stored[i]}, and the input gives {again[i]}"


def _decode(store: TokenStore, first: int, count: int) -> int:
    store.text(slice(first, first + count))
    return count
