"""Token ids in as many whole bytes as the largest of them needs: two or three of four, mostly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def narrow_ids(parts: Sequence[NDArray[np.uint32]]) -> NDArray[np.uint8]:
    """uint8 [T, w], w from 1 to 4: the ids of all parts end to end, each from its lowest byte on."""
    ids = np.concatenate([np.empty(0, "<u4"), *parts], dtype="<u4")
    largest = int(ids.max()) if len(ids) else 0
    width = max(1, -(-largest.bit_length() // 8))
    return np.ascontiguousarray(ids.view(np.uint8).reshape(-1, 4)[:, :width])


def widened_ids(narrow: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """The ids [T] of `narrow_ids`.

    Raises:
        ValueError: `narrow` is no such array.
    """
    if narrow.dtype != np.uint8 or narrow.ndim != 2 or not 1 <= narrow.shape[1] <= 4:
        raise ValueError(
            f"damaged state: ids are uint8 [tokens, 1 to 4], not {narrow.dtype} {list(narrow.shape)}"
        )
    wide = np.zeros((len(narrow), 4), np.uint8)
    wide[:, : narrow.shape[1]] = narrow
    return wide.view("<u4").reshape(-1).astype(np.uint32, copy=False)
