"""Stores of so many shards that not all can be mapped at once."""

from __future__ import annotations

from collections.abc import Sequence

from pypack import _core
from pypack.store.format import ShardInfo

# Linux maps some 65,000 files for a process, of all its libraries and stores; a shard has two or three.
MOST_MAPPED_SHARDS = 4096


def open_view(
    files: Sequence[tuple[str, str]], masks: Sequence[str], shards: Sequence[ShardInfo], dtype: str
) -> _core.StoreView:
    """The shards of a store, all mapped; or where there are too many, none yet.

    Args:
        files: paths of the `.bin` and the `.idx` of each.
        masks: path of the loss mask of each, "" for none.
        shards: what the store says of each, by which it is checked when it is mapped later.

    Raises:
        ValueError: of shards that are mapped, names the file and the field that is wrong.
    """
    if len(files) <= MOST_MAPPED_SHARDS:
        return _core.StoreView(files, one_sequence_per_document=True, masks=masks)
    return _core.StoreView.of_many(
        files,
        masks,
        [shard.documents for shard in shards],
        [shard.tokens for shard in shards],
        dtype,
        MOST_MAPPED_SHARDS,
    )
