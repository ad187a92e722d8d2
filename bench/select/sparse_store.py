"""A store of many documents that takes no disk: its tokens are a hole in a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pypack import TokenStore


def sparse_store(folder: Path, lengths: NDArray[np.int32]) -> TokenStore:
    """A Megatron-Core dataset of documents of these lengths, all of whose ids are 0."""
    count = len(lengths)
    ends = np.cumsum(lengths, dtype=np.int64) * 2
    with (folder / "made_up.bin").open("wb") as file:
        file.truncate(int(ends[-1]))
    with (folder / "made_up.idx").open("wb") as file:
        file.write(b"MMIDIDX\x00\x00" + (1).to_bytes(8, "little") + bytes([8]))
        file.write(count.to_bytes(8, "little") + (count + 1).to_bytes(8, "little"))
        lengths.tofile(file)
        np.concatenate([[0], ends[:-1]]).astype("<i8").tofile(file)
        np.arange(count + 1, dtype="<i8").tofile(file)
    return TokenStore.open(folder / "made_up")
