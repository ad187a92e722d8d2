"""Stores of an older version in the form of today: `store.json` is written anew, no token is touched."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pypack._common.checksums import SMALL_BLOCK_BYTES, block_checksum, checksum
from pypack._common.files import write_atomically
from pypack._common.fingerprint import joined_fingerprint, lengths_fingerprint
from pypack.store.format import REJECTED_FILE, STORE_FILE, TOKENIZER_FILE, ShardInfo
from pypack.store.only_here import UPGRADE_HERE
from pypack.store.shard_writer import BIN_BLOCK_BYTES
from pypack.store.store import TokenStore


def _with_sums(store: TokenStore, shard: ShardInfo) -> ShardInfo:
    """The checksums of parts by which a shard is read from object storage."""
    files = {suffix: store.path / f"{shard.name}{suffix}" for suffix in (".bin", ".idx", *shard.beside)}
    sums = {".bin": BIN_BLOCK_BYTES, ".idx": SMALL_BLOCK_BYTES}
    return replace(
        shard,
        beside={suffix: block_checksum(files[suffix]) for suffix in shard.beside},
        block_checksums={suffix: block_checksum(files[suffix], size) for suffix, size in sums.items()},
    )


def upgrade_store(store: TokenStore) -> None:
    """Writes the `store.json` of an opened store in the newest version, in one step.

    The fingerprints of lengths are computed from the indexes, and what stands beside the shards gets its
    checksum: it is taken as it is.

    Raises:
        ValueError: the store is a bare Megatron-Core dataset, or a file of it is not what was written.
    """
    if store.is_remote:
        raise ValueError(f"{store.place}: is upgraded on this machine: {UPGRADE_HERE}")
    if store.info is None:
        raise ValueError(f"{store.path}: is no store of pypack (it has no {STORE_FILE}): nothing to upgrade")
    store.verify()
    shards, first = [], 0
    for shard in store.info.shards:
        lengths = np.ascontiguousarray(store.lengths[first : first + shard.documents])
        shards.append(_with_sums(store, replace(shard, lengths_fingerprint=lengths_fingerprint(lengths))))
        first += shard.documents
    files = {
        name: checksum(store.path / name)
        for name in (TOKENIZER_FILE, REJECTED_FILE)
        if (store.path / name).is_file()
    }
    info = replace(
        store.info,
        shards=tuple(shards),
        files={**files, **store.info.files},
        lengths_fingerprint=joined_fingerprint(
            (shard.lengths_fingerprint or "", shard.documents) for shard in shards
        ),
    )
    write_atomically(store.path / STORE_FILE, info.to_json())
