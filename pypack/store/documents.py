"""A store as a sequence of documents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from pypack._common.rows import RowsIndex, chosen_rows, equal_rows, first_equal_row
from pypack.store.mapped_shards import MappedShards

Document = NDArray[np.integer[Any]]


class StoredDocuments(MappedShards, Sequence[Document]):
    """The room of `TokenStore` that gives documents, by number or by what is in them."""

    def __len__(self) -> int:
        return self.num_documents

    @overload
    def __getitem__(self, index: int) -> Document: ...

    @overload
    def __getitem__(self, index: RowsIndex) -> list[Document]: ...

    def __getitem__(self, index: int | RowsIndex) -> Document | list[Document]:
        """A document, or a list of several: of a slice, or of a list or array of numbers or of bools."""
        documents = chosen_rows(index, len(self), "document", self._named)
        if isinstance(documents, int):
            return self._view.document(documents)
        return [self._view.document(i) for i in np.asarray(documents).tolist()]

    @property
    def _named(self) -> str:
        return f"a store with {len(self)} documents"

    def __iter__(self) -> Iterator[Document]:
        for i in range(len(self)):
            yield self._view.document(i)

    def __contains__(self, document: object) -> bool:
        return next(equal_rows(self, self.lengths, document), None) is not None

    def index(self, document: object, start: int = 0, stop: int | None = None) -> int:
        """The first document that has these ids. Reads all documents of that length before it.

        Raises:
            ValueError: there is none.
        """
        return first_equal_row(self, self.lengths, document, start, stop, self._named)

    def count(self, document: object) -> int:
        """How many documents have these ids. Reads all documents of that length."""
        return sum(1 for _ in equal_rows(self, self.lengths, document))
