"""Public packers behind one signature, to be timed and to be checked by what they make.

Each is imported from its installed package (peers/requirements/pack.txt) where it is called; one that is not
installed, or does not import, is reported as missing. Only the packing is timed where the package lets it be
called alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Lengths = NDArray[np.int32]
Fills = NDArray[np.int64]  # tokens of each row
Prepared = tuple[Callable[[], Any], Callable[[Any], Fills]]


@dataclass(frozen=True)
class Peer:
    """`prepare` makes the peer's input; returns what is timed, and what tells the fills from its result."""

    name: str
    distribution: str
    documents: int  # how many it is given: those that crawl run on a slice
    moves_tokens: bool
    prepare: Callable[[Lengths, int], Prepared]


def fills_of_documents(lengths: Lengths, rows: Sequence[Sequence[int]]) -> Fills:
    """Of rows that say their documents."""
    sizes = np.fromiter(map(len, rows), np.int64, len(rows))
    documents = np.fromiter(itertools.chain.from_iterable(rows), np.int64, int(sizes.sum()))
    assert np.array_equal(np.sort(documents), np.arange(len(lengths)))  # each document once
    return np.add.reduceat(lengths[documents].astype(np.int64), np.cumsum(sizes) - sizes)


def fills_of_lengths(rows: Iterable[Iterable[int]]) -> Fills:
    """Of rows that say the lengths in them."""
    return np.array([sum(map(int, row)) for row in rows], np.int64)


def light_bin_pack(lengths: Lengths, sequence_length: int) -> Prepared:
    """C++, optimized best-fit-decreasing; takes and gives lists."""
    import lightbinpack

    items = lengths.tolist()
    return lambda: lightbinpack.obfd(items, sequence_length), lambda rows: fills_of_documents(lengths, rows)


def olmo_core(lengths: Lengths, sequence_length: int) -> Prepared:
    """Python, best-fit-decreasing on a segment tree of objects."""
    from olmo_core.data.utils import InstancePacker

    ends = np.cumsum(lengths, dtype=np.int64)
    bounds = np.stack([ends - lengths, ends], axis=1)
    # Its rows hold positions in the documents that it sorted.
    falling = np.sort(lengths)[::-1]
    return (
        lambda: InstancePacker(sequence_length).pack_documents(bounds),
        lambda result: fills_of_documents(falling, result[0]),
    )


def trl_loop(lengths: Lengths, sequence_length: int) -> Prepared:
    """Python, best-fit-decreasing on a segment tree; on tokens of no bytes, so that its loop weighs."""
    import pyarrow as pa
    from trl.data_utils import _pack_bfd

    offsets = np.zeros(len(lengths) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    tokens = pa.ListArray.from_arrays(pa.array(offsets), pa.nulls(int(offsets[-1])))
    table = pa.table({"input_ids": tokens})
    return (
        lambda: _pack_bfd(table, sequence_length),
        lambda packed: fills_of_lengths(packed["seq_lengths"].to_pylist()),
    )


def trl_pack_dataset(lengths: Lengths, sequence_length: int) -> Prepared:
    """TRL as users call it: packs groups of 1000 documents."""
    import datasets
    from trl import pack_dataset

    datasets.disable_progress_bars()
    rows = datasets.Dataset.from_dict({"input_ids": [[0] * n for n in lengths.tolist()]})
    return (
        lambda: pack_dataset(rows, sequence_length, "bfd", {"load_from_cache_file": False}),
        lambda packed: fills_of_lengths(packed["seq_lengths"]),
    )


def axolotl(lengths: Lengths, sequence_length: int) -> Prepared:
    """numba, first fit over all open rows; in groups of 100,000, at most 200 documents a row."""
    from axolotl.utils.samplers.multipack import pack_parallel

    return (
        lambda: pack_parallel(lengths, sequence_length, group_size=100_000, bin_size=200, num_processes=1),
        lambda rows: fills_of_documents(lengths, rows),
    )


def nemo(lengths: Lengths, sequence_length: int) -> Prepared:
    """Python, first-fit-decreasing; adds up every open row for every document."""
    from nemo.utils.sequence_packing_utils import first_fit_decreasing

    items = lengths.tolist()
    return lambda: first_fit_decreasing(items, sequence_length), fills_of_lengths


def grain_best_fit(lengths: Lengths, sequence_length: int) -> Prepared:
    """Grain's best fit over 64 open rows, as MaxText runs it."""
    import grain

    elements = [{"tokens": np.ones(n, np.int32)} for n in lengths.tolist()]

    def run() -> list[Any]:
        source = grain.MapDataset.source(elements).to_iter_dataset()
        return list(
            grain.experimental.BestFitPackIterDataset(
                source, length_struct={"tokens": sequence_length}, num_packing_bins=64
            )
        )

    return run, lambda rows: np.array([row["tokens"].sum() for row in rows], np.int64)


def torchtune(lengths: Lengths, sequence_length: int) -> Prepared:
    """torchtune's PackedDataset: next fit in memory."""
    from torchtune.datasets import PackedDataset

    rows = [{"tokens": [1] * n, "labels": [1] * n} for n in lengths.tolist()]
    return (
        lambda: PackedDataset(rows, max_seq_len=sequence_length),
        lambda packed: np.array([int((pack["tokens"] > 0).sum()) for pack in packed.packs], np.int64),
    )


PEERS = [
    Peer("LightBinPack obfd", "lightbinpack", 10_000_000, False, light_bin_pack),
    Peer("OLMo-core InstancePacker", "ai2-olmo-core", 100_000, False, olmo_core),
    Peer("TRL _pack_bfd, its loop", "trl", 50_000, False, trl_loop),
    Peer("TRL pack_dataset", "trl", 5_000, True, trl_pack_dataset),
    Peer("axolotl multipack (numba)", "axolotl", 100_000, False, axolotl),
    Peer("NeMo first_fit_decreasing", "nemo-toolkit", 2_000, False, nemo),
    Peer("Grain BestFit, 64 rows", "grain", 1_000, True, grain_best_fit),
    Peer("torchtune PackedDataset", "torchtune", 1_000, True, torchtune),
]
# Not installable here: imoneoi's multipack (not on the index; its allocator lives on in axolotl's), SeqPacker
# (a source distribution that needs crates).
