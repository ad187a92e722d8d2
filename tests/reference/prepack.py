"""Plain-Python definition of prepacking: what `_core.prepack` must give for a plan over prompts."""

from __future__ import annotations

import itertools


def prepack(prompts, rows_of_prompts, row_length, pad_id):
    """`rows_of_prompts`: the prompts of each row, in order; `row_length` None: all in one row, unpadded."""
    ids, positions, segments, cu_seqlens = [], [], [], [0]
    row, start = [-1] * len(prompts), [0] * len(prompts)
    segment = 0
    for r, members in enumerate(rows_of_prompts):
        row_begin = len(ids) if row_length is not None else 0
        if row_length is not None:
            segment = 0
        for p in members:
            segment += 1
            row[p] = r if row_length is not None else 0
            start[p] = len(ids) - row_begin
            ids += prompts[p]
            positions += range(len(prompts[p]))
            segments += [segment] * len(prompts[p])
            cu_seqlens.append(len(ids))
        if row_length is not None:
            padding = row_begin + row_length - len(ids)
            if padding:
                ids += [pad_id] * padding
                positions += [0] * padding
                segments += [0] * padding
                cu_seqlens.append(len(ids))
    return {
        "input_ids": ids,
        "position_ids": positions,
        "segment_ids": segments,
        "cu_seqlens": cu_seqlens,
        "max_seqlen": max((b - a for a, b in itertools.pairwise(cu_seqlens)), default=0),
        "row": row,
        "start": start,
    }


def attends(segments, query, key):
    """Whether one item of a row attends to another: not later, and of the same segment (padding: 0)."""
    return key <= query and segments[query] == segments[key]


def best_fit_decreasing(lengths, capacity):
    """Rows of lengths: longest first, each into the fullest row that has room."""
    rows: list[list[int]] = []
    for length in sorted(lengths, reverse=True):
        room = [row for row in rows if sum(row) + length <= capacity]
        if room:
            max(room, key=sum).append(length)
        else:
            rows.append([length])
    return rows
