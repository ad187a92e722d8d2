"""What the loss mask of a store says of single tokens."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pypack.store.beside import MASK
from pypack.store.store import TokenStore


class FirstBits:
    """Looks up the bits of the tokens that a batch tells nothing of: the first ones of spans.

    Args:
        store: it has a loss mask.
    """

    def __init__(self, store: TokenStore) -> None:
        ends = np.cumsum(store.lengths, dtype=np.int64)
        self._begins = ends - store.lengths
        self._masks: list[NDArray[np.uint8] | None] = []
        documents = [0]
        for part in store.parts:
            shards = () if part.info is None else part.info.shards
            if part.info is None:
                documents.append(documents[-1] + len(part))
                self._masks.append(None)
            for shard in shards:
                documents.append(documents[-1] + shard.documents)
                has_bytes = MASK in shard.beside and shard.tokens > 0
                name = f"{shard.name}{MASK}"
                self._masks.append(np.memmap(part.local_file(name), np.uint8, "r") if has_bytes else None)
        self._firsts = np.array(documents, np.int64)

    def of(self, documents: NDArray[np.int64], starts: NDArray[np.int64]) -> NDArray[np.bool_]:
        """bool [n]: whether token `starts[i]` of document `documents[i]` is learned."""
        learned = np.ones(len(documents), np.bool_)
        shards = np.searchsorted(self._firsts, documents, side="right") - 1
        for shard in np.unique(shards):
            mask = self._masks[shard]
            if mask is None:
                continue
            inside = shards == shard
            places = self._begins[documents[inside]] + starts[inside] - self._begins[self._firsts[shard]]
            learned[inside] = (mask[places >> 3] >> (places & 7).astype(np.uint8)) & 1
        return learned
