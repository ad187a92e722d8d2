"""torch's DataLoader over the flat memmap."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from bench.peers.loaders.corpus import Corpus, Peer, chunk_check, loader_passes


def torch_flat(corpus: Corpus) -> Peer:
    """torch's DataLoader over the flat memmap: no packing, no positions, nothing else."""

    class Rows(torch.utils.data.Dataset):  # type: ignore[type-arg]
        def __len__(self) -> int:
            return len(corpus.chunks)

        def __getitem__(self, index: int) -> dict[str, Any]:
            return {"input_ids": torch.from_numpy(corpus.chunks[index].astype(np.int64))}

    return loader_passes(Rows(), corpus, shuffle=True), chunk_check(corpus), "torch"
