"""One Megatron-Core dataset (`.bin` and `.idx`) from all shards of a store."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pypack._common.files import atomic_writer, write_atomically
from pypack.formats.rows import iterate_rows
from pypack.plan.plan import Plan
from pypack.store.shard_writer import index_bytes
from pypack.store.store import TokenStore


def write(store: TokenStore, plan: Plan | None, prefix: Path) -> int:
    """Writes `<prefix>.bin` and `<prefix>.idx`, one row a document; returns the number of rows."""
    lengths = []
    with atomic_writer(prefix.with_name(prefix.name + ".bin")) as file:
        for rows in iterate_rows(store, plan):
            file.write(rows.input_ids.astype(store.dtype).data)
            lengths.append(np.diff(rows.offsets).astype(np.int32))
    index = index_bytes(np.concatenate(lengths), store.dtype.name)
    write_atomically(prefix.with_name(prefix.name + ".idx"), index)
    return sum(map(len, lengths))
