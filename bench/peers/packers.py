"""Public packers behind one signature: lengths, sequence_length -> documents of each sequence, or None.

Each is imported from its installed package where it is called; one that is not installed, or does not
import, is reported as missing. Only the packing is timed where the package lets it be called alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Lengths = NDArray[np.int32]
Prepared = Callable[[], Sequence[Sequence[int]] | None]


@dataclass(frozen=True)
class Peer:
    """`prepare` makes the peer's input, and returns what is timed."""

    name: str
    distribution: str
    documents: int  # how many it is given: those that crawl run on a slice
    prepare: Callable[[Lengths, int], Prepared]


def light_bin_pack(lengths: Lengths, sequence_length: int) -> Prepared:
    """C++, optimized best-fit-decreasing; takes and gives lists."""
    import lightbinpack

    items = lengths.tolist()
    return lambda: lightbinpack.obfd(items, sequence_length)


def olmo_core(lengths: Lengths, sequence_length: int) -> Prepared:
    """Python, best-fit-decreasing on a segment tree of objects."""
    from olmo_core.data.utils import InstancePacker

    ends = np.cumsum(lengths, dtype=np.int64)
    bounds = np.stack([ends - lengths, ends], axis=1)

    def run() -> Sequence[Sequence[int]]:
        # The sequences hold positions in the documents that it sorted; their order is all that differs.
        bins, _, _ = InstancePacker(sequence_length).pack_documents(bounds)
        order = np.argsort(-1 * lengths.astype(np.int64))
        return [order[bin_].tolist() for bin_ in bins]

    return run


def trl(lengths: Lengths, sequence_length: int) -> Prepared:
    """Python, best-fit-decreasing on a segment tree; on tokens of one byte, so that its loop weighs."""
    import pyarrow as pa
    from trl.data_utils import _pack_bfd

    offsets = np.zeros(len(lengths) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    tokens = pa.ListArray.from_arrays(pa.array(offsets), pa.array(np.zeros(int(offsets[-1]), np.int8)))
    table = pa.table({"input_ids": tokens})

    def run() -> None:
        _pack_bfd(table, sequence_length)

    return run


def trl_pack_dataset(lengths: Lengths, sequence_length: int) -> Prepared:
    """TRL as users call it: packs groups of 1000 documents and moves their tokens."""
    import datasets
    from trl import pack_dataset

    datasets.disable_progress_bars()
    rows = datasets.Dataset.from_dict({"input_ids": [[0] * n for n in lengths.tolist()]})

    def run() -> None:
        pack_dataset(rows, sequence_length, "bfd", {"load_from_cache_file": False})

    return run


def grain_best_fit(lengths: Lengths, sequence_length: int) -> Prepared:
    """Grain's best fit over 64 open rows, as MaxText runs it; moves tokens."""
    import grain

    elements = [{"tokens": np.zeros(n, np.int32)} for n in lengths.tolist()]

    def run() -> None:
        source = grain.MapDataset.source(elements).to_iter_dataset()
        packed = grain.experimental.BestFitPackIterDataset(
            source, length_struct={"tokens": sequence_length}, num_packing_bins=64
        )
        for _ in packed:
            pass

    return run


def torchtune(lengths: Lengths, sequence_length: int) -> Prepared:
    """torchtune's PackedDataset: next fit in memory, moves tokens."""
    from torchtune.datasets import PackedDataset

    rows = [{"tokens": [0] * n, "labels": [0] * n} for n in lengths.tolist()]

    def run() -> None:
        PackedDataset(rows, max_seq_len=sequence_length)

    return run


PEERS = [
    Peer("LightBinPack obfd", "lightbinpack", 10_000_000, light_bin_pack),
    Peer("OLMo-core InstancePacker", "ai2-olmo-core", 100_000, olmo_core),
    Peer("TRL _pack_bfd", "trl", 50_000, trl),
    Peer("TRL pack_dataset", "trl", 10_000, trl_pack_dataset),
    Peer("Grain BestFit, 64 rows", "grain", 3_000, grain_best_fit),
    Peer("torchtune PackedDataset", "torchtune", 5_000, torchtune),
]
# Not on the package index as a packer, or not installable here: axolotl / multipack (numba), NeMo, SeqPacker.
