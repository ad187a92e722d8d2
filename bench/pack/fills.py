"""How full sequences are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def fills_of(
    lengths: NDArray[np.int32], offsets: NDArray[np.int64], documents: NDArray[Any]
) -> NDArray[np.int64]:
    """Tokens of each sequence, sorted, from the documents of all sequences and where each begins."""
    return np.sort(np.add.reduceat(lengths[documents].astype(np.int64), offsets[:-1]))


def padding_of(fills: NDArray[np.int64], sequence_length: int) -> float:
    """Percent of the sequences' room."""
    return float(100 * (1 - fills.sum() / (len(fills) * sequence_length)))
