"""How many rejects are too many: looked at while a unit is read, and of all units at the end.

Whether a job stops is a matter of its inputs alone: not of who works on it, in which order, or how records
are gathered into batches. So a share is looked at within a unit, at each of its rejects, as if the unit had
at least 10,000 records: a short one does not stop a job for a bad line or two.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pypack._common.words import counted

if TYPE_CHECKING:
    from pypack.corpus import DocumentBatch
    from pypack.jobs.places import PlacedFile

_LEAST_RECORDS = 10_000
_MOST_TOLD = 3
_MOST_LINES = 1_000_000
_LONGEST_REASON = 300


class TooManyRejectsError(ValueError):
    """A job was stopped because it refused more than it was allowed to."""


class RejectLimit:
    """The most rejects: a count ("500"), or a share of all records ("1%")."""

    def __init__(self, text: str) -> None:
        """Raises ValueError for what is neither."""
        self.text = text
        self.is_share = text.endswith("%")
        try:
            self.limit = float(text.removesuffix("%")) if self.is_share else int(text)
        except ValueError:
            raise ValueError(f"must be a number or a percentage, got {text!r}") from None
        if not 0 <= self.limit <= (100 if self.is_share else self.limit):
            raise ValueError(f"must be from 0 (to 100%), got {text!r}")

    def allows(self, rejected: int, documents: int) -> bool:
        """Whether `rejected` are within the limit, beside `documents` that were taken."""
        limit = self.limit * (rejected + documents) / 100 if self.is_share else self.limit
        return rejected <= limit

    def __repr__(self) -> str:
        return self.text


class UnitRejects:
    """Counts the records of one unit, and notices the reject that is one too many."""

    def __init__(self, limit: RejectLimit, documents: int = 0, rejected: int = 0) -> None:
        """`documents`, `rejected`: of the unit, from an earlier attempt."""
        self.limit = limit
        self.documents = documents
        self.rejected = rejected

    def add(self, batch: DocumentBatch) -> bool:
        """Counts a batch; False if too many were rejected up to some place in it."""
        before, documents = self.rejected, self.documents
        self.rejected += len(batch.rejects)
        self.documents += len(batch) + batch.passed_over.counts().total()
        if not self.limit.is_share:
            return self.rejected <= self.limit.limit
        share = self.limit.limit / 100
        if self.rejected <= share * _LEAST_RECORDS:
            return True
        return not self._passes(batch, before, documents, share)

    @staticmethod
    def _passes(batch: DocumentBatch, rejected: int, documents: int, share: float) -> bool:
        """Whether at some reject of a batch those up to it were more than the share of what was read."""
        import numpy as np

        index = np.array([reject.index for reject in batch.rejects], np.int64)
        record = np.array([reject.record for reject in batch.rejects], np.int64)
        if len(index) == 0:
            return False
        # What was passed over as asked was read all the same.
        places = np.stack([batch.files.astype(np.int64), batch.records], axis=1)
        places = np.concatenate([places, *batch.passed_over.places.values()])
        # One number for each place, in order; the files of a batch are few.
        first = min(int(index.min()), int(places[:, 0].min()) if len(places) else int(index.min()))
        rejects_at = (index - first << 43) + record
        documents_at = np.sort((places[:, 0] - first << 43) + places[:, 1])
        so_far = rejected + np.arange(1, len(index) + 1)
        seen = so_far + documents + np.searchsorted(documents_at, np.sort(rejects_at))
        return bool((so_far > share * np.maximum(seen, _LEAST_RECORDS)).any())


def commonest(by_kind: Mapping[str, int], log: Path | PlacedFile) -> str:
    """The commonest kinds of rejects with a reason of each, and where all are listed.

    Args:
        by_kind: how many there are of each kind.
        log: the file that lists them.
    """
    most = Counter(by_kind).most_common(_MOST_TOLD)
    reasons = _first_reasons(log, {kind for kind, _ in most})
    told = [f"{number:,} {kind}{_in_brackets(reasons.get(kind, ''))}" for kind, number in most]
    rest = sum(by_kind.values()) - sum(number for _, number in most)
    return f"{', '.join([*told, counted(rest, 'other')] if rest else told)}; all are listed in {log}"


def too_many(
    limit: RejectLimit, by_kind: Mapping[str, int], documents: int, log: Path | PlacedFile
) -> str | None:
    """What to say of a whole job that has refused more than it may; None if it has not.

    `documents`: those that were taken, or passed over for what they are.
    """
    rejected = sum(by_kind.values())
    if limit.allows(rejected, documents):
        return None
    were = counted(rejected, "document was", "documents were")
    return f"{were} rejected, more than --max-rejects {limit}: {commonest(by_kind, log)}"


def _in_brackets(reason: str) -> str:
    short = reason if len(reason) <= _LONGEST_REASON else f"{reason[:_LONGEST_REASON]}..."
    return f" ({short})" if short else ""


def _first_reasons(log: Path | PlacedFile, kinds: set[str]) -> dict[str, str]:
    """A reason of each kind, from the beginning of a log."""
    found: dict[str, str] = {}
    try:
        with log.open("rb") as lines:
            for number, line in enumerate(lines):
                if len(found) == len(kinds) or number >= _MOST_LINES:
                    break
                reject = json.loads(line)
                if reject["kind"] in kinds and reject["kind"] not in found:
                    found[reject["kind"]] = str(reject["reason"])
    except (OSError, ValueError, KeyError):
        pass
    return found
