"""`pypack verify --deep` of a store at a URL: the content of its objects, read a second time, by pieces."""

from __future__ import annotations

from functools import partial

from pypack.store.asked_again import asked_again
from pypack.store.deep_check import check_shard
from pypack.store.remote_index import RemoteIndex
from pypack.store.store_files import ObjectFiles


def check_documents_at_url(store: RemoteIndex) -> None:
    """Looks at all documents of a store whose objects are what was written (`RemoteIndex.verify`).

    Memory: 30 bytes a document of one shard, beside the lengths of all, and some pieces of 8 MiB.

    Raises:
        ValueError: names the first document, or object, that is not what the store says of all.
    """
    files, first = ObjectFiles(store.url), 0
    for shard in store.info.shards:
        lengths = store.lengths[first : first + shard.documents]
        asked_again(partial(check_shard, files, store.info, shard, lengths, first))
        first += shard.documents
