"""The directory that a job writes: new, finished, or left unfinished by a run before."""

from __future__ import annotations

import glob
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pypack._common.files import NOT_SUPPORTED, exchange, sync_directory, warn_once
from pypack._common.words import counted
from pypack.jobs.attempts import final_name
from pypack.jobs.description import (
    JOB_FILE,
    NEXT_JOB_FILE,
    JobDescription,
    finished_description,
    read_description,
)
from pypack.jobs.differences import differences, different_options
from pypack.jobs.manifest import UNITS_FOLDER, finished_units, read_manifest
from pypack.jobs.place import FolderPlace
from pypack.jobs.places import Place
from pypack.jobs.retry import with_retries
from pypack.jobs.unit_journal import has_finished_shards
from pypack.remote import Url
from pypack.store.contents import REPLACED_FILE, numbered_next
from pypack.store.format import NEXT_REJECTED_FILE, REJECTED_FILE, STORE_FILE, TOKENIZER_FILE

# Of 0.1.0: what an unfinished job of it has.
OLD_JOURNAL = "journal.jsonl"
_OURS = (
    STORE_FILE,
    TOKENIZER_FILE,
    REJECTED_FILE,
    NEXT_REJECTED_FILE,
    JOB_FILE,
    NEXT_JOB_FILE,
    OLD_JOURNAL,
)
_SHARD_FILE = re.compile(r"(\d{5}|\d{6,}-\d{3,})\.(bin|idx|parquet|mask|group|weight|words)")


class OutputError(ValueError):
    """The output directory does not allow the job; the message says what stands there and what to do."""


def begun_by_older(directory: Path | Url) -> str:
    """What to do with an unfinished job of 0.1.0."""
    return (
        f"{directory}: an unfinished job that pypack 0.1 has begun, which this version cannot go on with: "
        "finish it with that version, or start over with --overwrite"
    )


@contextmanager
def claimed(
    directory: Path, job: JobDescription, tokenizer_json: bytes, *, overwrite: bool, shared: bool
) -> Iterator[tuple[Place, JobDescription]]:
    """Keeps the directory for the processes of one job.

    Args:
        tokenizer_json: the tokenizer of the job, kept with it.
        overwrite: replace what stands there of pypack's; a finished store only by a finished one, as the job
            works beside it until then.
        shared: other processes work on the same job, each on its partition.

    Yields:
        Where the job works, and the job as it was begun.

    Raises:
        OutputError: another process writes there; it holds a finished store and `overwrite` is false, an
            unfinished one of another job, or files that are not pypack's.
    """
    if directory.exists() and not directory.is_dir():
        raise OutputError(f"{directory}: is a file; the output is a directory")
    directory.mkdir(parents=True, exist_ok=True)
    try:
        with only_job_in(directory, shared=shared):
            _refuse_strangers(directory)
            finished = (directory / STORE_FILE).exists()
            if finished and not overwrite and not (shared and (directory / JOB_FILE).exists()):
                raise OutputError(
                    f"{directory}: already holds a finished store; choose another path, add to it with "
                    "--append, or replace it with --overwrite"
                )
            if not finished or not overwrite:
                shutil.rmtree(_aside(directory), ignore_errors=True)
                if overwrite:
                    _clear(directory)
                yield begun(FolderPlace(directory), job, tokenizer_json, shared)
                return
            aside = _aside(directory)
            aside.mkdir(exist_ok=True)
            if not _holds(FolderPlace(aside), job):
                _clear(aside)
            yield begun(FolderPlace(aside), job, tokenizer_json, shared)
            if (aside / STORE_FILE).exists():
                _swap(aside, directory)
    except BlockingIOError:
        raise OutputError(f"{directory}: another process is writing there; wait for it, or stop it") from None


@contextmanager
def claimed_again(directory: Path, job: JobDescription) -> Iterator[tuple[Place, JobDescription]]:
    """Keeps the directory of a finished store for a job that tries again what it has refused.

    Yields:
        Where the job works, and the job with units for the files that were mended.

    Raises:
        OutputError: another process writes there, or it holds no finished store of such a job.
        CorpusError: there is nothing to try again.
    """
    place = FolderPlace(directory)
    try:
        check_to_retry_in(place)
        with only_job_in(directory):
            before = job_to_retry(place, job)
            again = with_retries(place, before, job)
            again.write(place)
            place.write(NEXT_JOB_FILE, again.job.to_json())
            yield place, again.job
    except BlockingIOError:
        raise OutputError(f"{directory}: another process is writing there; wait for it, or stop it") from None


def check_to_retry_in(place: Place) -> None:
    """Raises OutputError for a place without a finished store."""
    if not place.exists(STORE_FILE):
        raise OutputError(
            f"{place.folder}: holds no finished store; --retry-rejected goes with one, and the same command "
            "without it makes or finishes it"
        )


def job_to_retry(place: Place, job: JobDescription) -> JobDescription:
    """The job that made the store of a place, or that has begun to try again what that has refused.

    Raises:
        OutputError: there is none, it has other options than `job`, or it is an append.
    """
    before = read_description(place)
    if before is None:
        raise OutputError(
            f"{place.folder}: holds no {JOB_FILE}, like all stores of older versions: what it refused "
            "cannot be tried again; tokenize the mended files into a store of their own"
        )
    different = different_options(before, job)
    if different:
        raise OutputError(
            f"{place.folder}: was made by a job that differs from this one in {'; '.join(different)}: "
            "try again with what it was made with"
        )
    if len(before.appends) != len((finished_description(place) or before).appends):
        raise OutputError(f"{place.folder}: --append has begun there: run that to its end first")
    return before


