"""Several finished stores into one: their files get second names, and no token is read.

The new store is made in a hidden folder beside its place, and gets its name once it is whole. A call that was
killed leaves that folder, and the next one goes on with it. At a URL: `pypack.jobs.remote_merge`.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from pypack._common.files import sync_directory
from pypack._common.paths import local_path
from pypack._common.words import counted
from pypack.jobs.crash import crash_at
from pypack.jobs.description import job_of
from pypack.jobs.fetching import Fetched, fetch
from pypack.jobs.merge_parts import MERGE_PLAN, MergedStore, make_store
from pypack.jobs.moved import Moved
from pypack.jobs.output import OutputError
from pypack.jobs.output_lock import only_job_in
from pypack.jobs.place import FolderPlace
from pypack.jobs.remote_merge import described, merge_at, moved_files
from pypack.remote import Url, is_url
from pypack.store.alike import check_alike
from pypack.store.contents import shard_files
from pypack.store.format import STORE_FILE, StoreInfo
from pypack.store.remote_index import RemoteIndex
from pypack.store.second_name import SecondNames
from pypack.store.store import TokenStore


@dataclass(frozen=True)
class MergeResult:
    """What `merge_stores` has made.

    Attributes:
        store: the new store, opened; of one at a URL its descriptions (`TokenStore.open(url)` opens it).
        linked, copied, copied_bytes: files of shards that got a second name, or that the service has copied
            by itself; and those that had to be copied by this machine, as they lie on another file system, in
            another bucket, or there and not here.
        rejected: rejects of all stores, by kind.
        doubled_inputs: files that are inputs of several of the stores, whose documents are in it that often.
        has_job: whether inputs can be appended to it, and broken shards be made again.
        why_no_job: why not, "" if they can.
    """

    store: TokenStore | RemoteIndex
    linked: int
    copied: int
    copied_bytes: int
    rejected: dict[str, int]
    doubled_inputs: list[str]
    has_job: bool
    why_no_job: str = ""


def merge_stores(
    stores: Sequence[str | os.PathLike[str] | Url],
    output: str | os.PathLike[str] | Url,
    *,
    on_message: Callable[[str], None] | None = None,
) -> MergeResult:
    """Makes one store of several: the documents of the first, then those of the next, ...

    The files of the shards are hard links of those of the stores, or copies where these lie on another file
    system; those of a store at a URL are fetched, each block compared with its checksum. At a URL the service
    copies the objects of its own bucket, and what lies elsewhere goes through this machine. Rejects are
    joined and counted. The store says which documents come from which store (`TokenStore.merged_from`); where
    the jobs that made them differ in nothing but their inputs, it has the job of all, and can be appended to
    and repaired like any other.

    Args:
        stores: two or more, folders or URLs; one that is named twice gives its documents twice.
        output: the store to make.
        on_message: told what is worth telling.

    Raises:
        StoresDifferError: two were not made alike; the message names in what they differ.
        OutputError: something stands at `output`, or a job works on one of the stores.
        ValueError: one is no store of pypack, of an older version, or a file of it is not what was recorded.
        OSError: the disk is full, a permission is missing, a service does not answer, ...
    """
    say = on_message or (lambda message: None)
    if len(stores) < 2:
        raise ValueError(f"merge_stores takes two stores or more, got {len(stores)}")
    if is_url(output):
        url, places = Url.of(cast("str | Url", output)), [_place(path) for path in stores]
        made, done = merge_at(places, url, say)
        return MergeResult(
            RemoteIndex(url), done.within, done.through, done.through_bytes, made.info.counts["rejected"],
            made.doubled, not made.why_no_job, made.why_no_job,
        )  # fmt: skip
    paths = [_place(path) for path in stores]
    target = local_path(cast("str | os.PathLike[str]", output))
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise OutputError(f"{target}: stands there already; choose another path")
    with ExitStack() as claims:
        for path in dict.fromkeys(paths):
            if isinstance(path, Path) and TokenStore.open(path).info is not None:  # says what is wrong
                _claim(claims, path, shared=True)
        merged = [_merged(path) for path in paths]
        infos = check_alike([one.store for one in merged], [one.template for one in merged])
        staged = target.with_name(f".{target.name}.merging")
        staged.mkdir(parents=True, exist_ok=True)
        _claim(claims, staged, shared=False)
        place, names = FolderPlace(staged), SecondNames()
        _begin(place, merged)
        fetched = Fetched()

        def name_shards(new_names: list[list[str]]) -> None:
            nonlocal fetched
            there: list[Moved] = []
            for one, info, new in zip(merged, infos, new_names, strict=True):
                if isinstance(one.store, TokenStore):
                    _name_shards(one.store, info, staged, new, names)
                else:
                    there += moved_files([one], [info], [new])
            fetched = fetch(there, staged)
            sync_directory(staged)

        made = make_store(merged, infos, place, name_shards, say)
        place.remove(MERGE_PLAN)
        crash_at("merge-stores", "described")
        if names.copied:
            say(f"{counted(names.copied, 'file')} had to be copied ({counted(names.copied_bytes, 'byte')})")
        if fetched.files:
            say(f"{counted(fetched.files, 'object')} came to this machine ({counted(fetched.bytes, 'byte')})")
        staged.rename(target)
        sync_directory(target.parent)
        crash_at("merge-stores", "named")
    return MergeResult(
        TokenStore.open(target), names.linked,
        names.copied + fetched.files, names.copied_bytes + fetched.bytes,
        made.info.counts["rejected"], made.doubled, not made.why_no_job, made.why_no_job,
    )  # fmt: skip


def _place(path: str | os.PathLike[str] | Url) -> Path | Url:
    if is_url(path):
        return Url.of(cast("str | Url", path))
    return local_path(cast("str | os.PathLike[str]", path))


def _merged(path: Path | Url) -> MergedStore:
    if isinstance(path, Url):
        return described(path)
    store = TokenStore.open(path)
    place = FolderPlace(store.path)
    return MergedStore(place, str(store.path.absolute()), store, job_of(place, store.info))


def _claim(claims: ExitStack, path: Path, *, shared: bool) -> None:
    try:
        claims.enter_context(only_job_in(path, shared=shared))
    except BlockingIOError:
        raise OutputError(f"{path}: another process is writing there; wait for it, or stop it") from None


def _begin(place: FolderPlace, stores: list[MergedStore]) -> None:
    """Goes on with a folder that was begun for the same stores as they are, or empties it."""
    wanted = [[one.told, hashlib.sha256(_description(one)).hexdigest()] for one in stores]
    data = json.dumps(wanted).encode()
    if place.read(MERGE_PLAN) != data:
        for path in list(place.folder.iterdir()):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        place.write(MERGE_PLAN, data)


def _description(one: MergedStore) -> bytes:
    if isinstance(one.store, TokenStore):
        return (one.store.path / STORE_FILE).read_bytes()
    return one.store.info.to_json()


def _name_shards(
    store: TokenStore, info: StoreInfo, folder: Path, new_names: list[str], names: SecondNames
) -> None:
    for shard, new in zip(info.shards, new_names, strict=True):
        sizes = {".bin": shard.bin_bytes, ".idx": shard.idx_bytes}
        checksums = shard.checksums()
        for file in shard_files((shard,)):
            suffix = file.removeprefix(shard.name)
            path = store.path / file
            if not path.is_file() or path.stat().st_size != sizes.get(suffix, path.stat().st_size):
                raise ValueError(
                    f"{path}: missing, or not of the size that {STORE_FILE} says: pypack verify --repair "
                    f"{store.path}"
                )
            names.give(path, folder / f"{new}{suffix}", checksums.get(suffix))
