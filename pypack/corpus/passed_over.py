"""Documents that a job leaves out because it was asked to, with their places: they are counted exactly."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pypack.corpus.batch import DocumentBatch


def _no_places() -> NDArray[np.int64]:
    return np.zeros((0, 2), np.int64)


@dataclass(slots=True)
class PassedOver:
    """What of a batch was left out, by reason.

    Attributes:
        places: reason → int64 [N, 2], file and record of each document.
    """

    places: dict[str, NDArray[np.int64]] = field(default_factory=dict)

    @classmethod
    def of(cls, reason: str, batch: DocumentBatch, documents: NDArray[np.integer[Any]]) -> PassedOver:
        """Documents of a batch by their numbers, which may repeat."""
        found = cls()
        if len(documents):
            files, records = batch.files[documents].astype(np.int64), batch.records[documents]
            found.places[reason] = np.stack([files, records], axis=1)
        return found

    def beside(self, other: PassedOver) -> PassedOver:
        """Both, whose reasons differ."""
        return PassedOver({**self.places, **other.places})

    def only(self, files: NDArray[np.integer[Any]], records: NDArray[np.integer[Any]]) -> PassedOver:
        """What is of some documents, by file and record."""
        kept = set(zip(files.tolist(), records.tolist(), strict=True))
        found = PassedOver()
        for reason, places in self.places.items():
            mask = np.array([place in kept for place in map(tuple, places.tolist())], bool)
            if mask.any():
                found.places[reason] = places[mask]
        return found

    def add(self, reason: str, batch: DocumentBatch, left_out: NDArray[np.bool_]) -> None:
        """Adds documents of a batch."""
        if left_out.any():
            new = np.stack([batch.files[left_out].astype(np.int64), batch.records[left_out]], axis=1)
            self.places[reason] = np.concatenate([self.places.get(reason, _no_places()), new])

    def split(self, place: tuple[int, int]) -> tuple[PassedOver, PassedOver]:
        """Those before (file, record), and the others."""
        before, others = PassedOver(), PassedOver()
        for reason, places in self.places.items():
            files, records = places[:, 0], places[:, 1]
            is_before = (files < place[0]) | ((files == place[0]) & (records < place[1]))
            for part, mask in ((before, is_before), (others, ~is_before)):
                if mask.any():
                    part.places[reason] = places[mask]
        return before, others

    def counts(self) -> Counter[str]:
        """Reason → how many."""
        return Counter({reason: len(places) for reason, places in self.places.items()})

    def __bool__(self) -> bool:
        return bool(self.places)
