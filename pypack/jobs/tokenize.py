"""Tokenizing a corpus into a store: a list of units, each made once, by whoever comes to it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pypack import corpus
from pypack._common.arguments import whole_number
from pypack._common.asked import looking_at_what_is_asked
from pypack._common.paths import local_path
from pypack._common.words import counted
from pypack.corpus import CorpusError, InputFile
from pypack.jobs.append_dry_run import given_inputs, predict_append
from pypack.jobs.append_run import AppendRun
from pypack.jobs.beside_output import working_places
from pypack.jobs.describing import check_options, describe_job, one_field, told_of_special_tokens, units_of
from pypack.jobs.description import JobDescription
from pypack.jobs.dry_run import Prediction
from pypack.jobs.dry_run import predict as predict_job
from pypack.jobs.options import TokenizeOptions, WorkOptions
from pypack.jobs.output import OutputError, claimed, claimed_again
from pypack.jobs.partition import Partition
from pypack.jobs.places import Place
from pypack.jobs.preflight import look
from pypack.jobs.progress import Progress, TokenizeResult
from pypack.jobs.ray_cluster import connects_early
from pypack.jobs.record_options import RecordOptions
from pypack.jobs.reject_limit import RejectLimit
from pypack.jobs.remote_output import claimed_again_at, claimed_at
from pypack.jobs.run import JobRun
from pypack.jobs.special_ids import NoEndTokenError
from pypack.jobs.where import Where
from pypack.remote import Url, UrlError, is_url

if TYPE_CHECKING:
    from pypack.tokenizer.tokenizer import Tokenizer

__all__ = [
    "NoEndTokenError",
    "Progress",
    "RecordOptions",
    "TokenizeOptions",
    "TokenizeResult",
    "tokenize",
]


@connects_early
def tokenize(
    inputs: Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str] | Url,
    tokenizer: Tokenizer,
    options: TokenizeOptions | None = None,
    *,
    on_error: Literal["reject", "stop"] = "reject",
    format: str | None = None,
    num_threads: int | None = None,
    num_workers: int | None = 1,
    engine: Literal["local", "ray"] = "local",
    ray_address: str | None = None,
    partition: Partition | None = None,
    memory_limit: int | None = None,
    overwrite: bool = False,
    retry_rejected: bool = False,
    append: bool = False,
    strict: bool = False,
    preflight: bool = False,
    max_rejects: int | str | None = None,
    batch_bytes: int = 4 << 20,
    on_progress: Callable[[Progress], None] | None = None,
    on_message: Callable[[str], None] | None = None,
    on_event: Callable[[str, dict[str, Any]], None] | None = None,
) -> TokenizeResult:
    """Tokenizes a corpus into a store, which depends on the corpus, the tokenizer and `options` alone.

    The inputs are cut into units, by their sizes; each is made once, and recorded. Killed at any moment, the
    job leaves what is finished; the same call then goes on from there, with as many workers and partitions as
    it likes, and ends with the same bytes as an unbroken run.

    Args:
        inputs: files, directories, glob patterns, URLs of such, or "-", see `pypack.corpus.list_inputs`.
        output: the folder of the store, a path or a URL (`s3://bucket/corpus.store`).
        on_error: "reject" or "stop", see `pypack.corpus.read`.
        format: what named files, pipes and "-" hold, see `pypack.corpus.list_inputs`.
        num_threads: threads that encode, in each worker; None for every core, or 1 where there are several
            workers.
        num_workers: processes that work on units; 1 for this process alone, None for as many as there are
            cores and units.
        engine: who works on units: processes of this machine, or "ray", the tasks of a Ray cluster, whose
            machines all see the inputs and the output under the same names.
        ray_address: of the cluster; "auto" for the one that this machine is part of, None for RAY_ADDRESS or,
            where that is not set, one of this machine alone that ends with the job.
        partition: which of the units this call works on, where several calls (on several machines) share a
            job. Whoever finishes the last unit writes `store.json`.
        memory_limit: bytes of memory above which a worker finishes its unit in smaller batches and is then
            replaced.
        overwrite: replace the store, finished or not, that stands at `output`; a finished one when this one
            is.
        retry_rejected: the store at `output` is finished, and some of what it refused is mended: read that
            again, behind the documents that are there, whose numbers stay. `inputs` may be the mended files
            alone.
        append: the store at `output` is finished, and gets the documents of those `inputs` that it has not
            yet, behind its own, whose numbers stay; see `pypack.jobs.appending`. Options and tokenizer must
            be those that it was made with. An append that was begun before is finished first.
        strict: a file that is left out of a folder is an error, see `pypack.corpus.find_inputs`.
        preflight: look at the first documents of the inputs before any work, see `pypack.jobs.preflight`.
        max_rejects: 500, "500" or "1%": stops the job once a unit has refused more, see
            `pypack.jobs.reject_limit`. Whether all units together have is for the caller to see.
        batch_bytes: input bytes encoded at once; memory grows with it.
        on_progress: called now and then, perhaps from another thread.
        on_message: told what is worth telling: files left out, a job that goes on.
        on_event: told the name and the figures of what happened, for programs: "unit" (done), "worker_died",
            "file_refused".

    Raises:
        CorpusError: an input does not exist, is of an unknown kind, or has changed; the first reject under
            "stop"; no document is to be expected (`PreflightError`).
        TooManyRejectsError: a unit has refused more than `max_rejects`.
        OutputError: the output holds something else, or another process writes there.
        UnitConflictError: two processes made different bytes of a unit.
        RayError: Ray is not installed, or its cluster does not answer.
        ValueError: an option does not fit, or the corpus holds no document.
        OSError: the disk is full, a permission is missing, ...
    """
    options = options or TokenizeOptions()
    partition = partition or Partition()
    say = on_message or (lambda message: None)
    directory = _output(output)
    with looking_at_what_is_asked():
        check_options(options, tokenizer)
    if overwrite and not partition.is_all:
        raise OutputError(
            "overwrite: of several partitions none can tell that it is the first: remove the store, or begin "
            "with one call that overwrites"
        )
    if retry_rejected and (overwrite or not partition.is_all):
        raise OutputError("retry_rejected adds to a store, in one call: not with overwrite, nor a partition")
    if retry_rejected and options.limit is not None:
        raise OutputError("retry_rejected adds to a store, and one with a limit has all that it may have")
    if append and (overwrite or retry_rejected):
        raise OutputError("append adds new inputs to a store: not with overwrite, nor with retry_rejected")
    found = _found(inputs, directory, format, strict, say)
    # Checks its arguments before anything is written or removed.
    corpus.read(
        found.files, keep=options.keep, on_error=on_error, batch_bytes=batch_bytes,
        max_document_bytes=options.max_document_bytes,
    )  # fmt: skip
    warnings = _look(found.files, options, say) if preflight and not (retry_rejected or append) else ()
    with looking_at_what_is_asked():
        job = describe_job(inputs, found, tokenizer, options, format)
    if (warning := told_of_special_tokens(job.job, options, tokenizer)) is not None:
        say(warning)
    work_options = WorkOptions(on_error, num_threads, batch_bytes, memory_limit, _limit_text(max_rejects))
    if append:
        return AppendRun(
            directory,
            job,
            partition,
            cut=lambda files: units_of(files, options),
            new_run=lambda place, job: JobRun(
                place, job, tokenizer, work_options, partition, on_progress, on_event, ray_address
            ),
            look=lambda files: _look(files, options, say) if preflight else (),
            say=say,
            engine=engine,
        )(num_workers)
    job = replace(job, units=units_of(found.files, options))
    if retry_rejected:
        with _claimed_again(directory, job) as (place, again):
            run = JobRun(
                place, again, tokenizer, work_options, Partition(), on_progress, on_event, ray_address
            )
            run.work(num_workers, engine)
            return run.finish(directory)
    tokenizer_json = tokenizer.to_json().encode()
    shared = not partition.is_all
    kept = _claimed(directory, job, tokenizer_json, overwrite=overwrite, shared=shared)
    with kept as (place, begun):
        run = JobRun(place, begun, tokenizer, work_options, partition, on_progress, on_event, ray_address)
        if run.resumed_documents:
            say(f"going on behind {counted(run.resumed_documents, 'document')} finished before")
        run.work(num_workers, engine)
        result = run.finish(directory)
        result.warnings = warnings
        return result


def predict(
    inputs: Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str] | Url,
    tokenizer: Tokenizer,
    options: TokenizeOptions | None = None,
    *,
    format: str | None = None,
    num_threads: int | None = None,
    strict: bool = False,
    preflight: bool = True,
    append: bool = False,
    on_message: Callable[[str], None] | None = None,
) -> Prediction:
    """What `tokenize` would make, from a sample of the inputs; nothing is written.

    Args:
        append: what it would add to the finished store at `output`: the figures are those of the inputs that
            the store has not, and of an append that was begun.

    Raises:
        OutputError: with `append`: there is no finished store, or one that was made otherwise.
        CorpusError: as `tokenize`; or there are no inputs but such as can be read only once.
        ValueError: an option does not fit.
    """
    options = options or TokenizeOptions()
    say = on_message or (lambda message: None)
    with looking_at_what_is_asked():
        check_options(options, tokenizer)
    found = _found(inputs, _output(output), format, strict, say)
    corpus.read(found.files, keep=options.keep, max_document_bytes=options.max_document_bytes)
    with looking_at_what_is_asked():
        job = describe_job(inputs, found, tokenizer, options, format)

    def cut(files: Sequence[InputFile]) -> JobDescription:
        if preflight:
            _look(files, options, say)
        return replace(job, inputs=tuple(files), units=units_of(files, options))

    if append:
        given = given_inputs(_output(output), job)
        return predict_append(given, tokenizer, cut, num_threads=num_threads)
    return predict_job(cut(found.files), tokenizer, num_threads=num_threads)


def _output(output: str | os.PathLike[str] | Url) -> Path | Url:
    """Where the store is to be.

    Raises:
        OutputError: it is a URL that is not taken.
    """
    if isinstance(output, Url):
        return output
    if not is_url(output):
        return local_path(output)
    try:
        return Url.of(os.fspath(output))
    except UrlError as error:
        raise OutputError(str(error)) from None


def _claimed(
    directory: Path | Url, job: JobDescription, tokenizer_json: bytes, *, overwrite: bool, shared: bool
) -> AbstractContextManager[tuple[Place, JobDescription]]:
    if isinstance(directory, Url):
        return claimed_at(directory, job, tokenizer_json, overwrite=overwrite, shared=shared)
    return claimed(directory, job, tokenizer_json, overwrite=overwrite, shared=shared)


def _claimed_again(
    directory: Path | Url, job: JobDescription
) -> AbstractContextManager[tuple[Place, JobDescription]]:
    return claimed_again_at(directory, job) if isinstance(directory, Url) else claimed_again(directory, job)


def _found(
    inputs: Sequence[str | os.PathLike[str]],
    directory: Path | Url,
    format: str | None,
    strict: bool,
    say: Callable[[str], None],
) -> corpus.FoundInputs:
    """The inputs; what is left out is told, or refused."""
    excluded: Sequence[str | Path] = (
        [str(directory)] if isinstance(directory, Url) else working_places(directory)
    )
    found = corpus.find_inputs(inputs, exclude=excluded, format=format)
    left_out = found.left_out
    if strict and left_out.refused:
        raise CorpusError(f"--strict: not all files would be read, left out are {left_out.summary()}")
    if left_out.total:
        say(left_out.told())
    return found


def _look(
    files: Sequence[InputFile], options: TokenizeOptions, say: Callable[[str], None]
) -> tuple[str, ...]:
    """Looks at the first documents; what part of the job will trip over is told, and returned."""
    records: Sequence[str] = ()
    if options.records is not None:
        records = options.records.recipe(one_field(options)).required
    looked = look(
        files,
        field=options.field,
        keep=options.keep,
        txt_per_line=options.txt_per_line,
        records=records,
        where=() if options.where is None else Where(options.where).columns,
    )
    for warning in looked.warnings:
        say(f"warning: {warning}")
    return looked.warnings


def _limit_text(max_rejects: int | str | None) -> str | None:
    if max_rejects is None:
        return None
    text = max_rejects if isinstance(max_rejects, str) else str(whole_number("max_rejects", max_rejects))
    try:
        return RejectLimit(text).text
    except ValueError as error:
        raise ValueError(f"max_rejects {error}") from None
