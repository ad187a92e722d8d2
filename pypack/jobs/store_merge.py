"""Several finished stores into one: their files get second names, and no token is read.

The new store is made in a hidden folder beside its place, and gets its name once it is whole. A call that was
killed leaves that folder, and the next one goes on with it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pypack._common.files import sync_directory
from pypack._common.fingerprint import joined_fingerprint
from pypack._common.paths import local_path
from pypack._common.words import counted
from pypack.jobs.crash import crash_at
from pypack.jobs.description import JOB_FILE, JobDescription, job_of
from pypack.jobs.manifest import shard_name
from pypack.jobs.merge import merge
from pypack.jobs.merged_job import (
    JobPart,
    doubled_inputs,
    job_parts,
    joined_job,
    renamed,
    renamed_rejects,
    why_not_one,
    write_units,
)
from pypack.jobs.output import OutputError, only_job_in
from pypack.jobs.place import FolderPlace
from pypack.store.alike import check_alike
from pypack.store.contents import shard_files
from pypack.store.format import REJECTED_FILE, STORE_FILE, TOKENIZER_FILE, StoreInfo
from pypack.store.provenance import provenance
from pypack.store.second_name import SecondNames
from pypack.store.store import TokenStore

_PLAN = "merge.json"


@dataclass(frozen=True)
class MergeResult:
    """What `merge_stores` has made.

    Attributes:
        store: the new store, opened.
        linked, copied, copied_bytes: files of shards that got a second name, and those that had to be copied,
            as they lie on another file system.
        rejected: rejects of all stores, by kind.
        doubled_inputs: files that are inputs of several of the stores, whose documents are in it that often.
        has_job: whether inputs can be appended to it, and broken shards be made again.
        why_no_job: why not, "" if they can.
    """

    store: TokenStore
    linked: int
    copied: int
    copied_bytes: int
    rejected: dict[str, int]
    doubled_inputs: list[str]
    has_job: bool
    why_no_job: str = ""


def merge_stores(
    stores: Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    *,
    on_message: Callable[[str], None] | None = None,
) -> MergeResult:
    """Makes one store of several: the documents of the first, then those of the next, ...

    The files of the shards are hard links of those of the stores, or copies where these lie on another file
    system. Rejects are joined and counted. The store says which documents come from which store
    (`TokenStore.merged_from`); where the jobs that made them differ in nothing but their inputs, it has the
    job of all, and can be appended to and repaired like any other.

    Args:
        stores: two or more; one that is named twice gives its documents twice.
        output: the store to make.
        on_message: told what is worth telling.

    Raises:
        StoresDifferError: two were not made alike; the message names in what they differ.
        OutputError: something stands at `output`, or a job works on one of the stores.
        ValueError: one is no store of pypack, of an older version, or a file of it is not what was recorded.
        OSError: the disk is full, a permission is missing, ...
    """
    say = on_message or (lambda message: None)
    paths, target = [local_path(path) for path in stores], local_path(output)
    if len(paths) < 2:
        raise ValueError(f"merge_stores takes two stores or more, got {len(paths)}")
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise OutputError(f"{target}: stands there already; choose another path")
    with ExitStack() as claims:
        for path in dict.fromkeys(paths):
            if TokenStore.open(path).info is not None:  # says what is wrong with a path
                _claim(claims, path, shared=True)
        opened = [TokenStore.open(path) for path in paths]
        jobs = [job_of(FolderPlace(store.path), store.info) for store in opened]
        infos = check_alike(opened, [_template(job) for job in jobs])
        staged = target.with_name(f".{target.name}.merging")
        staged.mkdir(parents=True, exist_ok=True)
        _claim(claims, staged, shared=False)
        result = _merge(opened, infos, jobs, FolderPlace(staged), say)
        staged.rename(target)
        sync_directory(target.parent)
        crash_at("merge-stores", "named")
    return MergeResult(TokenStore.open(target), **result)


def _claim(claims: ExitStack, path: Path, *, shared: bool) -> None:
    try:
        claims.enter_context(only_job_in(path, shared=shared))
    except BlockingIOError:
        raise OutputError(f"{path}: another process is writing there; wait for it, or stop it") from None


def _merge(
    stores: list[TokenStore],
    infos: list[StoreInfo],
    jobs: list[JobDescription | None],
    place: FolderPlace,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Makes the store in its hidden folder; the fields of the result."""
    _begin(place, stores)
    why_not = why_not_one(jobs)
    parts, doubled = None, []
    if why_not is None:
        parts = job_parts([FolderPlace(store.path) for store in stores], [job for job in jobs if job])
        doubled = doubled_inputs(parts)
        if doubled and any(part.job.retries for part in parts):
            parts, why_not = None, f"{doubled[0]} is an input of several of them, and files were mended"
    new_names = _new_names(infos, parts)
    names = SecondNames()
    for store, info, new in zip(stores, infos, new_names, strict=True):
        _name_shards(store, info, place.folder, new, names)
    sync_directory(place.folder)
    crash_at("merge-stores", "shards")
    holder = next((store for store in stores if store.holds_tokenizer), None)
    if holder is not None:
        place.write(TOKENIZER_FILE, (holder.path / TOKENIZER_FILE).read_bytes())
    named = [str(store.path.absolute()) for store in stores]
    notes = {"merged": provenance(list(zip(named, infos, strict=True)))}
    if parts is not None:
        write_units(parts, place)
        job = joined_job(parts, notes)
        place.write(JOB_FILE, job.to_json())
        crash_at("merge-stores", "units")
        merged = merge(place, job)
    else:
        say(f"the store cannot be appended to, nor repaired: {why_not}")
        merged = _described(stores, infos, place, new_names, notes)
    place.remove(_PLAN)
    crash_at("merge-stores", "described")
    if doubled:
        say(
            f"warning: {counted(len(doubled), 'input')} of several of the stores, whose documents are in the "
            f"new one that often: {doubled[0]}"
        )
    if names.copied:
        say(f"{counted(names.copied, 'file')} had to be copied ({counted(names.copied_bytes, 'byte')})")
    return {
        "linked": names.linked,
        "copied": names.copied,
        "copied_bytes": names.copied_bytes,
        "rejected": merged.counts["rejected"],
        "doubled_inputs": doubled,
        "has_job": parts is not None,
        "why_no_job": why_not or "",
    }


