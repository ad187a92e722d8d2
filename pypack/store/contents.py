"""What lies in a store's folder beside what its `store.json` names: shards of nobody, strangers."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from pypack.store.format import (
    NEXT_REJECTED_FILE,
    REJECTED_FILE,
    STORE_FILE,
    TOKENIZER_FILE,
    ShardInfo,
    StoreInfo,
)

# At a URL: before the name of the process that has made an object, see `pypack.jobs.remote_place`.
OF_ONE = "~"
# At a URL: the names of the shards of stores that were replaced, which are there for those who read them.
REPLACED_FILE = "replaced.json"
# What a job leaves in its store for those who go on with it.
_NEXT_JOB = "job.next.json"
_OF_A_JOB = frozenset({"job.json", _NEXT_JOB, "units", NEXT_REJECTED_FILE})
# The same at a URL, where no lock keeps others away: with the number of units of the state before.
_NUMBERED_NEXT = re.compile(r"(?:job\.next-(\d{6,})\.json|rejected\.next-(\d{6,})\.jsonl)")
_SHARD_FILE = re.compile(r"\d{5,}(-\d{3,})?\.(bin|idx|parquet|mask|group|weight|words)")
_OF_A_UNIT = re.compile(r"(\d{6,})-\d{3,}\..*")


def shard_files(shards: Iterable[ShardInfo]) -> list[str]:
    """The names of the files of shards."""
    names = []
    for shard in shards:
        columns = [] if shard.columns_checksum is None else [".parquet"]
        names += [shard.name + suffix for suffix in (".bin", ".idx", *columns, *shard.beside)]
    return names


def missing_files(folder: Path, info: StoreInfo) -> list[str]:
    """What `store.json` names and is not there."""
    here = set(os.listdir(folder))  # noqa: PTH208  # a million names as strings
    return [name for name in (*shard_files(info.shards), *info.files) if name not in here]


def extra_files(folder: Path, info: StoreInfo) -> tuple[list[str], list[str]]:
    """What `store.json` does not name: (files that look like shards, others), sorted.

    A shard that nobody names is of another job or another state of the store; tools that take every `.bin` of
    a folder would read it. What a job has made so far that adds to the store is neither.
    """
    extra = extra_names(os.listdir(folder), info)  # noqa: PTH208
    return extra if not is_growing(folder) else _without_growth(extra, info)


def numbered_next(name: str) -> int | None:
    """The number in the name of what is the next state of a store at a URL; None of any other name."""
    found = _NUMBERED_NEXT.fullmatch(name)
    return None if found is None else int(found[1] or found[2])


def extra_objects(
    names: Sequence[str], info: StoreInfo, replaced: Collection[str] = ()
) -> tuple[list[str], list[str]]:
    """`extra_files` of the names of what there is at a URL.

    Args:
        replaced: names of the shards of stores that were there before (`REPLACED_FILE`).
    """
    past = {REPLACED_FILE, *replaced}
    settled = [_settled(name) for name in names]
    extra = extra_names([name for name in settled if numbered_next(name) is None and name not in past], info)
    return _without_growth(extra, info) if grows(names) else extra


def grows(names: Iterable[str]) -> bool:
    """Whether a job has begun to add to a store at a URL, by the names of what is there."""
    return any(numbered_next(_settled(name)) is not None and name.startswith("job.") for name in names)


def _settled(name: str) -> str:
    """The name that an object gets once its job is done, which one of several processes has made where the
    service does not choose one of them."""
    final, one, _ = name.partition(OF_ONE)
    is_known = final in (STORE_FILE, TOKENIZER_FILE, "job.json") or numbered_next(final) is not None
    return final if one and is_known else name


def extra_names(names: Iterable[str], info: StoreInfo) -> tuple[list[str], list[str]]:
    """The same of the names of what there is; nothing adds to the store."""
    known = {*shard_files(info.shards), *info.files, *_OF_A_JOB, STORE_FILE, TOKENIZER_FILE, REJECTED_FILE}
    extra = sorted(name for name in names if name not in known)
    shards = [name for name in extra if _SHARD_FILE.fullmatch(name)]
    return shards, [name for name in extra if not _SHARD_FILE.fullmatch(name)]


def _without_growth(extra: tuple[list[str], list[str]], info: StoreInfo) -> tuple[list[str], list[str]]:
    last = max((_unit_of(shard.name) for shard in info.shards), default=-1)
    shards, others = ([name for name in names if _unit_of(name) <= last] for names in extra)
    return shards, others


def is_growing(folder: Path) -> bool:
    """Whether a job has begun to add to the store, and has not ended."""
    return (folder / _NEXT_JOB).is_file()


def _unit_of(name: str) -> int:
    """The number of the unit that a file of a shard is of, -1 if it is of none."""
    found = _OF_A_UNIT.fullmatch(name if "." in name else f"{name}.")
    return -1 if found is None else int(found[1])
