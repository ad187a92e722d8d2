"""Which files of a job's folder are pypack's own, and how they are cleared away."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from pypack.jobs.attempts import final_name
from pypack.jobs.description import JOB_FILE, NEXT_JOB_FILE
from pypack.jobs.manifest import UNITS_FOLDER
from pypack.jobs.places import Place
from pypack.store.contents import REPLACED_FILE, numbered_next
from pypack.store.format import NEXT_REJECTED_FILE, REJECTED_FILE, STORE_FILE, TOKENIZER_FILE

# Of 0.1.0: what an unfinished job of it has.
OLD_JOURNAL = "journal.jsonl"
_NAMES = (
    *(STORE_FILE, TOKENIZER_FILE, REJECTED_FILE, NEXT_REJECTED_FILE, REPLACED_FILE),
    *(JOB_FILE, NEXT_JOB_FILE, OLD_JOURNAL, UNITS_FOLDER),
)
_SHARD_FILE = re.compile(r"(\d{5}|\d{6,}-\d{3,})\.(bin|idx|parquet|mask|group|weight|words)")


def is_shard_file(name: str) -> bool:
    """Whether a file of a shard is called so."""
    return _SHARD_FILE.fullmatch(name) is not None


def is_our_name(name: str) -> bool:
    """Whether a file or folder of a store, or of a job that makes one, is called so, or is about to be."""
    name = final_name(name)
    return name in _NAMES or is_shard_file(name) or numbered_next(name) is not None


def clear(directory: Path) -> None:
    """Removes what is pypack's from a folder."""
    # The descriptions go first: what is left then is no store and no job, whenever this is killed.
    for name in (STORE_FILE, NEXT_JOB_FILE, JOB_FILE):
        (directory / name).unlink(missing_ok=True)
    shutil.rmtree(directory / UNITS_FOLDER, ignore_errors=True)
    for path in directory.iterdir():
        if is_our_name(path.name):
            path.unlink()


def clear_place(place: Place) -> None:
    """Removes what is of a job: then there is neither a store nor a job, whenever this is killed."""
    if isinstance(place.folder, Path):
        clear(place.folder)
        return
    for name in (STORE_FILE, JOB_FILE):
        place.remove(name)
    for folder in (UNITS_FOLDER, ""):
        for name in (*place.names(folder), *place.temporaries(folder)):
            if folder or is_our_name(name):
                place.remove(f"{folder}/{name}" if folder else name)
