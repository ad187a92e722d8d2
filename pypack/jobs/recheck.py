"""Whether documents of a store are what their inputs give: some of them, read and encoded again."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from pypack._common.words import counted
from pypack.corpus.errors import ChangedInputError
from pypack.corpus.unchanged import changed
from pypack.jobs.description import JobDescription
from pypack.jobs.options import WorkOptions
from pypack.jobs.place import FolderPlace
from pypack.jobs.places import Place
from pypack.jobs.remote_place import RemotePlace
from pypack.jobs.stored_units import StoredUnit, job_with_all_units, stored_units
from pypack.jobs.unit_work import UnitWork
from pypack.remote import ChangedObjectError, NoObjectError
from pypack.store.asked_again import asked_again
from pypack.store.remote_index import RemoteIndex
from pypack.store.store import TokenStore

if TYPE_CHECKING:
    from pypack.tokenizer.tokenizer import Tokenizer

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

    def told(self) -> dict[str, Any]:
        """The same as `pypack verify --json` has it."""
        return {
            "compared_documents": self.documents,
            "compared_units": self.units,
            "decoded_documents": self.decoded,
            "not_compared": self.not_compared,
        }


def compare_with_inputs(
    store: TokenStore | RemoteIndex,
    *,
    units: int = 8,
    documents: int = 100,
    seed: int = 0,
    num_threads: int | None = None,
) -> Compared:
    """Reads and encodes the first documents of some units again, and compares them with the store.

    Of a store at a URL their ids are read by ranges, and its inputs, where these are objects, too.

    Where the inputs of a unit are gone, or are not what they were, its documents are decoded instead, which
    shows that they are ids of the tokenizer.

    Args:
        units: how many, drawn by the seed.
        documents: of each, at most.

    Raises:
        ValueError: names the first document that is another.
    """
    found = Compared()
    info = store.info
    if info is None or not store.holds_tokenizer:
        found.not_compared.append("the store holds no tokenizer")
        return found
    place: Place = RemotePlace(store.url) if isinstance(store, RemoteIndex) else FolderPlace(store.path)
    tokenizer = store.tokenizer()
    job = job_with_all_units(place, info)
    if job is None:
        found.not_compared.append("the store holds no job.json, which tells its inputs")
        found.decoded += _decode(store, tokenizer, 0, min(info.documents, units * documents))
        return found
    stored = stored_units(info)
    numbers = np.array(sorted(stored))
    if len(numbers) > units:
        numbers = np.sort(np.random.default_rng(seed).choice(numbers, units, replace=False))
    work = UnitWork(place, job, tokenizer, WorkOptions(num_threads=num_threads, batch_bytes=_BATCH_BYTES))
    for number in numbers.tolist():
        unit = stored[number]
        why_not = _why_not(job, number)
        if why_not is None:
            compare = partial(_compare_or_say, store, job, work, unit, documents)
            compared = asked_again(compare) if isinstance(store, RemoteIndex) else compare()
            if isinstance(compared, int):
                found.documents += compared
                found.units += 1
            else:
                why_not = compared
        if why_not is not None:
            found.not_compared.append(f"unit {number}: {why_not}")
            total = sum(shard.documents for shard in unit.shards)
            found.decoded += _decode(store, tokenizer, unit.first_document, min(total, documents))
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


def _compare_or_say(
    store: TokenStore | RemoteIndex, job: JobDescription, work: UnitWork, unit: StoredUnit, documents: int
) -> int | str:
    """Documents that were compared; or why not, of inputs that are objects: only reading them tells."""
    try:
        return _compare(store, job, work, unit, documents)
    except (ChangedInputError, NoObjectError, ChangedObjectError) as error:
        return str(error)


def _compare(
    store: TokenStore | RemoteIndex, job: JobDescription, work: UnitWork, unit: StoredUnit, documents: int
) -> int:
    total = min(documents, sum(shard.documents for shard in unit.shards))
    before = list(job.job.get("prepended_ids", ()))
    after = [i for i in (*job.job.get("appended_ids", ()), job.job["appended_id"]) if i is not None]
    files = job.units[unit.number].files(job.inputs)
    stored = _ids(store, unit.first_document, total)
    compared = 0
    with closing(work.documents(unit.number)) as batches:
        for batch, ids, _ in batches:
            for i in range(min(len(ids), total - compared)):
                again = [*before, *ids[i].tolist(), *after]
                if stored[compared] != again:
                    raise ValueError(
                        f"{_told(store)}: document {unit.first_document + compared} is not what "
                        f"{files[int(batch.files[i])].path} gives now: "
                        f"{_difference(stored[compared], again)}. Either the store or this pypack is wrong"
                    )
                compared += 1
            if compared == total:
                return compared
    raise ValueError(
        f"{_told(store)}: unit {unit.number} has {counted(total, 'document')} and more, and its inputs give "
        f"{compared}: either the store or this pypack is wrong"
    )


def _difference(stored: list[int], again: list[int]) -> str:
    if len(stored) != len(again):
        return f"it has {counted(len(stored), 'token')}, and the input gives {len(again)}"
    i = next(i for i, (a, b) in enumerate(zip(stored, again, strict=True)) if a != b)
    return f"token {i} is {stored[i]}, and the input gives {again[i]}"


def _decode(store: TokenStore | RemoteIndex, tokenizer: Tokenizer, first: int, count: int) -> int:
    tokenizer.decode_batch(_ids(store, first, count))
    return count


def _ids(store: TokenStore | RemoteIndex, first: int, count: int) -> list[list[int]]:
    if isinstance(store, RemoteIndex):
        return store.ids(first, count)
    return [store[i].tolist() for i in range(first, first + count)]


def _told(store: TokenStore | RemoteIndex) -> str:
    return str(store.url if isinstance(store, RemoteIndex) else store.path)
