"""Several finished stores into one at a URL: the service copies their objects, and no token is read.

There is no hidden folder that gets its name in one step: the objects are made under their names, and
`store.json` is made last, by one process. `merge.json` says of which stores; it is made first, so that
another merge keeps away, and the same one goes on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from pypack._common.words import counted
from pypack.jobs.crash import crash_at
from pypack.jobs.merge_parts import MERGE_PLAN, Made, MergedStore, make_store, stable_state
from pypack.jobs.moved import Moved
from pypack.jobs.open_place import place_at
from pypack.jobs.output import OutputError
from pypack.jobs.remote_place import RemotePlace
from pypack.jobs.replacing import read_store_info
from pypack.jobs.transfer import Transferred, transfer
from pypack.remote import Url
from pypack.store.alike import check_alike
from pypack.store.contents import shard_files
from pypack.store.described import DescribedStore
from pypack.store.format import STORE_FILE, StoreInfo
from pypack.store.store import TokenStore


def merge_at(
    places: Sequence[Path | Url], target: Url, say: Callable[[str], None]
) -> tuple[Made, Transferred]:
    """See `pypack.jobs.store_merge.merge_stores`, of an output at a URL. Killed at any moment, it leaves what
    is no store yet, or the whole store, and the same call goes on.

    Raises:
        StoresDifferError: two were not made alike.
        OutputError: something else stands there, or cannot be written there.
        FileNotFoundError: one of them is no store, or lacks a file.
        ValueError: one is of an older version, or a file of it is not what was recorded.
        RemoteError: a service does not answer, or does not allow it.
    """
    if target.is_read_only or not target.key:
        raise OutputError(f"{target}: name a folder at s3://, gs:// or az:// that can be written")
    stores, infos = _compared(places)
    place = RemotePlace(target)
    names = place.names()
    if names and MERGE_PLAN not in names:
        raise OutputError(f"{target}: stands there already; choose another name")
    wanted = [
        [store.told, hashlib.sha256(info.to_json()).hexdigest()]
        for store, info in zip(stores, infos, strict=True)
    ]
    if not place.create(MERGE_PLAN, json.dumps(wanted).encode()):
        raise OutputError(
            f"{place.told(MERGE_PLAN)}: a merge of other stores has begun there, or of these as they were: "
            f"choose another name, or remove what is at {target}"
        )
    crash_at("merge-stores", "begun")
    done = Transferred()

    def name_shards(new_names: list[list[str]]) -> None:
        nonlocal done
        done = transfer(moved_files(stores, infos, new_names), place)

    made = make_store(stores, infos, place, name_shards, say)
    crash_at("merge-stores", "described")
    place.remove(MERGE_PLAN)
    if done.through:
        say(
            f"{counted(done.through, 'file')} went through this machine "
            f"({counted(done.through_bytes, 'byte')})"
        )
    return Made(read_store_info(place), made.doubled, made.why_no_job), done


def _compared(places: Sequence[Path | Url]) -> tuple[list[MergedStore], list[StoreInfo]]:
    known: dict[Path | Url, MergedStore] = {}
    for where in dict.fromkeys(places):
        known[where] = described(where)
    stores = [known[where] for where in places]
    infos = check_alike([store.store for store in stores], [store.template for store in stores])
    return stores, infos


def described(where: Path | Url) -> MergedStore:
    """A store as it is at one moment.

    Raises:
        FileNotFoundError: there is none.
    """
    place = place_at(where)
    try:
        info, job = stable_state(place)
    except FileNotFoundError:
        raise FileNotFoundError(f"{where}: no store (it has no {STORE_FILE})") from None
    if isinstance(where, Url):
        return MergedStore(place, str(where), DescribedStore(where, info), job)
    return MergedStore(place, str(where.absolute()), TokenStore.open(where), job)


def moved_files(
    stores: Sequence[MergedStore], infos: Sequence[StoreInfo], new_names: list[list[str]]
) -> list[Moved]:
    """The files of all shards, after a look at their sizes, one listing a store."""
    files = []
    for store, info, names in zip(stores, infos, new_names, strict=True):
        size_of = store.place.sizes()
        for shard, new in zip(info.shards, names, strict=True):
            recorded = shard.checksums()
            known = {".bin": shard.bin_bytes, ".idx": shard.idx_bytes}
            for name in shard_files((shard,)):
                suffix, size = name.removeprefix(shard.name), size_of(name)
                if size is None or size != known.get(suffix, size):
                    raise ValueError(
                        f"{store.place.told(name)}: missing, or not of the size that {STORE_FILE} says: "
                        f"pypack verify --repair {store.told}"
                    )
                files.append(Moved(store.place, name, f"{new}{suffix}", size, recorded.get(suffix)))
    return files
