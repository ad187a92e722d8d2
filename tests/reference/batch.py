"""What a batch is, in plain Python: lists of documents and a plan's arrays to rows of tokens."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

IGNORE = -100


@dataclass
class Row:
    input_ids: list[int] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    position_ids: list[int] = field(default_factory=list)
    segment_ids: list[int] = field(default_factory=list)
    rooms: list[int] = field(default_factory=list)
    documents: list[int] = field(default_factory=list)

    def pad(self, items: int, pad_id: int) -> None:
        self.input_ids += [pad_id] * items
        self.labels += [IGNORE] * items
        self.position_ids += [0] * items
        self.segment_ids += [0] * items


def row(documents: Any, plan: Any, sequence: int, pad_id: int, first_segment: int = 1, align: int = 1) -> Row:
    """One sequence of a plan, without padding at its end; an empty row for sequence -1."""
    out = Row()
    if sequence == -1:
        return out
    spans = range(int(plan.sequence_offsets[sequence]), int(plan.sequence_offsets[sequence + 1]))
    for segment, span in enumerate(spans, start=first_segment):
        document, start = int(plan.span_document[span]), int(plan.span_start[span])
        tokens = [int(t) for t in documents[document][start : start + int(plan.span_length[span])]]
        out.input_ids += tokens
        out.labels += [IGNORE, *tokens[1:]]
        out.position_ids += range(len(tokens))
        out.segment_ids += [segment] * len(tokens)
        out.documents.append(document)
        room = -(-len(tokens) // align) * align
        out.pad(room - len(tokens), pad_id)
        out.rooms.append(room)
    return out


def padded(
    documents: Any, plan: Any, sequences: list[int], length: int, pad_id: int, align: int = 1
) -> dict[str, Any]:
    rows = [row(documents, plan, s, pad_id, align=align) for s in sequences]
    for one in rows:
        one.pad(length - len(one.input_ids), pad_id)
    names = ("input_ids", "labels", "position_ids", "segment_ids")
    return {name: [getattr(one, name) for one in rows] for name in names} | {
        "document_ids": [d for one in rows for d in one.documents]
    }


def varlen(documents: Any, plan: Any, sequences: list[int], pad_id: int, align: int = 1) -> dict[str, Any]:
    out: dict[str, Any] = {n: [] for n in ("input_ids", "labels", "position_ids", "segment_ids")}
    cu_seqlens, document_ids = [0], []
    for sequence in sequences:
        one = row(documents, plan, sequence, pad_id, first_segment=len(cu_seqlens), align=align)
        for name in out:
            out[name] += getattr(one, name)
        for room in one.rooms:
            cu_seqlens.append(cu_seqlens[-1] + room)
        document_ids += one.documents
    longest = max((b - a for a, b in itertools.pairwise(cu_seqlens)), default=0)
    return out | {"cu_seqlens": cu_seqlens, "max_seqlen": longest, "document_ids": document_ids}
