"""Ranges of the documents of stores, such as the names in them, for objectives that choose among these."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pypack._common.fingerprint import integers_fingerprint
from pypack.source.masks import token_masks
from pypack.store.store import TokenStore


@dataclasses.dataclass(frozen=True, eq=False)
class DocumentRanges:
    """Of every store: offsets int64 [D + 1] and bounds int32 [M, 2]; the ranges of document d are tokens
    bounds[i, 0] to bounds[i, 1] with i from offsets[d] to offsets[d + 1]."""

    of_store: list[tuple[NDArray[np.int64], NDArray[np.int32]]]

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits for every array."""
        arrays = [array for pair in self.of_store for array in pair]
        return "-".join(integers_fingerprint(array.reshape(-1)) for array in arrays)


def document_ranges(stores: Sequence[TokenStore], spans: str | ArrayLike) -> DocumentRanges:
    """The ranges that a column of the stores holds, or those given for the documents of the one store.

    Overlapping ranges of a document are one.

    Raises:
        ValueError: the values are no ranges, or there are several stores and no name of a column.
        TypeError: the values are of no kind that says ranges.
    """
    if not isinstance(spans, str) and len(stores) > 1:
        raise ValueError(
            f"spans= of values is for one source, and there are {len(stores)}: keep them as a column of the "
            "stores (pypack tokenize --keep), and give its name"
        )
    try:
        return DocumentRanges([token_masks(store, spans) for store in stores])
    except (TypeError, ValueError) as error:
        raise type(error)(f"spans={spans!r:.80}: as mask= of a Source it was refused: {error}") from error
