"""Working on one unit: read, encode and write, each in a thread of its own, then the commit."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pypack import corpus
from pypack._common.threads import resolve_num_threads
from pypack.corpus import DocumentBatch, InputFile, RejectedInputError
from pypack.corpus.chosen import only_chosen
from pypack.corpus.field import DEFAULT_JOINER
from pypack.corpus.piece import lines_before
from pypack.corpus.unchanged import require_unchanged
from pypack.jobs.background import Consumer, Producer
from pypack.jobs.choosing import Choice
from pypack.jobs.crash import crash_at
from pypack.jobs.description import JobDescription
from pypack.jobs.encode_stage import EncodeStage
from pypack.jobs.lanes import Lanes, lanes_of
from pypack.jobs.limit import Cap
from pypack.jobs.manifest import Manifest, read_manifest
from pypack.jobs.memory import resident_bytes
from pypack.jobs.options import WorkOptions
from pypack.jobs.places import Place
from pypack.jobs.record_options import record_texts
from pypack.jobs.record_stage import RecordStage
from pypack.jobs.refused_files import refused_files
from pypack.jobs.refused_files import refused_name as refused_name
from pypack.jobs.retry import chosen_records
from pypack.jobs.unit_progress import ToldWriter, UnitProgress
from pypack.jobs.unit_writer import UnitWriter
from pypack.jobs.word_stage import WordStage
from pypack.ragged import Ragged
from pypack.store.beside import WORDS, Beside

if TYPE_CHECKING:
    from pypack.tokenizer.tokenizer import Tokenizer

# Above the memory limit, batches are encoded in so many parts.
_PARTS = 16


class UnitWork:
    """Makes units of a job, one after another, in this process.

    Attributes:
        passed_limit: whether this process has passed its memory limit.
    """

    def __init__(self, place: Place, job: JobDescription, tokenizer: Tokenizer, options: WorkOptions) -> None:
        self._place = place
        self._job = job
        self._tokenizer = tokenizer
        self._options = options
        self.passed_limit = False
        self._threads = options.num_threads  # for one batch
        self._texts = record_texts(job.job, tokenizer)
        self._choice = Choice(job.job)

    def __call__(self, number: int, on_progress: Callable[[UnitProgress], None] | None = None) -> Manifest:
        """Makes a unit, or finds it made.

        Args:
            on_progress: called after every batch, from another thread.

        Raises:
            CorpusError: an input has changed since the job began; the first reject under "stop".
            UnitConflictError: another attempt at the unit has made other bytes.
            OSError: the disk is full, a permission is missing, ...
        """
        done = read_manifest(self._place, number)
        if done is not None:
            return done
        crash_at("start", number)
        files = [_as_found(file) for file in self._files(number)]
        require_unchanged(files)
        job = self._job.job
        writer = UnitWriter(
            self._place,
            number,
            files,
            keeps_columns=bool(job["keep"]),
            vocab_size=job["vocab_size"],
            append_id=job["appended_id"],
            shard_tokens=job["shard_tokens"],
            prepend_ids=job.get("prepended_ids", ()),
            append_ids=job.get("appended_ids", ()),
            beside=self._beside,
            first_shard=self._job.first_shard,
        )
        try:
            is_cut = self._run(number, files, writer, on_progress)
            require_unchanged(files)
            return writer.finish(is_cut=is_cut)
        except FileNotFoundError:
            writer.abort()
            done = read_manifest(self._place, number)  # a twin was first, and what attempts left was removed
            if done is None:
                raise
            return done
        except RejectedInputError as error:
            writer.abort()
            raise _with_line_of_file(error, files) from error
        except BaseException:
            writer.abort()
            raise

    def try_files(self, number: int, first: int, stop: int) -> None:
        """Reads and encodes files of a unit, and writes nothing: to see whether they kill this process."""
        files = self._files(number)[first:stop]
        batches = self.choose(self.read(files), files)
        encode = self.stage(files)
        with Producer(batches) as reading:
            for batch in reading:
                for part in self._parts(batch, files):
                    encode(part)

    def documents(self, number: int) -> Generator[tuple[DocumentBatch, Ragged, Beside | None]]:
        """The documents of a unit, encoded, without the ids around them; nothing is written."""
        files = self._files(number)
        encode = self.stage(files)
        for part in self._all_parts(self.choose(self._chosen(self.read(files), files, number), files), files):
            yield self._choice.of_tokens(*encode(part))

    def _chosen(
        self, batches: Iterator[DocumentBatch], files: list[InputFile], number: int
    ) -> Iterator[DocumentBatch]:
        """All batches, or of a unit that tries refused records again those records."""
        chosen = chosen_records(self._place, self._job, number)
        return batches if chosen is None else only_chosen(batches, chosen, files[0].path)

    def _lanes(self) -> tuple[int, int | None]:
        """How many batches are encoded side by side, and the threads that each has."""
        if self._texts is not None or self._tokenizer.engine != "native":
            return 1, self._options.num_threads
        return lanes_of(resolve_num_threads(self._options.num_threads))

    @property
    def _beside(self) -> list[str]:
        """The files that shards have beside their tokens, by suffix."""
        texts = [] if self._texts is None else self._texts.beside
        return [*texts, WORDS] if self._job.job.get("word_borders") else texts

    def stage(self, files: list[InputFile], on_error: str = "reject") -> EncodeStage | RecordStage:
        """What makes ids of batches of these files."""
        threads = self._threads
        splits = self._job.job["split_special_tokens"]
        if self._job.job.get("word_borders"):
            words = partial(
                self._tokenizer.encode_batch_with_words, split_special_tokens=splits, num_threads=threads
            )
            return WordStage(words, files, on_error)
        if self._texts is not None:
            encode = partial(self._tokenizer.encode_rendered, num_threads=threads)
            return RecordStage(self._texts, encode, files, on_error)
        if splits:
            return EncodeStage(partial(self._tokenizer.encode_as_text, num_threads=threads), files, on_error)

        def parsed(texts: Any) -> tuple[Ragged, NDArray[np.uint32]]:
            return self._tokenizer.encode_batch(texts, num_threads=threads), np.zeros(0, np.uint32)

        return EncodeStage(parsed, files, on_error)

    def _files(self, number: int) -> list[InputFile]:
        files = self._job.units[number].files(self._job.inputs)
        for i, reason in refused_files(self._place, number).items():
            files[i] = replace(files[i], refused=reason)
        return files

    def read(
        self,
        files: list[InputFile],
        start: corpus.Position | None = None,
        stream_mark: corpus.StreamMark | None = None,
    ) -> Iterator[DocumentBatch]:
        """The batches of files, or of what stands behind a place in them."""
        job = self._job.job
        return corpus.read(
            files,
            field=job["field"],
            joiner=job.get("joiner", DEFAULT_JOINER),
            keep=self._choice.fields,
            txt_per_line=job["txt_per_line"],
            max_document_bytes=job["max_document_bytes"],
            record_fields=() if self._texts is None else self._texts.recipe.fields,
            on_error=self._options.on_error,
            batch_bytes=self._options.batch_bytes,
            start=start,
            stream_mark=stream_mark,
        )

    def _run(
        self,
        number: int,
        files: list[InputFile],
        writer: UnitWriter,
        on_progress: Callable[[UnitProgress], None] | None,
    ) -> bool:
        """Makes the unit; whether it was cut short because it has all documents that it may have."""
        lanes, self._threads = self._lanes()
        # One each: a stage may hold something of the batch that it is at.
        stages = [self.stage(files, self._options.on_error) for _ in range(lanes)]
        write = ToldWriter(writer, files, self._options.max_rejects, on_progress)
        batches = self._chosen(self.read(files, writer.start, writer.stream_mark), files, number)
        most = self._job.units[number].most_documents or self._job.job.get("limit")
        cap = Cap(most, writer.num_documents)
        if cap.is_reached():
            return True
        reading = Producer(self.choose(batches, files))
        # Left last: then nobody waits any more for a batch that does not come.
        with (
            Lanes(self._all_parts(reading, files), stages) as encoding,
            reading,
            Consumer(write) as writing,
        ):
            for encoded in encoding:
                writing.put(cap.cut(*self._choice.of_tokens(*encoded)))
                if cap.is_reached():
                    break
        return cap.is_reached()

    def choose(self, batches: Iterator[DocumentBatch], files: list[InputFile]) -> Iterator[DocumentBatch]:
        """What the job wants of batches, before it is encoded."""
        return self._choice.of_batches(batches, files, self._options.on_error)

    def choose_encoded(
        self, batch: DocumentBatch, ids: Ragged, beside: Beside | None
    ) -> tuple[DocumentBatch, Ragged, Beside | None]:
        """The same of a batch that is encoded."""
        return self._choice.of_tokens(batch, ids, beside)

    def _all_parts(self, batches: Iterable[DocumentBatch], files: list[InputFile]) -> Iterator[DocumentBatch]:
        for batch in batches:
            yield from self._parts(batch, files)

    def _parts(self, batch: DocumentBatch, files: list[InputFile]) -> Iterator[DocumentBatch]:
        """The batch, or above the memory limit parts of it."""
        for i in dict.fromkeys(batch.files.tolist()):
            crash_at("file", files[i].path)
        limit = self._options.memory_limit
        if limit is not None and not self.passed_limit:
            self.passed_limit = resident_bytes() > limit
        yield from batch.parts(_PARTS) if self.passed_limit else (batch,)


def _as_found(file: InputFile) -> InputFile:
    """The file with its number in the file system of this machine, by which it is known at the end."""
    try:
        return (
            file
            if file.is_stream or file.is_remote
            else replace(file, inode=Path(file.location).stat().st_ino)
        )
    except OSError:
        return file


def _with_line_of_file(error: RejectedInputError, files: list[InputFile]) -> RejectedInputError:
    """The error with the number of the line in its file: readers of a piece count from its beginning."""
    reject, file = error.reject, files[error.reject.index]
    if file.end is None or reject.unit != "line":
        return error
    return RejectedInputError(replace(reject, record=lines_before(file, reject.offset)))
