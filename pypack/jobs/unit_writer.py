"""The last stage of a unit: encoded batches into shards and rejects, and the commit of the whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from pypack._common.checksums import checksum
from pypack.corpus import DocumentBatch, InputFile, Position, Reject
from pypack.corpus.passed_over import PassedOver
from pypack.jobs.attempts import Attempt
from pypack.jobs.crash import crash_at
from pypack.jobs.description import finished_description
from pypack.jobs.encode_stage import LOOK_ALIKES
from pypack.jobs.manifest import Manifest, manifest_name, read_manifest, rejects_name, shard_name
from pypack.jobs.places import Place, PlacedFile
from pypack.jobs.reject_log import RejectLog, moved_line
from pypack.jobs.unit_journal import Entry, UnitJournal, journal_name
from pypack.ragged import Ragged
from pypack.remote import Url
from pypack.store.beside import Beside
from pypack.store.column_types import record_batch
from pypack.store.format import NEXT_REJECTED_FILE, REJECTED_FILE, STORE_FILE, ShardInfo
from pypack.store.shard_cutter import ShardCutter
from pypack.store.shard_writer import ShardWriter


class UnitConflictError(ValueError):
    """Two attempts at a unit made different bytes: one of them is wrong, and nobody can tell which."""


class UnitWriter:
    """Writes one unit. Every attempt at a unit ends with the same bytes, or with an error.

    A shard gets its name as soon as it is complete, unless a twin's has it already: with the same content
    that is as good. The manifest is created last, by one attempt alone; the others compare theirs with it.

    Attributes:
        rejects: what was refused.
        start, stream_mark: where reading begins, behind what an earlier attempt has finished, and what a
            stream was up to there; arguments of `pypack.corpus.read`.
    """

    def __init__(
        self,
        place: Place,
        unit: int,
        files: Sequence[InputFile],
        *,
        keeps_columns: bool,
        vocab_size: int,
        append_id: int | None,
        shard_tokens: int,
        prepend_ids: Sequence[int] = (),
        append_ids: Sequence[int] = (),
        beside: Sequence[str] = (),
        first_shard: int = 0,
    ) -> None:
        self._place = place
        self._first_shard = first_shard
        self._unit = unit
        self._sources = [_source(file) for file in files]
        is_piece = len(files) == 1 and files[0].end is not None
        self._counts_lines = is_piece and files[0].has_lines
        self._keeps_columns = keeps_columns
        self._attempt = Attempt()
        self._journal = UnitJournal(place, unit, self._attempt)
        entries = self._journal.entries
        self.start = entries[-1].position if entries else Position()
        self.stream_mark = entries[-1].stream if entries else None
        self._published: dict[str, tuple[str, object]] = {}  # checksum and version, by name
        before = self._journal.taken_from
        self.rejects = RejectLog(
            place.temporary(rejects_name(unit), self._attempt),
            None if before is None else place.file(before),
            entries[-1].rejects_bytes if entries else 0,
        )
        self._cutter = ShardCutter(
            vocab_size=vocab_size,
            append_id=append_id,
            prepend_ids=prepend_ids,
            append_ids=append_ids,
            beside=beside,
            shard_tokens=shard_tokens,
            new_shard=self._new_shard,
            on_shard=self._on_shard,
            finished=tuple(entry.shard for entry in entries),
        )
        # Of the whole unit so far, and of the batch at hand what is not counted yet.
        self.passed_over = Counter(entries[-1].passed_over if entries else {})
        self._pending_passed_over = PassedOver()
        self._passed_over_before_end = Counter(self.passed_over)
        self._pending: list[Reject] = []  # of the batch at hand, not written yet
        self._end = self.start  # behind the last document written
        self._rejects_before_end = self.rejects.size
        self._last_batch: DocumentBatch | None = None  # before the batch at hand
        self._batch: DocumentBatch | None = None
        self._batch_start = 0  # documents before the batch at hand
        self._lines = 0
        self._is_last_shard = False

    @property
    def num_documents(self) -> int:
        """Documents of the unit so far, those of earlier attempts included."""
        return self._cutter.num_documents

    @property
    def num_tokens(self) -> int:
        """Tokens of the unit so far."""
        return self._cutter.num_tokens

    def write(self, batch: DocumentBatch, tokens: Ragged, beside: Beside | None = None) -> None:
        """Appends one batch, and what is beside its tokens."""
        self._pending = batch.rejects
        self._pending_passed_over = batch.passed_over.beside(batch.look_alikes)
        self._lines = batch.reached
        if len(batch):
            self._batch, self._batch_start = batch, self._cutter.num_documents
            columns = record_batch(batch.columns, len(batch)) if self._keeps_columns else None
            for source, start, stop in self._runs(batch):
                base = tokens.offsets[start]
                rows = Ragged(
                    tokens.values[base : tokens.offsets[stop]], tokens.offsets[start : stop + 1] - base
                )
                part = None if columns is None else columns.slice(start, stop - start)
                more = None if beside is None else beside.part(tokens.offsets, start, stop)
                self._cutter.append(rows, part, source, more)
            self._end = batch.position_after(len(batch) - 1)
            self._write_rejects_before(self._end)
            self._rejects_before_end = self.rejects.size
            self._passed_over_before_end = Counter(self.passed_over)
            self._last_batch = batch
        self.rejects.write(self._pending)
        self._pending = []
        self.passed_over += self._pending_passed_over.counts()
        self._pending_passed_over = PassedOver()

    def _runs(self, batch: DocumentBatch) -> Iterator[tuple[str, int, int]]:
        """(source, first, end) of each run of documents of one source."""
        start = 0
        for stop in [*(np.flatnonzero(np.diff(batch.files)) + 1).tolist(), len(batch)]:
            source = self._sources[batch.files[start]]
            if stop == len(batch) or self._sources[batch.files[stop]] != source:
                yield source, start, stop
                start = stop

    def _write_rejects_before(self, end: Position) -> None:
        before = [r for r in self._pending if (r.index, r.record) < (end.file, end.record)]
        self.rejects.write(before)
        self._pending = self._pending[len(before) :]
        passed_over, self._pending_passed_over = self._pending_passed_over.split((end.file, end.record))
        self.passed_over += passed_over.counts()

    def _new_shard(self, number: int) -> ShardWriter:
        name = shard_name(self._unit, self._first_shard + number)
        self._place.clean(f"{name}{suffix}" for suffix in (".bin", ".idx", ".parquet", *self._cutter.beside))
        return ShardWriter(
            name,
            self._cutter.dtype,
            lambda file: self._place.temporary(file, self._attempt),
            self._cutter.beside,
        )

    def _on_shard(self, shard: ShardInfo, writer: ShardWriter) -> None:
        checksums = shard.checksums()
        for name, temporary in writer.files.items():
            self._publish(temporary, name, checksums[Path(name).suffix])
        crash_at("shard", self._unit)
        if self._is_last_shard:
            return  # the manifest follows at once
        in_batch = self._cutter.num_documents - self._batch_start
        if in_batch > 0:
            assert self._batch is not None
            end = self._batch.position_after(in_batch - 1)
            self._write_rejects_before(end)
            rejects_bytes, mark = self.rejects.size, self._batch.mark_at(end)
            passed_over = self.passed_over
        else:
            end, rejects_bytes = self._end, self._rejects_before_end
            passed_over = self._passed_over_before_end
            mark = self.stream_mark if self._last_batch is None else self._last_batch.mark_at(end)
        self.rejects.sync()
        self._place.share(self.rejects.path, self._attempt.named(rejects_name(self._unit)))
        self._journal.append(Entry(shard, end, rejects_bytes, mark, dict(passed_over)))
        crash_at("journal", self._unit)

    def _publish(self, temporary: Path, name: str, recorded: str) -> None:
        """Gives a file its name. What stands there with other content is of an attempt that was killed (and
        read other inputs, or lost what it had not synced), or of a twin that goes wrong: then its manifest
        will differ."""
        if not self._place.publish(temporary, name, recorded):
            if self._place.exists(manifest_name(self._unit)):
                raise self._conflict(name)
            self._place.replace(temporary, name)
        self._published[name] = (recorded, self._place.version(name))

    def finish(self, *, is_cut: bool = False) -> Manifest:
        """Completes the unit; returns what it has made.

        Args:
            is_cut: it has all the documents that it may have.

        Raises:
            UnitConflictError: another attempt has made other bytes.
        """
        self._is_last_shard = True
        self._cutter.finish()
        self.rejects.close()
        rejects_checksum = None
        if self.rejects.size:
            rejects_checksum = checksum(self.rejects.path)
            self._publish(self.rejects.path, rejects_name(self._unit), rejects_checksum)
        manifest = Manifest(
            unit=self._unit,
            documents=self._cutter.num_documents,
            tokens=self._cutter.num_tokens,
            rejected=dict(self.rejects.by_kind),
            rejected_files=self.rejects.whole_files,
            rejects_bytes=self.rejects.size,
            rejects_checksum=rejects_checksum,
            lines=self._lines if self._counts_lines else None,
            shards=tuple(self._cutter.shards),
            passed_over={name: count for name, count in self.passed_over.items() if name != LOOK_ALIKES},
            look_alikes=self.passed_over[LOOK_ALIKES],
            is_cut=is_cut,
        )
        crash_at("manifest", self._unit)
        self._commit(manifest)
        crash_at("commit", self._unit)
        self._attempt.end()
        if not self.rejects.size:
            self.rejects.path.unlink(missing_ok=True)
        self._place.clean((journal_name(self._unit), rejects_name(self._unit)))
        return manifest

    def _commit(self, manifest: Manifest) -> None:
        name = manifest_name(self._unit)
        if not self._place.create(name, manifest.to_json()):
            if read_manifest(self._place, self._unit) != manifest:
                raise self._conflict(name)
            return
        for file, (recorded, then) in self._published.items():
            if self._place.version(file) == then:
                continue
            if not self._place.has_checksum(file, recorded):  # a twin has put its own in the place
                self._place.remove(name)
                raise self._conflict(file)

    def _conflict(self, name: str) -> UnitConflictError:
        return UnitConflictError(
            f"{self._place.told(name)}: two workers made different bytes of unit {self._unit} of this job. "
            "One of them has another machine, library or input than it should; find out which, and start "
            "over with --overwrite"
        )

    def tell_rejects(self, lines_before: int) -> PlacedFile:
        """Writes the rejects so far to where those of the whole job will be, and returns that file.

        Where a finished store stands, its own stay as they are.

        Args:
            lines_before: of the file that the unit is a piece of.
        """
        self.rejects.flush()
        name, made_by = REJECTED_FILE, finished_description(self._place)
        if self._place.exists(STORE_FILE) and made_by is not None:
            name = self._place.next_name(NEXT_REJECTED_FILE, len(made_by.units))
        with self._place.writer(name) as target, self.rejects.path.open("rb") as source:
            for line in source:
                target.write(moved_line(line, lines_before))
        return self._place.file(name)

    def abort(self) -> None:
        """Leaves the finished shards, the journal and the rejects for the next attempt."""
        self._cutter.abort()
        self.rejects.abort()
        if not self._journal.entries:
            self.rejects.path.unlink(missing_ok=True)
        self._attempt.end()


def _source(file: InputFile) -> str:
    """What a shard names as its input: the file, or the folder of text files of one document each."""
    if file.format not in ("text", "page"):
        return file.path
    return str(Url(file.path).parent) if file.is_remote else str(Path(file.path).parent)
