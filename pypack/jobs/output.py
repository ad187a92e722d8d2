"""The directory that a job writes: new, finished, or left unfinished by a run before."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pypack.jobs.begun import OutputError as OutputError
from pypack.jobs.begun import begun, holds
from pypack.jobs.beside_output import aside_of, swap
from pypack.jobs.description import (
    JOB_FILE,
    NEXT_JOB_FILE,
    JobDescription,
    finished_description,
    read_description,
)
from pypack.jobs.differences import different_options
from pypack.jobs.our_files import OLD_JOURNAL, clear, is_our_name
from pypack.jobs.output_lock import only_job_in as only_job_in
from pypack.jobs.place import FolderPlace
from pypack.jobs.places import Place
from pypack.jobs.retry import with_retries
from pypack.store.format import STORE_FILE


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
                shutil.rmtree(aside_of(directory), ignore_errors=True)
                if overwrite:
                    clear(directory)
                yield begun(FolderPlace(directory), job, tokenizer_json, shared)
                return
            aside = aside_of(directory)
            aside.mkdir(exist_ok=True)
            if not holds(FolderPlace(aside), job):
                clear(aside)
            yield begun(FolderPlace(aside), job, tokenizer_json, shared)
            if (aside / STORE_FILE).exists():
                swap(aside, directory)
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
    strangers = [path.name for path in sorted(directory.iterdir()) if not is_our_name(path.name)]
    if strangers:
        raise OutputError(
            f"{directory}: holds files that are not a store's ({', '.join(strangers[:3])}); "
            "choose a new directory"
        )
