"""Stores of an older version in the form of today: `store.json` is written anew, no token is touched."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pypack._common.checksums import checksum
from pypack._common.files import write_atomically
from pypack._common.fingerprint import joined_fingerprint, lengths_fingerprint
from pypack.store.format import REJECTED_FILE, STORE_FILE, TOKENIZER_FILE
from pypack.store.store import TokenStore


def upgrade_store(store: TokenStore) -> None:
    """Writes the `store.json` of an opened store in the newest version, in one step.

    The fingerprints of lengths are computed from the indexes, and what stands beside the shards gets its
    checksum: it is taken as it is.

    Raises:
        ValueError: the store is a bare Megatron-Core dataset, or a file of it is not what was written.
    """
    if store.info is None:
        raise ValueError(f"{store.path}: is no store of pypack (it has no {STORE_FILE}): nothing to upgrade")
    store.verify()
    shards, first = [], 0
    for shard in store.info.shards:
        lengths = np.ascontiguousarray(store.lengths[first : first + shard.documents])
        shards.append(replace(shard, lengths_fingerprint=lengths_fingerprint(lengths)))
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
