"""How far a job is, and what it has done."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pypack.remote import Url


@dataclass
class Progress:
    """How far a job is. Totals of the store so far, and what this run has done of it.

    Attributes:
        documents, tokens: in the store so far, those of earlier runs included.
        run_documents, run_tokens: of this run.
        input_bytes: uncompressed bytes read by this run.
        disk_bytes, total_disk_bytes: bytes of the inputs read (or skipped, because an earlier run had read
            them), and of all inputs; the latter is 0 where standard input makes it unknown.
        blank_lines: blank lines passed over by this run.
        rejected: refused by this run.
        seconds: since the run began.
        units, total_units: those that are done, and all of the job.
        workers: what each worker process is doing, in words.
    """

    documents: int = 0
    tokens: int = 0
    run_documents: int = 0
    run_tokens: int = 0
    input_bytes: int = 0
    disk_bytes: int = 0
    total_disk_bytes: int = 0
    blank_lines: int = 0
    rejected: int = 0
    seconds: float = 0.0
    units: int = 0
    total_units: int = 0
    workers: tuple[str, ...] = ()


@dataclass
class Appended:
    """What a job has added to a finished store.

    Attributes:
        inputs: how many were new.
        known_inputs, moved_inputs: how many were in the store already, and were passed over; of them those
            that were at another place then.
        documents, tokens, shards: that came of the new ones.
        passed_over, rejected_by_kind, rejected_files: of the new ones, as `TokenizeResult` has them.
    """

    inputs: int = 0
    known_inputs: int = 0
    moved_inputs: int = 0
    documents: int = 0
    tokens: int = 0
    shards: int = 0
    passed_over: int = 0
    rejected_by_kind: dict[str, int] = field(default_factory=dict)
    rejected_files: int = 0


@dataclass
class TokenizeResult:
    """What a tokenize job has done.

    Attributes:
        output: the store.
        documents, tokens: in the store; tokens count the end-of-document ids.
        shards: number of shards.
        rejected: refused documents and files.
        rejected_by_kind: the same by kind of fault.
        rejected_files: of them, whole files (or the rest of one).
        resumed_documents: documents that an earlier, interrupted run had finished.
        engine: which engine encoded.
        progress: the figures of this run.
        units: units of the job.
        missing_units: those that are not done, in Slurm's `--array` syntax; empty of a finished store. The
            counts are of those that are done, then.
        failed_units: those of them that this run should have done, and that nobody can do.
        replaced_workers: processes that were replaced because they had passed the memory limit.
        dead_workers: processes that died.
        left_out: what was left out of folders: reason → suffix → how many.
        warnings: what the look at the first documents has shown.
        passed_over: documents that were left out as asked (where, sample, transform, min_tokens, max_tokens).
        look_alikes: how often documents spell special tokens that are plain text.
        appended: what was added, where inputs were added to a finished store.
    """

    output: Path | Url
    documents: int
    tokens: int
    shards: int
    rejected: int
    rejected_by_kind: dict[str, int]
    rejected_files: int
    resumed_documents: int
    engine: str
    progress: Progress
    units: int = 1
    missing_units: str = ""
    failed_units: str = ""
    replaced_workers: int = 0
    dead_workers: int = 0
    left_out: dict[str, dict[str, int]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    passed_over: dict[str, int] = field(default_factory=dict)
    look_alikes: int = 0
    appended: Appended | None = None

    @property
    def is_finished(self) -> bool:
        """Whether the store is there: no unit is missing."""
        return not self.missing_units
