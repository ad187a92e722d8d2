"""What lies in a store's folder beside what its `store.json` names: shards of nobody, strangers."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from pypack.store.format import REJECTED_FILE, STORE_FILE, TOKENIZER_FILE, StoreInfo

# What a job leaves in its store for those who go on with it.
_OF_A_JOB = frozenset({"job.json", "units"})
_SHARD_FILE = re.compile(r"\d{5,}(-\d{3,})?\.(bin|idx|parquet|mask|group|weight)")


def shard_files(info: StoreInfo) -> list[str]:
    """The names of the files of all shards."""
    names = []
    for shard in info.shards:
        columns = [] if shard.columns_checksum is None else [".parquet"]
        names += [shard.name + suffix for suffix in (".bin", ".idx", *columns, *shard.beside)]
    return names


def missing_files(folder: Path, info: StoreInfo) -> list[str]:
    """What `store.json` names and is not there."""
    here = set(os.listdir(folder))  # noqa: PTH208  # a million names as strings
    return [name for name in (*shard_files(info), *info.files) if name not in here]


def extra_files(folder: Path, info: StoreInfo) -> tuple[list[str], list[str]]:
    """What `store.json` does not name: (files that look like shards, others), sorted.

    A shard that nobody names is of another job or another state of the store; tools that take every `.bin` of
    a folder would read it.
    """
    return extra_names(os.listdir(folder), info)  # noqa: PTH208


def extra_names(names: Iterable[str], info: StoreInfo) -> tuple[list[str], list[str]]:
    """The same of the names of what there is."""
    known = {*shard_files(info), *info.files, *_OF_A_JOB, STORE_FILE, TOKENIZER_FILE, REJECTED_FILE}
    extra = sorted(name for name in names if name not in known)
    shards = [name for name in extra if _SHARD_FILE.fullmatch(name)]
    return shards, [name for name in extra if not _SHARD_FILE.fullmatch(name)]
