"""A folder of objects as the output of a job: new, finished, or left unfinished by a run before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pypack.jobs.begun import begun
from pypack.jobs.crash import crash_at
from pypack.jobs.description import JOB_FILE, JobDescription, finished_description, next_job_file
from pypack.jobs.our_files import clear_place, is_our_name
from pypack.jobs.output import OutputError, check_to_retry_in, job_to_retry
from pypack.jobs.places import Place
from pypack.jobs.remote_place import RemotePlace
from pypack.jobs.remote_replace import claimed_beside
from pypack.jobs.retry import with_retries, write_missing_records
from pypack.remote import Url
from pypack.store.format import STORE_FILE


@contextmanager
def claimed_at(
    url: Url, job: JobDescription, tokenizer_json: bytes, *, overwrite: bool, shared: bool
) -> Iterator[tuple[Place, JobDescription]]:
    """The same as `pypack.jobs.output.claimed`, without a lock, which services of objects have not.

    None is needed: of two jobs that begin at once, one makes `job.json`, and the other finds it. Two that are
    the same help each other.

    Raises:
        OutputError: it cannot be written, holds a finished store, an unfinished one of another job, or
            objects that are not pypack's.
        RemoteError: the service does not answer, or does not allow it.
    """
    if url.is_read_only:
        raise OutputError(f"{url}: can be read only; write to a folder, or to s3://, gs:// or az://")
    if not url.key:
        raise OutputError(f"{url}: is a whole bucket; name a folder in it")
    place = RemotePlace(url)
    names = place.names()
    is_finished, is_begun = STORE_FILE in names, JOB_FILE in names
    if not is_finished and not is_begun:
        strangers = [name for name in names if not is_our_name(name)]
        if strangers:
            raise OutputError(
                f"{url}: holds objects that are not a store's ({', '.join(strangers[:3])}); choose a new one"
            )
    if is_finished and overwrite:
        with claimed_beside(place, job, tokenizer_json) as kept:
            yield kept
        return
    if is_finished and not (shared and is_begun):
        raise OutputError(
            f"{url}: already holds a finished store; choose another name, add to it with "
            "--append, or replace it with --overwrite"
        )
    if overwrite:
        clear_place(place)
    yield begun(place, job, tokenizer_json, shared)


@contextmanager
def claimed_again_at(url: Url, job: JobDescription) -> Iterator[tuple[Place, JobDescription]]:
    """The same as `pypack.jobs.output.claimed_again`: one process makes the next state of the job, and those
    who ask for the same help it.

    Raises:
        OutputError: it holds no finished store of such a job, or another one has begun to add to it.
        CorpusError: there is nothing to try again.
        RemoteError: the service does not answer, or does not allow it.
    """
    place = RemotePlace(url)
    check_to_retry_in(place)
    before = job_to_retry(place, job)
    retry = with_retries(place, before, job)
    name = next_job_file(place, finished_description(place))
    if before != finished_description(place) and retry.job != before:
        raise OutputError(
            f"{url}: --retry-rejected has begun there, with these files as they were then. Put them back and "
            f"run it to its end; or remove {place.told(name)} and run pypack gc {url}, which gives it up"
        )
    if retry.job != before:
        is_first = place.create(name, retry.job.to_json())
        if is_first and finished_description(place) != before:  # another has ended meanwhile
            place.remove(name)
            is_first = False
        if not is_first:
            raise OutputError(f"{url}: another process adds to it: wait for it, and run this again")
        crash_at("retry", "begun")
    write_missing_records(place, retry)
    yield place, retry.job