def _refuse_strangers(directory: Path) -> None:
    if any((directory / name).exists() for name in (STORE_FILE, JOB_FILE, OLD_JOURNAL)):
        return
    strangers = [path.name for path in sorted(directory.iterdir()) if not _is_ours(path)]
    if strangers:
        raise OutputError(
            f"{directory}: holds files that are not a store's ({', '.join(strangers[:3])}); "
            "choose a new directory"
        )


def begun(
    place: Place, job: JobDescription, tokenizer_json: bytes, shared: bool
) -> tuple[Place, JobDescription]:
    """The job that was begun there, if it is the same; else this one is begun."""
    before = read_description(place)
    if before is None and place.exists(OLD_JOURNAL):
        raise OutputError(begun_by_older(place.folder))
    if before is not None:
        different = differences(before, job)
        if not different:
            # A twin that began at the same moment may have cleared it away, with what it found unfinished.
            place.create(TOKENIZER_FILE, tokenizer_json)
            return place, before
        if shared or _has_documents(place):
            units = counted(len(before.units), "unit")
            raise OutputError(
                f"{place.folder}: holds {len(finished_units(place))} of {units} of a job "
                f"that differs from this one in {'; '.join(different)}. Run it as before to go on, or add "
                "--overwrite to start over"
            )
        clear_place(place)
    place.create(TOKENIZER_FILE, tokenizer_json)
    if place.create(JOB_FILE, job.to_json()):
        return place, job
    return begun(place, job, tokenizer_json, shared)  # another partition was first


def _holds(place: Place, job: JobDescription) -> bool:
    """Whether this very job was begun there."""
    try:
        before = read_description(place)
    except ValueError:
        return False
    return before is not None and not differences(before, job)


def _has_documents(place: Place) -> bool:
    """Whether an earlier run has finished anything worth keeping."""
    if has_finished_shards(place):
        return True
    for unit in sorted(finished_units(place)):
        manifest = read_manifest(place, unit)
        if manifest is not None and manifest.documents:
            return True
    return False


def working_places(directory: Path) -> list[Path]:
    """The output, and what stands beside it while it is replaced: no inputs of a job."""
    return [directory, _aside(directory), _old(directory)]


def is_shard_file(name: str) -> bool:
    """Whether a file of a shard is called so."""
    return _SHARD_FILE.fullmatch(name) is not None


def places_beside(directory: Path) -> Iterator[tuple[Path, str]]:
    """What stands beside a store of the commands that work on it: (folder, "next", "old", "merging" or
    "columns")."""
    for path in sorted(directory.absolute().parent.glob(f".{glob.escape(directory.name)}.*")):
        kind = path.name.removeprefix(f".{directory.name}.")
        if path.is_dir() and not path.is_symlink():
            if kind in ("next", "old", "merging"):
                yield path, kind
            elif re.fullmatch(r"columns-[0-9a-f]{12}", kind):
                yield path, "columns"


def _old(directory: Path) -> Path:
    return directory.with_name(f".{directory.name}.old")


def _aside(directory: Path) -> Path:
    """Where a job works that is to replace a finished store."""
    return directory.with_name(f".{directory.name}.next")


def _swap(new: Path, old: Path) -> None:
    """Puts a finished store in the place of another; what is not pypack's stays there."""
    for path in old.iterdir():
        if not _is_ours(path) and not (new / path.name).exists():
            if not path.is_dir():
                shutil.copy2(path, new / path.name, follow_symlinks=False)
            else:
                shutil.copytree(path, new / path.name, symlinks=True)
    if not exchange(new, old):  # a moment without a store: what was there is in `beside` then
        beside = _old(old)
        shutil.rmtree(beside, ignore_errors=True)
        old.rename(beside)
        new.rename(old)
        new = beside
    sync_directory(old.parent)
    shutil.rmtree(new, ignore_errors=True)


def _is_ours(path: Path) -> bool:
    return is_our_name(path.name)


def is_our_name(name: str) -> bool:
    name = final_name(name)
    return (
        name in (*_OURS, UNITS_FOLDER, REPLACED_FILE)
        or is_shard_file(name)
        or numbered_next(name) is not None
    )


def _clear(directory: Path) -> None:
    # The descriptions go first: what is left then is no store and no job, whenever this is killed.
    for name in (STORE_FILE, NEXT_JOB_FILE, JOB_FILE):
        (directory / name).unlink(missing_ok=True)
    shutil.rmtree(directory / UNITS_FOLDER, ignore_errors=True)
    for path in directory.iterdir():
        if _is_ours(path):
            path.unlink()


def clear_place(place: Place) -> None:
    """Removes what is of a job: then there is neither a store nor a job, whenever this is killed."""
    if isinstance(place.folder, Path):
        _clear(place.folder)
        return
    for name in (STORE_FILE, JOB_FILE):
        place.remove(name)
    for folder in (UNITS_FOLDER, ""):
        for name in (*place.names(folder), *place.temporaries(folder)):
            if folder or is_our_name(name):
                place.remove(f"{folder}/{name}" if folder else name)


@contextmanager
def only_job_in(directory: Path, *, shared: bool = False) -> Iterator[None]:
    """Keeps a second job from writing into the same directory.

    Args:
        shared: other processes that say so may work there, too.

    Raises:
        BlockingIOError: another process does.
    """
    try:
        import fcntl
    except ImportError:  # Windows: no advisory locks; two jobs in one directory are not noticed there
        yield
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            raise
        except OSError as error:
            if error.errno not in NOT_SUPPORTED:
                raise
            warn_once(
                f"{directory}: this file system has no locks ({error.strerror}): start no second job there"
            )
        yield
    finally:
        os.close(descriptor)
