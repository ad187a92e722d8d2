"""The last stage of a tokenize job: encoded batches into shards, rejects and journal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pypack.corpus import DocumentBatch, InputFile, Position, Reject
from pypack.jobs.journal import Entry, Journal
from pypack.jobs.reject_log import RejectLog
from pypack.ragged import Ragged
from pypack.store.column_types import record_batch
from pypack.store.format import ShardInfo
from pypack.store.store import TokenStore
from pypack.store.writer import StoreWriter


class StoreStage:
    """Appends batches to a store, and records in the journal where each finished shard ends in the inputs."""

    def __init__(
        self,
        directory: Path,
        files: list[InputFile],
        entries: list[Entry],
        keeps_columns: bool,
        **writer: Any,
    ) -> None:
        """`entries`: the shards of an earlier run. `writer`: arguments of StoreWriter."""
        self._directory = directory
        self._journal = Journal(directory)
        self._first_reject: Reject | None = None
        self._sources = [_source(file) for file in files]
        self._keeps_columns = keeps_columns
        self.start = entries[-1].position if entries else Position()
        self.rejects = RejectLog(directory, entries[-1].reject_bytes if entries else 0)
        self._writer = StoreWriter(
            directory, finished=[entry.shard for entry in entries], on_shard=self._on_shard, **writer
        )
        self._waiting: list[Reject] = []  # read, but perhaps behind the end of the shard being written
        self._end = self.start  # of the batches before the current one
        self._batch: DocumentBatch | None = None
        self._batch_start = 0  # documents before the current batch
        self._last_shard = False

    @property
    def num_documents(self) -> int:
        """Documents in the store so far."""
        return self._writer.num_documents

    @property
    def num_tokens(self) -> int:
        """Tokens in the store so far."""
        return self._writer.num_tokens

    def write(self, batch: DocumentBatch, tokens: Ragged) -> None:
        """Appends one batch."""
        self._waiting.extend(batch.rejects)
        if self._first_reject is None and batch.rejects:
            self._first_reject = batch.rejects[0]
        if len(batch) == 0:
            return
        self._batch, self._batch_start = batch, self._writer.num_documents
        columns = record_batch(batch.columns, len(batch)) if self._keeps_columns else None
        for source, start, stop in self._runs(batch):
            base = tokens.offsets[start]
            rows = Ragged(tokens.values[base : tokens.offsets[stop]], tokens.offsets[start : stop + 1] - base)
            part = None if columns is None else columns.slice(start, stop - start)
            self._writer.append(rows, part, source)
        self._end = batch.position_after(len(batch) - 1)

    def _runs(self, batch: DocumentBatch) -> Iterator[tuple[str, int, int]]:
        """(source, first, end) of each run of documents of one source."""
        start = 0
        for stop in [*(np.flatnonzero(np.diff(batch.files)) + 1).tolist(), len(batch)]:
            source = self._sources[batch.files[start]]
            if stop == len(batch) or self._sources[batch.files[stop]] != source:
                yield source, start, stop
                start = stop

    def _on_shard(self, shard: ShardInfo, documents: int) -> None:
        if self._last_shard:
            return  # store.json follows at once
        in_batch = documents - self._batch_start
        assert self._batch is not None
        end = self._batch.position_after(in_batch - 1) if in_batch > 0 else self._end
        before = [r for r in self._waiting if (r.index, r.record) < (end.file, end.record)]
        self._waiting = self._waiting[len(before) :]
        self.rejects.write(before)
        self.rejects.sync()
        self._journal.append(Entry(shard, end, self.rejects.size))

    def finish(self) -> TokenStore:
        """Completes the store.

        Raises:
            ValueError: no document was stored.
        """
        self.rejects.write(self._waiting)
        self._waiting = []
        self.rejects.publish()
        if self.num_documents == 0 and self._first_reject is not None:
            raise ValueError(
                f"{self._directory}: no document was written, a store cannot be empty; "
                f"{self.rejects.total:,} were refused, the first: {self._first_reject}"
            )
        self._last_shard = True
        store = self._writer.close()
        self._journal.remove()
        return store

    def abort(self) -> None:
        """Leaves the finished shards, the journal and the log for the next run."""
        self._writer.abort()
        self.rejects.close()


def _source(file: InputFile) -> str:
    """What a shard names as its input: the file, or the folder of text files of one document each."""
    return str(Path(file.path).parent) if file.format == "text" else file.path
