"""`limit`: the first documents of a job, in the order of its inputs, whoever makes which unit.

No unit knows what those before it give. So each stops by itself once it has as many documents as the whole
job may have, and which of them are the store's follows from the manifests, read in order. The unit that
reaches the limit is made once more, as a unit of its own number behind all others, up to the last document
that is wanted: so a store has the same bytes however its units were dealt out.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from pypack.corpus import DocumentBatch
from pypack.jobs.choosing import kept_documents
from pypack.jobs.description import JobDescription
from pypack.jobs.manifest import Manifest, finished_units, read_manifest
from pypack.jobs.places import Place
from pypack.jobs.units import Unit
from pypack.ragged import Ragged
from pypack.store.beside import Beside


@dataclass(frozen=True)
class Limited:
    """Which units make the store.

    Attributes:
        units: their numbers, in order; all of them are done if `missing` is empty.
        missing: those of them that are not done, as far as is known.
        last: the unit that is to be made once more, or None.
    """

    units: list[int] = field(default_factory=list)
    missing: list[int] = field(default_factory=list)
    last: Unit | None = None


def limited(job: JobDescription, place: Place, known: dict[int, Manifest] | None = None) -> Limited:
    """The units that make the store of a job; all, where it has no limit.

    Args:
        place: where the job works.
        known: manifests that were read before; those that are read now are put there.
    """
    limit = job.job.get("limit")
    if limit is None:
        done, numbers = finished_units(place), [unit.number for unit in job.units]
        return Limited(numbers, [number for number in numbers if number not in done])
    known = {} if known is None else known

    def manifest_of(number: int) -> Manifest | None:
        found = known.get(number) or read_manifest(place, number)
        if found is not None:
            known[number] = found
        return found

    found = Limited()
    documents = 0
    for unit in job.units:
        found.units.append(unit.number)
        manifest = manifest_of(unit.number)
        if manifest is None:
            found.missing.append(unit.number)
        if found.missing or manifest is None:  # those behind may be wanted
            continue
        if documents + manifest.documents >= limit or manifest.is_cut:
            if documents:  # the first unit has stopped by itself
                last = replace(unit, number=len(job.units), most_documents=limit - documents)
                found.units[-1] = last.number
                missing = [last.number] if manifest_of(last.number) is None else []
                return Limited(found.units, missing, last)
            return found
        documents += manifest.documents
    return found


def with_last_unit(job: JobDescription, last: Unit) -> JobDescription:
    """The job with the unit that is made once more."""
    return replace(job, units=(*job.units, last))


class Cap:
    """Counts the documents of one unit, and ends it with the last that it may have."""

    def __init__(self, most: int | None, documents: int) -> None:
        """`documents`: of the unit, from an earlier attempt."""
        self._left = None if most is None else most - documents
        self._is_reached = self._left is not None and self._left <= 0

    def is_reached(self) -> bool:
        """Whether that one was seen, or one that does not fit any more."""
        return self._is_reached

    def cut(
        self, batch: DocumentBatch, tokens: Ragged, beside: Beside | None
    ) -> tuple[DocumentBatch, Ragged, Beside | None]:
        """What of a batch the unit may have: whole records, and of what was refused or passed over that
        which stands before the last of them."""
        if self._left is None:
            return batch, tokens, beside
        if len(batch) < self._left:
            self._left -= len(batch)
            return batch, tokens, beside
        stop = self._left
        while 0 < stop < len(batch) and _place(batch, stop) == _place(batch, stop - 1):
            stop -= 1  # a record of several documents, which would not be whole
        self._is_reached = True
        end = _place(batch, self._left - 1 if stop == self._left else stop)
        kept = np.arange(len(batch)) < stop
        tokens, beside = kept_documents(tokens, beside, kept)
        batch = replace(
            batch.only(kept),
            rejects=[reject for reject in batch.rejects if (reject.index, reject.record) < end],
            passed_over=batch.passed_over.split(end)[0],
        )
        return batch, tokens, beside


def _place(batch: DocumentBatch, i: int) -> tuple[int, int]:
    return int(batch.files[i]), int(batch.records[i])
