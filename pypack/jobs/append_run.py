"""One call that adds inputs to a finished store: what was begun first, then what is new."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pypack._common.words import counted
from pypack.corpus import ChangedInputError, InputFile
from pypack.jobs.appending import (
    CutIntoUnits,
    SortedInputs,
    appended,
    appended_units,
    begin,
    begun,
    claimed_to_append,
    reads_streams_of,
    sort_inputs,
)
from pypack.jobs.description import JobDescription, finished_description, next_job_file
from pypack.jobs.manifest import Manifest, read_manifest
from pypack.jobs.partition import Partition
from pypack.jobs.places import Place
from pypack.jobs.progress import Appended, TokenizeResult
from pypack.jobs.replacing import forget_past, read_store_info
from pypack.jobs.run import JobRun
from pypack.jobs.units import Unit
from pypack.remote import Url

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass
class AppendRun:
    """One call of `tokenize` with `append`.

    Args:
        directory: the finished store.
        now: the job as it is asked for, with the inputs as they are.
        partition: which of the new units this call works on.
        cut: makes units of files, numbered from 0 on.
        new_run: makes the run of a job at a place, which is given the job.
        look: looks at the first documents of new inputs before any work; returns warnings.
        say: told what is worth telling.
        engine: who runs the units, see `pypack.jobs.tokenize.tokenize`.
    """

    directory: Path | Url
    now: JobDescription
    partition: Partition
    cut: CutIntoUnits
    new_run: Callable[[Place, JobDescription], JobRun]
    look: Callable[[Sequence[InputFile]], tuple[str, ...]]
    say: Callable[[str], None]
    engine: str = "local"

    def __call__(self, num_workers: int | None) -> TokenizeResult:
        """Finishes what was begun, and adds what is new then, until all inputs are in the store.

        With a partition it ends where units of others are missing.
        """
        result: TokenizeResult | None = None
        done: list[Manifest] = []
        read: set[str] = set()  # streams, which nobody can read twice
        inputs = 0
        warnings: tuple[str, ...] = ()
        with claimed_to_append(self.directory, self.now, shared=not self.partition.is_all) as place:
            if not place.has_swap:
                self.say(
                    f"warning: {self.directory}: the service replaces nothing on the condition that it is "
                    "what it was: see to it that no other append runs there"
                )
            known = sort_inputs(_made_by(place), self.now)
            while True:
                job = begun(place)
                if job is None:
                    before = _made_by(place)
                    given = sort_inputs(before, self.now)
                    new = [file for file in given.new if not (file.is_stream and file.path in read)]
                    if not new:
                        break
                    warnings += self.look(new)
                    job = appended(before, self.now, new, self.cut)
                    if not begin(place, before, job):
                        continue
                    self._warn(given)
                elif result is None:
                    self.say(f"an append was begun in {self.directory} before: it is finished first")
                read |= reads_streams_of(job, self.now)
                result = self._work(place, job, num_workers)
                done += _manifests(place, appended_units(job))
                inputs += len(job.inputs) - job.appends[-1]["files"]
                if not result.is_finished:
                    break
            if result is None:
                forget_past(place, _made_by(place))
                result = self._as_it_is(place)
        self._tell(known)
        result.warnings = warnings
        result.appended = _summed(done, inputs, known)
        return result

    def _work(self, place: Place, job: JobDescription, num_workers: int | None) -> TokenizeResult:
        stored = read_store_info(place).documents
        run = self.new_run(place, job)
        run.resumed_documents = max(0, run.resumed_documents - stored)
        if run.resumed_documents:
            self.say(f"going on behind {counted(run.resumed_documents, 'document')} appended before")
        try:
            run.work(num_workers, self.engine)
        except ChangedInputError as error:
            raise ChangedInputError(
                f"{error}. The store stays as it was meanwhile; to give this append up instead, remove "
                f"{place.told(next_job_file(place, _made_by(place)))} and run pypack gc {self.directory}"
            ) from error
        return run.finish(self.directory)

    def _as_it_is(self, place: Place) -> TokenizeResult:
        """The result of a call that has found nothing to do."""
        run = self.new_run(place, _made_by(place))
        run.resumed_documents = 0
        return run.report(self.directory, read_store_info(place))

    def _warn(self, given: SortedInputs) -> None:
        if given.copies:
            self.say(
                f"warning: {counted(len(given.copies), 'new input')} with the name, size and time of change "
                f"of one that is in the store already: {given.copies[0]}; if these are copies, their "
                "documents are in the store twice now"
            )

    def _tell(self, given: SortedInputs) -> None:
        if given.known:
            moved = f", {given.moved:,} of them at another place before" if given.moved else ""
            self.say(f"{counted(given.known, 'input')} in the store already, passed over{moved}")


def _made_by(place: Place) -> JobDescription:
    job = finished_description(place)
    assert job is not None
    return job


def _manifests(place: Place, units: Iterable[Unit]) -> list[Manifest]:
    found = (read_manifest(place, unit.number) for unit in units)
    return [manifest for manifest in found if manifest is not None]


def _summed(done: list[Manifest], inputs: int, given: SortedInputs) -> Appended:
    rejected: Counter[str] = Counter()
    for manifest in done:
        rejected.update(manifest.rejected)
    return Appended(
        inputs=inputs,
        known_inputs=given.known,
        moved_inputs=given.moved,
        documents=sum(manifest.documents for manifest in done),
        tokens=sum(manifest.tokens for manifest in done),
        shards=sum(len(manifest.shards) for manifest in done),
        passed_over=sum(sum(manifest.passed_over.values()) for manifest in done),
        rejected_by_kind=dict(sorted(rejected.items())),
        rejected_files=sum(manifest.rejected_files for manifest in done),
    )
