"""One call of a job: the units that are left for it are made, and the store is finished with the last."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from pypack._common.threads import available_cores
from pypack.jobs.dealer import Dealer
from pypack.jobs.description import JobDescription
from pypack.jobs.limit import Limited, limited, with_last_unit
from pypack.jobs.manifest import Manifest, finished_units, read_manifest, read_manifests
from pypack.jobs.merge import merge
from pypack.jobs.options import WorkOptions
from pypack.jobs.partition import Partition
from pypack.jobs.places import Place
from pypack.jobs.progress import Progress, TokenizeResult
from pypack.jobs.refused_files import refused_files, refused_name
from pypack.jobs.slurm import array_syntax
from pypack.jobs.unit_journal import finished_documents
from pypack.jobs.unit_progress import UnitProgress
from pypack.jobs.unit_work import UnitWork
from pypack.jobs.units import Unit
from pypack.remote import Url
from pypack.store.format import StoreInfo

if TYPE_CHECKING:
    from pypack.tokenizer.tokenizer import Tokenizer

_REFUSED = "the process that reads it dies of it (tried on its own); not read"


@dataclass
class JobRun:
    """One call of `tokenize`: the units that are left for it, and what it has done."""

    place: Place
    job: JobDescription
    tokenizer: Tokenizer
    options: WorkOptions
    partition: Partition
    on_progress: Callable[[Progress], None] | None
    on_event: Callable[[str, dict[str, Any]], None] | None = None
    ray_address: str | None = None
    resumed_documents: int = 0
    progress: Progress = field(default_factory=Progress)
    replaced_workers: int = 0
    dead_workers: int = 0

    def __post_init__(self) -> None:
        self._began = time.monotonic()
        self._known: dict[int, Manifest] = {}
        done = finished_units(self.place)
        manifests = [m for m in read_manifests(self.place, sorted(done)) if m is not None]
        self._own = self.partition.of(self.job.units)
        wanted = set(self._limited().units)
        self._left = [unit for unit in self._own if unit.number not in done and unit.number in wanted]
        finished = [unit for unit in self.job.units if unit.number in done]
        # What is not in units that are worked on at the moment.
        self._base = Progress(
            documents=sum(manifest.documents for manifest in manifests),
            tokens=sum(manifest.tokens for manifest in manifests),
            disk_bytes=sum(unit.size for unit in finished if unit.number in {u.number for u in self._own}),
            total_disk_bytes=self._total_bytes(),
            units=len(finished),
            total_units=len(self.job.units),
        )
        begun = {unit.number for unit in self._left}
        self.resumed_documents = self._base.documents + finished_documents(self.place, begun)

    def _total_bytes(self) -> int:
        streams = any(
            self.job.inputs[i].is_stream for unit in self._own for i in range(unit.first, unit.stop)
        )
        return 0 if streams else sum(unit.size for unit in self._own)

    def work(self, num_workers: int | None, engine: str = "local") -> None:
        """Makes the units that are left; `engine`: "local", or "ray" for a cluster of it."""
        cores = available_cores()
        # Standard input and pipes are this process's: nobody else can read them.
        streams = [unit for unit in self._left if self._reads_stream(unit)]
        files = [unit for unit in self._left if not self._reads_stream(unit)]
        if num_workers is None:
            num_workers = min(cores, len(files)) if len(files) > 1 and cores > 2 else 1
        if engine == "ray" and files:
            self._work_alone(streams)
            self._work_on_cluster(files)
        else:
            self._work_on(files, streams, num_workers)
        limited = self._limited()
        if limited.last is not None and limited.missing:
            self._work_on_last(limited.last)

    def _work_on(self, files: list[Unit], streams: list[Unit], num_workers: int) -> None:
        if not self._left:
            self._tell({})
        elif files and (num_workers > 1 or self.options.memory_limit is not None):
            self._work_alone(streams)
            self._work_with(files, min(num_workers, len(files)))
        else:
            self._work_alone(self._left)

    def _reads_stream(self, unit: Unit) -> bool:
        return any(self.job.inputs[i].is_stream for i in range(unit.first, unit.stop))

    def _work_alone(self, units: list[Unit]) -> None:
        """In this process."""
        work = UnitWork(self.place, self.job, self.tokenizer, self.options)
        for unit in units:
            if not self._is_wanted(unit.number):
                continue
            last = UnitProgress()

            def tell(progress: UnitProgress, number: int = unit.number) -> None:
                nonlocal last
                last = progress
                self._tell({number: progress})

            work(unit.number, tell)
            self._done(unit.number, last)

    def _work_with(self, units: list[Unit], count: int) -> None:
        """In so many processes."""
        from pypack.jobs.workers import Workers

        threads = self.options.num_threads or 1
        options = WorkOptions(**{**asdict(self.options), "num_threads": threads})
        has_limit = self.job.job.get("limit") is not None
        dealer = Dealer(units, in_order=has_limit, is_wanted=self._is_wanted)
        workers = Workers(
            self.place, self.tokenizer, options, count,
            on_progress=self._tell, on_done=self._done, on_refused=self._refuse,
            on_died=lambda unit: self._happened("worker_died", unit=unit),
        )  # fmt: skip
        with workers:
            workers.run(dealer)
        self.replaced_workers, self.dead_workers = workers.replaced, dealer.deaths

    def _work_on_cluster(self, units: list[Unit]) -> None:
        """By tasks of Ray."""
        from pypack.jobs.ray_cluster import connecting
        from pypack.jobs.ray_engine import RayWorkers

        options = WorkOptions(**{**asdict(self.options), "num_threads": self.options.num_threads or 1})
        dealer = Dealer(units, in_order=self.job.job.get("limit") is not None, is_wanted=self._is_wanted)
        workers = RayWorkers(
            self.place, self.job.job, self.tokenizer, options, on_done=self._done, on_refused=self._refuse,
            on_died=lambda unit: self._happened("worker_died", unit=unit),
        )  # fmt: skip
        with connecting(self.ray_address, options.num_threads) as cluster:
            workers.run(cluster.connected(), dealer)
        self.dead_workers = dealer.deaths

    def _limited(self) -> Limited:
        """Which units make the store, as far as is known."""
        return limited(self.job, self.place, self._known)

    def _is_wanted(self, number: int) -> bool:
        return self.job.job.get("limit") is None or number in self._limited().units

    def _work_on_last(self, last: Unit) -> None:
        """Makes the unit that goes over the limit once more; who comes to it first."""
        job = with_last_unit(self.job, last)
        UnitWork(self.place, job, self.tokenizer, self.options)(last.number)

    def _refuse(self, unit: int, file: int) -> None:
        """Has a file rejected unread, whoever makes the unit."""
        refused = {**refused_files(self.place, unit), file: _REFUSED}
        self.place.write(refused_name(unit), orjson.dumps({str(i): why for i, why in refused.items()}))
        self._happened("file_refused", unit=unit, file=self._path(unit, file))

    def _path(self, unit: int, file: int) -> str:
        return self.job.inputs[self.job.units[unit].first + file].path

    def _happened(self, name: str, **values: Any) -> None:
        if self.on_event is not None:
            self.on_event(name, values)

    def _done(self, number: int, last: UnitProgress) -> None:
        """A unit is done; `last`: what its attempt has done of it."""
        unit, base = self.job.units[number], self._base
        manifest = read_manifest(self.place, number)
        base.documents += 0 if manifest is None else manifest.documents
        base.tokens += 0 if manifest is None else manifest.tokens
        base.disk_bytes += unit.size
        base.units += 1
        _add_run(base, last)
        self._tell({})
        if manifest is not None:
            counts = {"documents": manifest.documents, "tokens": manifest.tokens}
            rejected = sum(manifest.rejected.values())
            self._happened("unit", unit=number, **counts, shards=len(manifest.shards), rejected=rejected)

    def _tell(self, running: dict[int, UnitProgress]) -> None:
        base = self._base
        now = Progress(**{**asdict(base), "workers": ()})
        for unit, progress in running.items():
            now.documents += progress.documents
            now.tokens += progress.tokens
            now.disk_bytes += min(progress.disk_bytes, self.job.units[unit].size or progress.disk_bytes)
            _add_run(now, progress)
        now.seconds = time.monotonic() - self._began
        if len(running) > 1:
            now.workers = tuple(self._in_words(unit, progress) for unit, progress in running.items())
        self.progress = now
        if self.on_progress is not None:
            self.on_progress(now)

    def _in_words(self, number: int, progress: UnitProgress) -> str:
        unit = self.job.units[number]
        share = f" {progress.disk_bytes / unit.size:.0%}" if unit.size else ""
        return f"unit {number}{share}: {self.job.inputs[unit.first].path}"

    def finish(self, directory: Path | Url) -> TokenizeResult:
        """Writes `store.json` if no unit is missing; what was done in any case."""
        missing = self._limited().missing
        return self.report(directory, None if missing else merge(self.place, self.job))

    def report(self, directory: Path | Url, merged: StoreInfo | None) -> TokenizeResult:
        """What was done; `merged`: what `store.json` says, None where it is not there."""
        limited = self._limited()
        missing = limited.missing
        lacking = set(missing)
        made = [number for number in limited.units if number not in lacking]
        done = [m for m in read_manifests(self.place, made) if m is not None]
        rejected: dict[str, int] = {}
        for manifest in done:
            for kind, count in manifest.rejected.items():
                rejected[kind] = rejected.get(kind, 0) + count
        rejected_files = sum(manifest.rejected_files for manifest in done)
        if merged is not None:  # without what was tried again
            rejected, rejected_files = merged.counts["rejected"], merged.counts["rejected_files"]
        own = {unit.number for unit in self._own}
        passed_over: Counter[str] = Counter()
        for manifest in done:
            passed_over.update(manifest.passed_over)
        return TokenizeResult(
            output=directory,
            documents=sum(manifest.documents for manifest in done),
            tokens=sum(manifest.tokens for manifest in done),
            shards=sum(len(manifest.shards) for manifest in done),
            rejected=sum(rejected.values()),
            rejected_by_kind=rejected,
            rejected_files=rejected_files,
            resumed_documents=self.resumed_documents,
            engine=self.tokenizer.engine,
            progress=self.progress,
            units=len(self.job.units),
            missing_units=array_syntax(missing),
            failed_units=array_syntax(own & set(missing)),
            replaced_workers=self.replaced_workers,
            dead_workers=self.dead_workers,
            left_out=self.job.notes.get("left_out", {}),
            passed_over=dict(sorted(passed_over.items())),
            look_alikes=sum(manifest.look_alikes for manifest in done),
        )


def _add_run(total: Progress, part: UnitProgress) -> None:
    total.run_documents += part.run_documents
    total.run_tokens += part.run_tokens
    total.input_bytes += part.input_bytes
    total.blank_lines += part.blank_lines
    total.rejected += part.rejected