def _template(job: JobDescription | None) -> object:
    """By what records became texts, without the day of chats."""
    records = None if job is None else job.job.get("records_as")
    if records and records.get("chat"):
        records = {**records, "chat": {**records["chat"], "date": None}}
    return records


def _begin(place: FolderPlace, stores: list[TokenStore]) -> None:
    """Goes on with a folder that was begun for the same stores as they are, or empties it."""
    wanted = [
        [str(store.path.absolute()), hashlib.sha256((store.path / STORE_FILE).read_bytes()).hexdigest()]
        for store in stores
    ]
    data = json.dumps(wanted).encode()
    if place.read(_PLAN) != data:
        for path in list(place.folder.iterdir()):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        place.write(_PLAN, data)


def _new_names(infos: list[StoreInfo], parts: list[JobPart] | None) -> list[list[str]]:
    """The names of the shards of each store in the new one."""
    if parts is not None:
        return [[part.new_name(s.name) for s in i.shards] for part, i in zip(parts, infos, strict=True)]
    names, first = [], 0
    for info in infos:
        names.append([shard_name(first + i, 0) for i in range(len(info.shards))])
        first += len(info.shards)
    return names


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


def _described(
    stores: list[TokenStore],
    infos: list[StoreInfo],
    place: FolderPlace,
    new_names: list[list[str]],
    notes: dict[str, Any],
) -> StoreInfo:
    """Writes `rejected.jsonl` and `store.json` of stores that have no common job."""
    rejected: Counter[str] = Counter()
    passed_over: Counter[str] = Counter()
    for info in infos:
        rejected.update(info.counts.get("rejected", {}))
        passed_over.update(info.counts.get("passed_over", {}))
    files = {}
    if any(rejected.values()):
        with place.writer(REJECTED_FILE) as target:
            for store in stores:
                log = store.path / REJECTED_FILE
                if log.is_file():
                    for chunk in renamed_rejects(log, str, is_moved=False):
                        target.write(chunk)
        files[REJECTED_FILE] = place.checksum(REJECTED_FILE)
    if place.exists(TOKENIZER_FILE):
        files[TOKENIZER_FILE] = place.checksum(TOKENIZER_FILE)
    first = infos[0]
    shards = tuple(
        renamed(shard, name, str)
        for info, names in zip(infos, new_names, strict=True)
        for shard, name in zip(info.shards, names, strict=True)
    )
    info = StoreInfo(
        dtype=first.dtype,
        vocab_size=first.vocab_size,
        documents=sum(info.documents for info in infos),
        tokens=sum(info.tokens for info in infos),
        lengths_fingerprint=joined_fingerprint(
            (shard.lengths_fingerprint or "", shard.documents) for shard in shards
        ),
        shards=shards,
        tokenizer_fingerprint=next((i.tokenizer_fingerprint for i in infos if i.tokenizer_fingerprint), None),
        special_ids=first.special_ids,
        appended_id=first.appended_id,
        prepended_ids=first.prepended_ids,
        options=_shared(infos),
        requires=first.requires,
        files={name: recorded for name, recorded in files.items() if recorded is not None},
        counts={
            "rejected": dict(sorted(rejected.items())),
            "rejected_files": sum(info.counts.get("rejected_files", 0) for info in infos),
            **({"passed_over": dict(sorted(passed_over.items()))} if passed_over else {}),
            **notes,
        },
    )
    place.write(STORE_FILE, info.to_json())
    return info


def _shared(infos: list[StoreInfo]) -> dict[str, Any]:
    """The options that all were made with, and the inputs of all."""
    first = infos[0].options
    shared = {
        name: value
        for name, value in first.items()
        if all(name in info.options and info.options[name] == value for info in infos)
    }
    named = [name for info in infos for name in info.options.get("inputs", ())]
    return {**shared, **({"inputs": list(dict.fromkeys(named))} if named else {})}
