"""Some neighbouring rows of a batch: what of each of its arrays is theirs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pypack.batch.fields import OF_LABELS, PER_TOKEN

if TYPE_CHECKING:
    from pypack.batch.batch import PackedBatch


class Side(NamedTuple):
    """What some spans have of one side of a varlen batch: all of it, or its inputs, or its targets.

    Attributes:
        items: where their tokens stand.
        cu_seqlens: int32 [segments + 1], their borders from the first of them on.
        max_seqlen: tokens of the longest one.
    """

    items: slice
    cu_seqlens: Any
    max_seqlen: int

    @classmethod
    def of(cls, cu_seqlens: Any, begin: int, end: int) -> Side:
        """Of segments `begin` to `end`, by the borders of all."""
        cuts = cu_seqlens[begin : end + 1]
        borders = cuts - cuts[0]
        longest = int((borders[1:] - borders[:-1]).max()) if end > begin else 0
        return cls(slice(int(cuts[0]), int(cuts[-1])), borders, longest)


def fields_of_rows(batch: PackedBatch, start: int, stop: int) -> dict[str, Any]:
    """The fields that rows `start` to `stop` have other than the batch, as views of its arrays."""
    first, last = int(batch.row_spans[start]), int(batch.row_spans[stop])
    fields = _of_spans(batch, first, last)
    fields["row_spans"] = batch.row_spans[start : stop + 1] - first
    fields["objective_counts"] = None  # of the whole batch
    if batch.cu_seqlens is None:
        return fields | _of_padded(batch, slice(start, stop))
    return fields | _of_varlen(batch, slice(start, stop), slice(first, last))


def _of_spans(batch: PackedBatch, first: int, last: int) -> dict[str, Any]:
    """What describes spans `first` to `last`."""
    names = ["document_ids", "source_ids", "span_lengths"]
    if batch.group_ids is not None:
        names.append("group_ids")
    fields = {name: getattr(batch, name)[first:last] for name in names}
    return fields | {"tokens": int(fields["span_lengths"].sum())}


def _of_padded(batch: PackedBatch, rows: slice) -> dict[str, Any]:
    fields = {name: array[rows] for name, array in _per_token(batch).items()}
    if batch.extras is not None:
        fields["extras"] = {name: array[rows] for name, array in batch.extras.items()}
    return fields


def _per_token(batch: PackedBatch) -> dict[str, Any]:
    return {name: array for name in PER_TOKEN if (array := getattr(batch, name)) is not None}


def _of_varlen(batch: PackedBatch, rows: slice, spans: slice) -> dict[str, Any]:
    begin, end = _segments_of(batch, rows)
    own = Side.of(batch.cu_seqlens, begin, end)
    fields: dict[str, Any] = {"cu_seqlens": own.cu_seqlens, "max_seqlen": own.max_seqlen}
    labelled, extras = own, batch.extras
    if extras is not None and "decoder_cu_seqlens" in extras:
        # Labels are those of the targets.
        labelled = Side.of(extras["decoder_cu_seqlens"], spans.start, spans.stop)
        fields["extras"] = _of_targets(extras, labelled, spans.start)
    elif extras is not None:
        by_item = batch.input_ids.shape
        fields["extras"] = {
            name: array[own.items if array.shape == by_item else rows] for name, array in extras.items()
        }
    for name, array in _per_token(batch).items():
        fields[name] = array[(labelled if name in OF_LABELS else own).items]
    if "segment_ids" in fields:
        fields["segment_ids"] = _from_one(fields["segment_ids"], begin)
    return fields


def _of_targets(extras: Mapping[str, Any], targets: Side, first: int) -> dict[str, Any]:
    """The extras of a varlen batch of two sides."""
    own = {"decoder_cu_seqlens": targets.cu_seqlens, "decoder_max_seqlen": targets.max_seqlen}
    found = {name: own[name] if name in own else array[targets.items] for name, array in extras.items()}
    if "decoder_segment_ids" in found:
        found["decoder_segment_ids"] = _from_one(found["decoder_segment_ids"], first)
    return found


def _from_one(segments: Any, begin: int) -> Any:
    """Segments of a part of a varlen batch, counted from its own first one."""
    return segments - begin * (segments > 0)


def _segments_of(batch: PackedBatch, rows: slice) -> tuple[int, int]:
    """Where the segments of rows begin and end among those of the varlen layout: spans, but of rows that hold
    literals of their plan, which are one segment each."""
    row_spans = np.asarray(batch.row_spans)
    counts = np.diff(row_spans)
    literal = np.append(np.asarray(batch.document_ids) < 0, False)  # what a row without spans begins with
    of_rows = np.logical_or.reduceat(literal, row_spans[:-1])
    ends = np.concatenate([[0], np.cumsum(np.where(of_rows & (counts > 0), 1, counts))])
    return int(ends[rows.start]), int(ends[rows.stop])
