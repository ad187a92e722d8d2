"""Which documents a step gives: for looking at what made a loss jump."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pypack.source.source import Source


class GivenSpan(NamedTuple):
    """One span of a batch: tokens `start` to `start + length` of a document of a source."""

    row: int
    source: str
    document: int
    start: int
    length: int


@dataclasses.dataclass(frozen=True)
class StepDocuments:
    """The spans of a step's rows, in the order of the batch; `for span in` gives them as `GivenSpan`.

    Attributes:
        source_names: the sources, as `source_ids` counts them.
        rows: int64 [n], the row of each span in the batch.
        source_ids: int32 [n].
        document_ids: int64 [n], documents of the source's store.
        starts: int32 [n], where the span begins in its document, in tokens.
        lengths: int32 [n], its tokens.
    """

    source_names: tuple[str, ...]
    rows: NDArray[np.int64]
    source_ids: NDArray[np.int32]
    document_ids: NDArray[np.int64]
    starts: NDArray[np.int32]
    lengths: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[GivenSpan]:
        columns = (self.rows, self.source_ids, self.document_ids, self.starts, self.lengths)
        for row, source, document, start, length in zip(*(c.tolist() for c in columns), strict=True):
            yield GivenSpan(row, self.source_names[source], document, start, length)


def documents_of(
    sources: Mapping[str, Source], plans: NDArray[np.int32], sequences: NDArray[np.int64]
) -> StepDocuments:
    """The spans of rows, by the number of each row's plan among those of all sources and its sequence there,
    -1 for empty rows."""
    places = [(i, source, plan) for i, source in enumerate(sources.values()) for plan in source.plans]
    columns: tuple[list[NDArray[np.int64]], ...] = ([], [], [], [], [])
    for row, (number, sequence) in enumerate(zip(plans.tolist(), sequences.tolist(), strict=True)):
        if sequence < 0:
            continue
        source_id, source, plan = places[number]
        spans = slice(int(plan.sequence_offsets[sequence]), int(plan.sequence_offsets[sequence + 1]))
        documents = np.asarray(plan.span_document[spans], np.int64)
        if source.documents is not None:
            documents = source.documents[documents]
        parts = (
            np.full(len(documents), row),
            np.full(len(documents), source_id),
            documents,
            plan.span_start[spans],
            plan.span_length[spans],
        )
        for column, part in zip(columns, parts, strict=True):
            column.append(np.asarray(part, np.int64))
    rows, ids, document_ids, starts, lengths = (np.concatenate([np.empty(0, np.int64), *c]) for c in columns)
    small = (array.astype(np.int32) for array in (ids, starts, lengths))
    source_ids, span_starts, span_lengths = small
    return StepDocuments(tuple(sources), rows, source_ids, document_ids, span_starts, span_lengths)
