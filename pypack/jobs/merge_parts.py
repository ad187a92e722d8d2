"""Making one store of several: what is the same in folders and at URLs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pypack._common.fingerprint import joined_fingerprint
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
from pypack.jobs.output import OutputError
from pypack.jobs.places import Place
from pypack.jobs.replacing import read_store_info
from pypack.remote import is_url
from pypack.store.described import DescribedStore
from pypack.store.format import REJECTED_FILE, STORE_FILE, TOKENIZER_FILE, StoreInfo
from pypack.store.provenance import provenance
from pypack.store.store import TokenStore

MERGE_PLAN = "merge.json"


@dataclass(frozen=True)
class MergedStore:
    """One of the stores.

    Attributes:
        place: where it is.
        told: the same as it is recorded.
        store: what compares it with the others.
        job: what made it, None if nobody knows.
    """

    place: Place
    told: str
    store: TokenStore | DescribedStore
    job: JobDescription | None

    @property
    def template(self) -> object:
        """By what records became texts, without the day of chats."""
        records = None if self.job is None else self.job.job.get("records_as")
        if records and records.get("chat"):
            records = {**records, "chat": {**records["chat"], "date": None}}
        return records


@dataclass
class Made:
    """What `make_store` has made.

    Attributes:
        info: what `store.json` says.
        doubled: files that are inputs of several of the stores.
        why_no_job: why the new store has no job; "" if it has one.
    """

    info: StoreInfo
    doubled: list[str]
    why_no_job: str


def make_store(
    stores: Sequence[MergedStore],
    infos: Sequence[StoreInfo],
    place: Place,
    name_shards: Callable[[list[list[str]]], None],
    say: Callable[[str], None],
) -> Made:
    """Makes the store of all.

    Args:
        infos: what their `store.json` say.
        place: where it is to be.
        name_shards: gives the shards of each store these names there.
        say: told what is worth telling.
    """
    jobs = [store.job for store in stores]
    why_not = why_not_one(jobs)
    parts, doubled = None, []
    if why_not is None:
        parts = job_parts([store.place for store in stores], [job for job in jobs if job])
        doubled = doubled_inputs(parts)
        if doubled and any(part.job.retries for part in parts):
            parts, why_not = None, f"{doubled[0]} is an input of several of them, and files were mended"
    names = _new_names(infos, parts)
    name_shards(names)
    crash_at("merge-stores", "shards")
    holder = next((store for store in stores if store.store.holds_tokenizer), None)
    tokenizer = None if holder is None else holder.place.read(TOKENIZER_FILE)
    if tokenizer is not None:
        place.write(TOKENIZER_FILE, tokenizer)
    told = [(store.told, info) for store, info in zip(stores, infos, strict=True)]
    notes = {"merged": provenance(told)}
    if parts is not None:
        write_units(parts, place)
        job = joined_job(parts, notes)
        _write_job(place, job.to_json())
        crash_at("merge-stores", "units")
        info = merge(place, job)
    else:
        say(f"the store cannot be appended to, nor repaired: {why_not}")
        info = _described(stores, infos, place, names, notes)
    if doubled:
        say(
            f"warning: {counted(len(doubled), 'input')} of several of the stores, whose documents are in the "
            f"new one that often: {doubled[0]}"
        )
    return Made(info, doubled, "" if parts is not None else why_not or "")


def _write_job(place: Place, data: bytes) -> None:
    """Writes `job.json`. At a URL a twin may have ended, and the store may have grown since."""
    if not is_url(place.folder):
        place.write(JOB_FILE, data)
    elif not place.create(JOB_FILE, data):
        raise OutputError(f"{place.told(JOB_FILE)}: is of another job: choose another place")


def stable_state(place: Place) -> tuple[StoreInfo, JobDescription | None]:
    """What a store says, and the job that made it, both of one moment.

    Raises:
        FileNotFoundError: there is no store.
        ValueError: it is damaged.
    """
    while True:
        info = read_store_info(place)
        job = job_of(place, info)
        if read_store_info(place) == info:
            return info, job


def _new_names(infos: Sequence[StoreInfo], parts: list[JobPart] | None) -> list[list[str]]:
    """The names of the shards of each store in the new one."""
    if parts is not None:
        return [[part.new_name(s.name) for s in i.shards] for part, i in zip(parts, infos, strict=True)]
    names, first = [], 0
    for info in infos:
        names.append([shard_name(first + i, 0) for i in range(len(info.shards))])
        first += len(info.shards)
    return names


def _described(
    stores: Sequence[MergedStore],
    infos: Sequence[StoreInfo],
    place: Place,
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
                if store.place.exists(REJECTED_FILE):
                    log = store.place.file(REJECTED_FILE)
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
    place.write_once(STORE_FILE, info.to_json())
    return info


def _shared(infos: Sequence[StoreInfo]) -> dict[str, Any]:
    """The options that all were made with, and the inputs of all."""
    first = infos[0].options
    shared = {
        name: value
        for name, value in first.items()
        if all(name in info.options and info.options[name] == value for info in infos)
    }
    named = [name for info in infos for name in info.options.get("inputs", ())]
    return {**shared, **({"inputs": list(dict.fromkeys(named))} if named else {})}
