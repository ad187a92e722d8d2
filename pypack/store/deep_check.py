"""What a whole store must hold besides its checksums: ids of its vocabulary, ids around its documents, masks,
groups, weights and columns that fit. It finds what was written wrong, not what has changed since.

Files are read piece by piece, from a disk or from a service: memory does not grow with them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pypack.remote import Url
from pypack.store.beside import GROUP, MASK, WEIGHT, WORDS
from pypack.store.column_batches import column_batches
from pypack.store.format import ShardInfo, StoreInfo
from pypack.store.own_tokenizer import OwnTokenizer
from pypack.store.store_files import FolderFiles, StoreFiles


def largest_id(store: OwnTokenizer) -> int:
    """The largest id of a store; -1 if there is no token.

    Raises:
        ValueError: names the first id that is not below the vocabulary size.
    """
    if store.info is None:
        files, names = FolderFiles(store.path.parent), [f"{store.path.name}.bin"]
    else:
        files, names = FolderFiles(store.path), [f"{shard.name}.bin" for shard in store.info.shards]
    return largest_of(files, names, store.dtype, store.vocab_size)


def largest_of(files: StoreFiles, names: list[str], dtype: np.dtype[Any], vocab_size: int | None) -> int:
    """The same of files, wherever they lie; `vocab_size` None: any id but a negative one will do."""
    largest = -1
    for name in names:
        start = 0
        for ids in _values(files, name, dtype):
            low, high = int(ids.min()), int(ids.max())
            if low < 0 or (vocab_size is not None and high >= vocab_size):
                bad = int(np.flatnonzero((ids < 0) | (ids >= (vocab_size or high + 1)))[0])
                raise ValueError(
                    f"{files.folder / name}: token {start + bad} is id {int(ids[bad])}; ids of this store "
                    f"are from 0 to {'any' if vocab_size is None else vocab_size - 1}"
                )
            largest = max(largest, high)
            start += len(ids)
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
        lengths = store.lengths[first : first + shard.documents]
        check_shard(FolderFiles(store.path), info, shard, lengths, first)
        first += shard.documents


def check_shard(
    files: StoreFiles, info: StoreInfo, shard: ShardInfo, lengths: NDArray[np.int32], first: int
) -> None:
    """Looks at the documents of a shard.

    Args:
        lengths: their tokens.
        first: number of the first of them in the store.

    Raises:
        ValueError: names the first document, or file, that is not what the store says of all.
    """
    ends = np.cumsum(lengths, dtype=np.int64)
    _check_ends(files, info, shard, ends, first)
    for suffix, check in ((MASK, _check_mask), (GROUP, _check_groups), (WEIGHT, _check_weights)):
        if suffix in shard.beside:
            check(files, f"{shard.name}{suffix}", shard)
    if WORDS in shard.beside:
        _check_words(files, f"{shard.name}{WORDS}", shard, ends, first)
    if shard.columns_checksum is not None:
        path: Path | Url = files.folder / f"{shard.name}.parquet"
        rows = sum(batch.num_rows for batch in column_batches(path))
        if rows != shard.documents:
            raise ValueError(f"{path}: {rows} rows for {shard.documents} documents")


def _values(files: StoreFiles, name: str, dtype: np.dtype[Any]) -> Iterator[NDArray[Any]]:
    for piece in files.pieces(name):
        if count := len(piece) // dtype.itemsize:
            yield np.frombuffer(piece, dtype, count)


def _check_ends(
    files: StoreFiles, info: StoreInfo, shard: ShardInfo, ends: NDArray[np.int64], first: int
) -> None:
    """The ids that begin and end every document are there."""
    name = f"{shard.name}.bin"
    lengths = np.diff(ends, prepend=0)
    around = [(i, ends - lengths + i, one) for i, one in enumerate(info.prepended_ids)]
    around += [] if info.appended_id is None else [(len(around), ends - 1, info.appended_id)]
    bad: list[int | None] = []  # the first document that lacks each of them
    for least, _, _ in around:
        short = np.flatnonzero(lengths <= least)
        bad.append(int(short[0]) if len(short) else None)
    start = 0
    for ids in _values(files, name, np.dtype(info.dtype)) if around else ():
        for i, (_, places, wanted) in enumerate(around):
            begin, end = np.searchsorted(places, [start, start + len(ids)]).tolist()
            if bad[i] is None and end > begin:
                other = np.flatnonzero(ids[places[begin:end] - start] != wanted)
                bad[i] = begin + int(other[0]) if len(other) else None
        start += len(ids)
    for document, (_, _, wanted) in zip(bad, around, strict=True):
        if document is not None:
            raise ValueError(
                f"{files.folder / name}: document {first + document} of the store lacks the id {wanted}, "
                "which stands at the same place of all"
            )


def _check_mask(files: StoreFiles, name: str, shard: ShardInfo) -> None:
    size, last = files.size(name), b"\0"
    if size != (shard.tokens + 7) // 8:
        raise ValueError(f"{files.folder / name}: {size} bytes for {shard.tokens} tokens, a bit each")
    for piece in files.pieces(name) if shard.tokens % 8 else ():
        last = piece[-1:]
    if shard.tokens % 8 and last[0] >> (shard.tokens % 8):
        raise ValueError(f"{files.folder / name}: bits are set behind its last token")


def _check_words(files: StoreFiles, name: str, shard: ShardInfo, ends: NDArray[np.int64], first: int) -> None:
    _check_mask(files, name, shard)
    lengths = np.diff(ends, prepend=0)
    documents = np.flatnonzero(lengths > 0)
    begins = (ends - lengths)[documents]
    start = 0
    for piece in files.pieces(name):
        low, high = np.searchsorted(begins, [8 * start, 8 * (start + len(piece))]).tolist()
        bits = begins[low:high] - 8 * start
        values = np.frombuffer(piece, np.uint8)
        bad = np.flatnonzero((values[bits >> 3] >> (bits & 7)) & 1 == 0)
        if len(bad):
            document = first + int(documents[low + int(bad[0])])
            raise ValueError(
                f"{files.folder / name}: document {document} of the store does not begin with a word"
            )
        start += len(piece)


def _check_groups(files: StoreFiles, name: str, shard: ShardInfo) -> None:
    _check_count(files, name, shard)
    last, start = -1, 0
    for places in _values(files, name, np.dtype("<i4")):
        before = np.concatenate([[last], places[:-1]])
        bad = np.flatnonzero((places != 0) & (places != before + 1))
        if len(bad):
            raise ValueError(
                f"{files.folder / name}: document {start + int(bad[0])} of the shard is number "
                f"{int(places[bad[0]])} of a group, behind number {int(before[bad[0]])}"
            )
        last, start = int(places[-1]), start + len(places)


def _check_weights(files: StoreFiles, name: str, shard: ShardInfo) -> None:
    _check_count(files, name, shard)
    start = 0
    for weights in _values(files, name, np.dtype("<f4")):
        bad = np.flatnonzero(~np.isfinite(weights))
        if len(bad):
            raise ValueError(
                f"{files.folder / name}: document {start + int(bad[0])} of the shard has the weight "
                f"{weights[bad[0]]}"
            )
        start += len(weights)


def _check_count(files: StoreFiles, name: str, shard: ShardInfo) -> None:
    count = files.size(name) // 4
    if count != shard.documents:
        raise ValueError(f"{files.folder / name}: {count} values for {shard.documents} documents")
