"""What a whole store must hold besides its checksums: ids of its vocabulary, ids around its documents, masks,
groups, weights and columns that fit. It finds what was written wrong, not what has changed since."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pypack.store.beside import GROUP, MASK, WEIGHT, WORDS
from pypack.store.column_batches import column_batches
from pypack.store.format import ShardInfo
from pypack.store.own_tokenizer import OwnTokenizer

_CHUNK = 1 << 22  # ids looked at in one go


def largest_id(store: OwnTokenizer) -> int:
    """The largest id of a store; -1 if there is no token.

    Raises:
        ValueError: names the first id that is not below the vocabulary size.
    """
    if store.info is None:
        files = [store.path.with_name(store.path.name + ".bin")]
    else:
        files = [store.path / f"{shard.name}.bin" for shard in store.info.shards]
    largest = -1
    for file in files:
        if file.stat().st_size == 0:
            continue
        ids = np.memmap(file, store.dtype, mode="r")
        for start in range(0, len(ids), _CHUNK):
            part = ids[start : start + _CHUNK]
            low, high = int(part.min()), int(part.max())
            if low < 0 or (store.vocab_size is not None and high >= store.vocab_size):
                bad = int(np.flatnonzero((part < 0) | (part >= (store.vocab_size or high + 1)))[0])
                raise ValueError(
                    f"{file}: token {start + bad} is id {int(part[bad])}; ids of this store are from 0 to "
                    f"{'any' if store.vocab_size is None else store.vocab_size - 1}"
                )
            largest = max(largest, high)
    return largest


def check_documents(store: OwnTokenizer) -> None:
    """Looks at all documents of a store of pypack.

    Raises:
        ValueError: names the first document, or file, that is not what the store says of all.
    """
    info = store.info
    if info is None:
        return
    first = 0
    for shard in info.shards:
        lengths = store.lengths[first : first + shard.documents].astype(np.int64)
        _check_ends(store, shard, lengths, first)
        for suffix, check in ((MASK, _check_mask), (GROUP, _check_groups), (WEIGHT, _check_weights)):
            if suffix in shard.beside:
                check(store.path / f"{shard.name}{suffix}", shard)
        if WORDS in shard.beside:
            _check_words(store.path / f"{shard.name}{WORDS}", shard, lengths, first)
        if shard.columns_checksum is not None:
            path = store.path / f"{shard.name}.parquet"
            rows = sum(batch.num_rows for batch in column_batches(path))
            if rows != shard.documents:
                raise ValueError(f"{path}: {rows} rows for {shard.documents} documents")
        first += shard.documents


def _check_ends(store: OwnTokenizer, shard: ShardInfo, lengths: NDArray[np.int64], first: int) -> None:
    """The ids that begin and end every document are there."""
    path = store.path / f"{shard.name}.bin"
    ids = np.memmap(path, store.dtype, mode="r") if shard.tokens else np.zeros(0, store.dtype)
    ends = np.cumsum(lengths)
    around = [(i, ends - lengths + i, one) for i, one in enumerate(store.prepended_ids)]
    around += [] if store.appended_id is None else [(len(around), ends - 1, store.appended_id)]
    for least, places, wanted in around:
        short = np.flatnonzero(lengths <= least)
        bad = short if len(short) else np.flatnonzero(np.asarray(ids[places]) != wanted)
        if len(bad):
            raise ValueError(
                f"{path}: document {first + int(bad[0])} of the store lacks the id {wanted}, which stands at "
                "the same place of all"
            )


def _check_mask(path: Path, shard: ShardInfo) -> None:
    data = np.fromfile(path, np.uint8)
    if len(data) != (shard.tokens + 7) // 8:
        raise ValueError(f"{path}: {len(data)} bytes for {shard.tokens} tokens, a bit each")
    if shard.tokens % 8 and data[-1] >> (shard.tokens % 8):
        raise ValueError(f"{path}: bits are set behind its last token")


def _check_words(path: Path, shard: ShardInfo, lengths: NDArray[np.int64], first: int) -> None:
    _check_mask(path, shard)
    bits = np.unpackbits(np.fromfile(path, np.uint8), bitorder="little")
    begins = (np.cumsum(lengths) - lengths)[lengths > 0]
    bad = np.flatnonzero(bits[begins] == 0)
    if len(bad):
        document = first + int(np.flatnonzero(lengths > 0)[bad[0]])
        raise ValueError(f"{path}: document {document} of the store does not begin with a word")


def _check_groups(path: Path, shard: ShardInfo) -> None:
    places = np.fromfile(path, "<i4")
    if len(places) != shard.documents:
        raise ValueError(f"{path}: {len(places)} values for {shard.documents} documents")
    before = np.concatenate([[-1], places[:-1]])
    bad = np.flatnonzero((places != 0) & (places != before + 1))
    if len(bad):
        raise ValueError(
            f"{path}: document {int(bad[0])} of the shard is number {int(places[bad[0]])} of a group, behind "
            f"number {int(before[bad[0]])}"
        )


def _check_weights(path: Path, shard: ShardInfo) -> None:
    weights = np.fromfile(path, "<f4")
    if len(weights) != shard.documents:
        raise ValueError(f"{path}: {len(weights)} values for {shard.documents} documents")
    bad = np.flatnonzero(~np.isfinite(weights))
    if len(bad):
        raise ValueError(f"{path}: document {int(bad[0])} of the shard has the weight {weights[bad[0]]}")
