"""What plans record of the documents of a store, so that a plan is told from one of other documents."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from pypack._common.fingerprint import (
    integers_fingerprint,
    is_composable,
    is_of_lengths,
    joined_fingerprint,
    lengths_fingerprint,
)
from pypack.store.documents import StoredDocuments


class Fingerprinted(StoredDocuments):
    """The room of `TokenStore` that knows the fingerprints of its lengths."""

    @cached_property
    def lengths_fingerprint(self) -> str:
        """What a plan records of the lengths it was made from.

        Reads the lengths of all documents where no `store.json` says it, or one of version 1.
        """
        if self.info is not None and is_composable(self.info.lengths_fingerprint):
            return self.info.lengths_fingerprint
        return lengths_fingerprint(self.lengths)

    @cached_property
    def _old_lengths_fingerprint(self) -> str:
        """What a plan of version 1 records."""
        if self.info is not None and not is_composable(self.info.lengths_fingerprint):
            return self.info.lengths_fingerprint
        return integers_fingerprint(self.lengths)

    def has_lengths_of(self, fingerprint: str) -> bool:
        """Whether a plan that records this fingerprint, of version 1 or 2, was made for these documents."""
        own = self.lengths_fingerprint if is_composable(fingerprint) else self._old_lengths_fingerprint
        return fingerprint == own

    def begins_with(self, documents: int, fingerprint: str) -> bool:
        """Whether a plan for so many documents that records this fingerprint, of version 1 or 2, was made for
        the first ones: for the store as it was before it grew."""
        if documents > self.num_documents:
            return False
        if is_composable(fingerprint):
            return self.first_fingerprint(documents) == fingerprint
        return is_of_lengths(fingerprint, np.ascontiguousarray(self.lengths[:documents]))

    def first_fingerprint(self, documents: int) -> str:
        """The `lengths_fingerprint` of the first documents alone: of the store as it was before it grew.

        Reads the lengths of the documents of one shard at most, if the shards record their fingerprints.

        Raises:
            ValueError: the store has fewer documents.
        """
        if not 0 <= documents <= len(self):
            raise ValueError(f"documents must be from 0 to {len(self)}, those of the store, got {documents}")
        if documents == len(self):
            return self.lengths_fingerprint
        known, first = [], 0
        for shard in () if self.info is None else self.info.shards:
            if shard.lengths_fingerprint is None or first + shard.documents > documents:
                break
            known.append((shard.lengths_fingerprint, shard.documents))
            first += shard.documents
        rest = np.ascontiguousarray(self.lengths[first:documents])
        return joined_fingerprint([*known, (lengths_fingerprint(rest), len(rest))])
