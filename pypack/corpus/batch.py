"""Batches of documents on their way from a corpus to a tokenizer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pypack.corpus.errors import Reject, RejectedInputError
from pypack.corpus.partitions import filled_array, filled_values, partitions_of
from pypack.corpus.passed_over import PassedOver
from pypack.corpus.stream_hash import StreamHash, StreamMark, StreamPart

if TYPE_CHECKING:
    import pyarrow as pa

# A batch is handed out before its rejects alone take up much memory.
_MAX_REJECTS = 16384


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place between two records of a corpus; reading may start there.

    Attributes:
        file: number of the file in the list of inputs.
        record: lines or rows of that file that lie before this place.
        offset: bytes of the uncompressed file that lie before it; 0 where records are rows.
    """

    file: int = 0
    record: int = 0
    offset: int = 0


@dataclass(slots=True)
class DocumentBatch:
    """Documents in corpus order, with where each stands and what was refused between them.

    Attributes:
        texts: the D documents, as a list of str or a pyarrow string array without nulls.
        files: int32 [D], number of the input file of each document.
        records: int64 [D], 0-based line or row in that file.
        ends: int64 [D], uncompressed byte offset behind the document's line; 0 for rows and text files.
        columns: kept fields by name, D values each: lists of parsed JSON values, or pyarrow arrays.
        rejects: what was refused, in corpus order.
        blank_lines: blank lines passed over; they are neither documents nor rejects.
        input_bytes: uncompressed bytes of the lines or texts read.
        disk_bytes: bytes read from the inputs on disk since the batch before, for progress.
        reached: lines or rows of its last file, or of the piece of it, that lie before the end of the batch.
        stream: the part of a stream that the batch comes from, None of files.
        passed_over: documents that were left out of it as asked, see `pypack.jobs.choosing`.
        look_alikes: documents of it that spell special tokens which are plain text, each as often as it does.
    """

    texts: list[str] | pa.Array
    files: NDArray[np.int32]
    records: NDArray[np.int64]
    ends: NDArray[np.int64]
    columns: dict[str, list[Any] | pa.Array] = field(default_factory=dict)
    rejects: list[Reject] = field(default_factory=list)
    blank_lines: int = 0
    input_bytes: int = 0
    disk_bytes: int = 0
    reached: int = 0
    stream: StreamPart | None = None
    passed_over: PassedOver = field(default_factory=PassedOver)
    look_alikes: PassedOver = field(default_factory=PassedOver)

    def __len__(self) -> int:
        return len(self.files)

    def text_list(self) -> list[str]:
        """The documents as Python strings."""
        texts: list[str] = self.texts if isinstance(self.texts, list) else self.texts.to_pylist()
        return texts

    def position_after(self, document: int) -> Position:
        """Where reading goes on behind document `document` of this batch."""
        return Position(int(self.files[document]), int(self.records[document]) + 1, int(self.ends[document]))

    def mark_at(self, position: Position) -> StreamMark | None:
        """What the stream was up to a place in the batch, by which who goes on there knows it; None of files.

        `position`: of `position_after`. Where a stream is read whole before its rows, all of it counts.
        """
        if self.stream is None or self.files[0] != self.files[-1]:
            return None
        return self.stream.mark_at(position.offset)

    def only(self, kept: NDArray[np.bool_]) -> DocumentBatch:
        """The batch with those of its D documents alone; its rejects and sums stay."""
        if kept.all():
            return self

        def chosen(values: list[Any] | pa.Array) -> list[Any] | pa.Array:
            if len(values) == 0:  # the texts of records, once they are encoded
                return values
            if isinstance(values, list):
                return [value for value, keep in zip(values, kept.tolist(), strict=True) if keep]
            import pyarrow as pa

            return values.filter(pa.array(kept))

        return replace(
            self,
            texts=chosen(self.texts),
            files=self.files[kept],
            records=self.records[kept],
            ends=self.ends[kept],
            columns={name: chosen(values) for name, values in self.columns.items()},
            look_alikes=self.look_alikes and self.look_alikes.only(self.files[kept], self.records[kept]),
        )

    def parts(self, count: int) -> Iterator[DocumentBatch]:
        """The same in about so many batches."""
        size = max(1, -(-len(self) // count))
        rejects, passed_over = self.rejects, self.passed_over
        for start in range(0, len(self), size):
            stop = min(start + size, len(self))
            part = replace(
                self,
                texts=self.texts[start:stop],
                files=self.files[start:stop],
                records=self.records[start:stop],
                ends=self.ends[start:stop],
                columns={name: values[start:stop] for name, values in self.columns.items()},
            )
            if stop < len(self):
                next_one = (int(self.files[stop]), int(self.records[stop]))
                part.rejects = [one for one in rejects if (one.index, one.record) < next_one]
                part.passed_over, passed_over = passed_over.split(next_one)
                part.blank_lines = part.input_bytes = part.disk_bytes = 0
            else:
                part.rejects, part.passed_over = rejects, passed_over
            rejects = rejects[len(part.rejects) :]
            yield part
        if len(self) == 0:
            yield self


class BatchBuilder:
    """Gathers documents, over file borders, until a batch is full."""

    def __init__(self, keep: tuple[str, ...], batch_bytes: int, on_error: str) -> None:
        self._keep = keep
        self._batch_bytes = batch_bytes
        self._stop = on_error == "stop"
        # Kept columns that stand in the name of the current file's folder.
        self._constants: dict[str, str] = {}
        # Record and byte offset that reading of the current file has reached: where damage is reported.
        self.reached = (0, 0)
        self._clear()

    def _clear(self) -> None:
        self._texts: list[list[str] | pa.Array] = []
        self._files: list[NDArray[np.int32]] = []
        self._records: list[NDArray[np.int64]] = []
        self._ends: list[NDArray[np.int64]] = []
        self._columns: dict[str, list[Any]] = {name: [] for name in self._keep}
        self.rejects: list[Reject] = []
        self.blank_lines = 0
        self.input_bytes = 0
        self.disk_bytes = 0
        self._stream: StreamHash | None = None

    def begin_file(self, path: str, reached: tuple[int, int]) -> None:
        """What is added next comes from this file, from a record and byte offset on."""
        self.reached = reached
        partitions = partitions_of(path)
        self._constants = {name: partitions[name] for name in self._keep if name in partitions}

    def in_stream(self, running: StreamHash | None, offset: int) -> None:
        """What is added next begins at a byte of a stream, or of a file, which has no running hash."""
        if running is not None and self._stream is None:
            running.advance(offset)
        self._stream = running

    @property
    def full(self) -> bool:
        # A block of this many bytes ends with its last whole line.
        return (
            self.input_bytes >= self._batch_bytes - self._batch_bytes // 8
            or len(self.rejects) >= _MAX_REJECTS
        )

    @property
    def empty(self) -> bool:
        return not (self._texts or self.rejects or self.blank_lines or self.input_bytes or self.disk_bytes)

    def add(
        self,
        file: int,
        texts: list[str] | pa.Array,
        records: NDArray[np.int64],
        ends: NDArray[np.int64],
        columns: dict[str, list[Any]],
    ) -> None:
        """Adds documents of one file.

        What a kept field lacks comes from the name of the file's folder (`lang=en/`), or is null.
        """
        if len(texts) == 0:
            return
        self._texts.append(texts)
        self._files.append(np.full(len(texts), file, np.int32))
        self._records.append(records)
        self._ends.append(ends)
        for name in self._keep:
            values = columns[name] if name in columns else [None] * len(texts)
            constant = self._constants.get(name)
            self._columns[name].extend(values if constant is None else filled_values(values, constant))

    def filled(self, columns: dict[str, pa.Array]) -> dict[str, pa.Array]:
        """Kept columns of the current file, what they lack taken from the name of its folder."""
        return {
            name: array if name not in self._constants else filled_array(array, self._constants[name])
            for name, array in columns.items()
        }

    def reject(self, reject: Reject) -> None:
        if self._stop:
            raise RejectedInputError(reject)
        self.rejects.append(reject)

    def take(self) -> DocumentBatch:
        """The batch gathered so far; the builder starts over."""
        batch = DocumentBatch(
            _joined(self._texts),
            np.concatenate([np.empty(0, np.int32), *self._files]),
            np.concatenate([np.empty(0, np.int64), *self._records]),
            np.concatenate([np.empty(0, np.int64), *self._ends]),
            dict(self._columns),
            self.rejects,
            self.blank_lines,
            self.input_bytes,
            self.disk_bytes,
            self.reached[0],
            None if self._stream is None else self._stream.part(),
        )
        self._clear()
        return batch


def _joined(parts: list[list[str] | pa.Array]) -> list[str] | pa.Array:
    """Arrow arrays where there are any, without a Python object a document."""
    if len(parts) == 1:
        return parts[0]
    if all(isinstance(part, list) for part in parts):
        return [text for part in parts for text in part]
    import pyarrow as pa

    return pa.concat_arrays(
        [pa.array(part, pa.large_string()) if isinstance(part, list) else part for part in parts]
    )
