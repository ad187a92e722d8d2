"""Packing groups of documents that are never parted: a group is packed as if it were one document."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from pypack.plan.stats import PlanCounts

# Those that put whole documents into sequences.
WHOLE = ("stream", "best_fit", "next_fit", "first_fit", "histogram", "pad")


def named_groups(documents: Any, name: str) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """The lengths of the documents of a store, or of those of a source, and their groups by name.

    Args:
        documents: a `TokenStore` or a `Source`.
        name: "group", or a column; see `TokenStore.groups_by`.

    Raises:
        TypeError: it is neither.
        ValueError: the store has no groups.
    """
    store = getattr(documents, "store", documents)
    if not hasattr(store, "groups_by"):
        raise TypeError(
            f"keep_together={name!r} names groups of a store: give the store itself in the place of the "
            "lengths, or its store.groups, the group of each document, int [D]; got a "
            f"{type(documents).__name__}"
        )
    chosen = getattr(documents, "documents", None)
    lengths, groups = store.lengths, store.groups_by(name)
    return (lengths, groups) if chosen is None else (lengths[chosen], groups[chosen])


class Groups:
    """Neighbouring documents with one number.

    Args:
        numbers: int [D], the group of each document.
        lengths: int32 [D], tokens of each.
        align: see `pypack.pack`.
        room: tokens that every document of a group takes up beyond its own, see `pypack.pack`.

    Raises:
        ValueError: a number comes again behind another one, or there are more or fewer than documents.
    """

    def __init__(self, numbers: ArrayLike, lengths: NDArray[np.int32], align: int, room: int) -> None:
        if isinstance(numbers, str):
            raise TypeError(
                f"keep_together is the group of each document, int [D], got {numbers!r}: of a store give "
                "store.groups, or the store in the place of the lengths and keep_together='group'"
            )
        group = np.asarray(numbers)
        if group.shape != lengths.shape or group.dtype.kind not in "iu":
            raise ValueError(
                f"keep_together must be whole numbers, one for each of the {len(lengths)} documents, got "
                f"{group.dtype} of shape {group.shape}"
            )
        changes = np.flatnonzero(np.diff(group) != 0) + 1
        self._first = np.concatenate([[0], changes]).astype(np.int64) if len(group) else np.zeros(0, np.int64)
        names = group[self._first]
        if len(np.unique(names)) < len(names):
            order = np.argsort(names, kind="stable")
            again = int(order[np.flatnonzero(np.diff(names[order]) == 0)[0] + 1])
            raise ValueError(
                f"keep_together: documents of group {names[again]} are no neighbours (document "
                f"{self._first[again]} is behind another group)"
            )
        self._sizes = np.diff([*self._first, len(group)]).astype(np.int64)
        self._lengths = lengths
        longer = lengths.astype(np.int64) + np.where(lengths > 0, room, 0)  # an empty one is in no sequence
        rooms = -(-longer // align) * align
        sums = np.add.reduceat(rooms, self._first) if len(group) else np.zeros(0, np.int64)
        if len(sums) and int(sums.max()) > np.iinfo(np.int32).max:
            raise ValueError("keep_together: a group has more than 2^31-1 tokens")
        # What is packed in the place of the documents.
        self.lengths = sums.astype(np.int32)

    def sums(self, values: NDArray[Any]) -> NDArray[np.int64]:
        """Values of documents, summed up over groups."""
        flat = values.astype(np.int64)
        return np.add.reduceat(flat, self._first) if len(flat) else flat

    def most_groups(self, max_documents: int | None) -> int | None:
        """`max_documents` in groups.

        Raises:
            ValueError: groups differ in size, so that no number of groups says it.
        """
        if max_documents is None or not len(self._sizes):
            return None
        if self._sizes.min() != self._sizes.max() or max_documents < self._sizes[0]:
            raise ValueError(
                f"max_documents={max_documents} with keep_together: groups have {self._sizes.min()} to "
                f"{self._sizes.max()} documents; it needs groups of one size that is not larger"
            )
        return max_documents // int(self._sizes[0])

    def spread(
        self, offsets: NDArray[np.int64], groups: NDArray[np.int64], packed: NDArray[np.int32]
    ) -> tuple[NDArray[Any], ...]:
        """The spans of documents in the place of those of whole groups.

        Args:
            offsets: int64 [S + 1], which spans each sequence holds.
            groups: int64 [N], the group of each span.
            packed: int32 [N], tokens of each span.

        Returns:
            Offsets, documents, starts and lengths of the spans of a plan.

        Raises:
            ValueError: a group was cut.
        """
        if (packed != self.lengths[groups]).any():
            raise ValueError(
                "keep_together with divisible_by: there are too few sequences of several groups to cut in two"
            )
        counts = self._sizes[groups]
        ends = np.cumsum(counts)
        documents = np.repeat(self._first[groups] - (ends - counts), counts) + np.arange(counts.sum())
        lengths = self._lengths[documents]
        filled = lengths > 0
        before = np.concatenate([[0], np.cumsum(filled)])  # spans up to each document of the groups
        spans = np.concatenate([[0], ends])[offsets]
        return (
            before[spans].astype(np.int64),
            documents[filled],
            np.zeros(int(filled.sum()), np.int32),
            lengths[filled],
        )

    def counts(self, documents: NDArray[np.int64], counts: PlanCounts) -> PlanCounts:
        """The counts of a plan of documents; groups are in it whole or not at all."""
        lengths = self._lengths.astype(np.int64)
        total, placed = int(lengths.sum()), int(lengths[documents].sum())
        return dataclasses.replace(
            counts,
            documents=len(lengths),
            tokens=total,
            empty_documents=int(np.count_nonzero(lengths == 0)),
            dropped_documents=int(np.count_nonzero(lengths)) - len(documents),
            dropped_tokens=total - placed,
        )
