"""Borders of documents in padded rows, counted out for trainers that take lengths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def segment_lengths(segment_ids: Any) -> list[NDArray[np.int64]]:
    """Lengths of the runs of each row of `segment_ids` [B, T], padding among them: each row adds up to T."""
    segments = np.asarray(segment_ids)
    rows, length = segments.shape
    begins = np.ones((rows, length), np.bool_)
    begins[:, 1:] = segments[:, 1:] != segments[:, :-1]
    return [np.diff(np.append(np.flatnonzero(row), length)) for row in begins]


def stack(rows: Sequence[NDArray[Any]], fill: int, dtype: Any) -> NDArray[Any]:
    """Rows of different lengths as one array [B, longest], filled up at the end."""
    stacked = np.full((len(rows), max(map(len, rows), default=0)), fill, dtype)
    for out, row in zip(stacked, rows, strict=True):
        out[: len(row)] = row
    return stacked
