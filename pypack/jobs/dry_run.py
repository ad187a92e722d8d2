"""What a job would make, predicted from the beginnings of some of its inputs; nothing is written."""

from __future__ import annotations

import io
import math
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pypack.corpus import CorpusError, DocumentBatch, InputFile
from pypack.jobs.description import JobDescription
from pypack.jobs.options import WorkOptions
from pypack.jobs.place import FolderPlace
from pypack.jobs.unit_work import UnitWork
from pypack.store.column_types import record_batch
from pypack.store.format import dtype_for_vocabulary

if TYPE_CHECKING:
    from pypack.tokenizer.tokenizer import Tokenizer

_MOST_FILES = 64
_MOST_BYTES = 64 << 20
_LEAST_BYTES_A_FILE = 1 << 20
_MOST_SECONDS = 20.0
_INDEX_BYTES = 20  # of a document in an .idx
_STANDARD_ERRORS = 2.0


@dataclass(frozen=True)
class Prediction:
    """What a job would make, as far as a sample tells.

    Attributes:
        documents, tokens: of the store; tokens count the end-of-document ids.
        rejected: records that would be refused.
        disk_bytes: of the store.
        seconds: for one process on this machine.
        error: the tokens are within this share of the prediction, as a rule (two standard errors); 0 where
            all was read, None where one file alone was sampled, which tells nothing of its other parts.
        sampled_files, files: how many were looked into, and how many there are.
        sampled_bytes, bytes: of them on disk.
        is_complete: the sample is the whole.
        streams: inputs that can be read only once, and are not in these figures.
        known_inputs, moved_inputs: of an append, those that the store has, and of them those that were at
            another place; they are in no other figure.
        begun_inputs: of an append, those of one that was begun before, and is finished first.
    """

    documents: int
    tokens: int
    rejected: int
    disk_bytes: int
    seconds: float
    error: float | None
    sampled_files: int
    files: int
    sampled_bytes: int
    bytes: int
    is_complete: bool
    streams: int = 0
    known_inputs: int = 0
    moved_inputs: int = 0
    begun_inputs: int = 0


NOTHING = Prediction(0, 0, 0, 0, 0.0, 0.0, 0, 0, 0, 0, is_complete=True)


@dataclass
class _Sample:
    """What the beginning of one file gave."""

    file: InputFile
    bytes: int = 0  # on disk
    documents: int = 0
    tokens: int = 0
    rejected: int = 0
    column_bytes: int = 0
    is_whole: bool = False


def predict(
    job: JobDescription,
    tokenizer: Tokenizer,
    *,
    num_threads: int | None = None,
    most_bytes: int = _MOST_BYTES,
    most_seconds: float = _MOST_SECONDS,
) -> Prediction:
    """Reads and encodes the beginnings of up to 64 files, chosen at random, always the same.

    Args:
        job: what would be done; what can be read only once is left alone, and is not predicted.
        tokenizer: of the job.
        num_threads: threads that encode, None for every core.
        most_bytes: uncompressed bytes to read, of all files together.
        most_seconds: no further file is begun after that.

    Raises:
        CorpusError: there is no file but streams.
    """
    files = [file for file in job.inputs if not file.is_stream]
    if not files:
        raise CorpusError("--dry-run reads samples of files; standard input and pipes can be read only once")
    work = UnitWork(
        FolderPlace(Path()), job, tokenizer, WorkOptions(num_threads=num_threads, batch_bytes=1 << 20)
    )
    chosen = random.Random(0).sample(range(len(files)), min(_MOST_FILES, len(files)))
    each = max(_LEAST_BYTES_A_FILE, most_bytes // len(chosen))
    reading = encoding = 0.0
    samples: list[_Sample] = []
    tokenizer.encode_batch([""], num_threads=num_threads)  # what is made at first use is no part of the speed
    began = time.monotonic()
    for index in chosen:
        if samples and time.monotonic() - began > most_seconds:
            break
        sample, seconds = _look_into(files[index], work, each)
        samples.append(sample)
        reading, encoding = reading + seconds[0], encoding + seconds[1]
    return _predicted(job, files, samples, max(reading, encoding))


def _look_into(file: InputFile, work: UnitWork, most_bytes: int) -> tuple[_Sample, tuple[float, float]]:
    sample = _Sample(file)
    reading = encoding = 0.0
    batches, encode = work.choose(work.read([file]), [file]), work.stage([file])
    uncompressed = 0
    while uncompressed < most_bytes:
        began = time.monotonic()
        batch = next(batches, None)
        read_at = time.monotonic()
        if batch is None:
            sample.is_whole = True
            break
        batch, ids, _ = work.choose_encoded(*encode(batch))
        encoding += time.monotonic() - read_at
        reading += read_at - began
        uncompressed += max(1, batch.input_bytes)
        sample.bytes += batch.disk_bytes
        sample.documents += len(batch)
        sample.tokens += len(ids.values)
        sample.rejected += len(batch.rejects)
        sample.column_bytes += _column_bytes(batch)
    batches.close()  # type: ignore[attr-defined]
    if sample.is_whole:
        sample.bytes = file.size
    return sample, (reading, encoding)


def _column_bytes(batch: DocumentBatch) -> int:
    """Bytes that the kept columns of a batch take on disk."""
    if not batch.columns:
        return 0
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    pq.write_table(pa.Table.from_batches([record_batch(batch.columns, len(batch))]), sink, compression="zstd")
    return sink.tell()


def _predicted(
    job: JobDescription, files: Sequence[InputFile], samples: Sequence[_Sample], seconds: float
) -> Prediction:
    size = sum(file.size for file in files)
    sampled = sum(sample.bytes for sample in samples)
    # Kinds of files differ in how much text a byte on disk is: each kind is scaled by itself.
    kinds: dict[tuple[str, str | None], list[_Sample]] = {}
    for sample in samples:
        kinds.setdefault((sample.file.format, sample.file.compression), []).append(sample)
    sizes: dict[tuple[str, str | None], int] = {}
    for file in files:
        sizes[file.format, file.compression] = sizes.get((file.format, file.compression), 0) + file.size
    unseen = sum(size for kind, size in sizes.items() if kind not in kinds)  # as the others are, on average
    totals = dict.fromkeys(("documents", "tokens", "rejected", "column_bytes"), 0.0)
    for kind, found in kinds.items():
        seen = max(1, sum(sample.bytes for sample in found))
        factor = (sizes[kind] + unseen * sizes[kind] / max(1, size - unseen)) / seen
        for name in totals:
            totals[name] += factor * sum(getattr(sample, name) for sample in found)
    is_complete = len(samples) == len(files) and all(sample.is_whole for sample in samples)
    asked = job.job
    around = [*asked["prepended_ids"], *asked["appended_ids"], asked["appended_id"]]
    tokens = totals["tokens"] + sum(one is not None for one in around) * totals["documents"]
    itemsize = np.dtype(dtype_for_vocabulary(asked["vocab_size"])).itemsize
    return Prediction(
        documents=round(totals["documents"]),
        tokens=round(tokens),
        rejected=round(totals["rejected"]),
        disk_bytes=round(tokens * itemsize + totals["documents"] * _INDEX_BYTES + totals["column_bytes"]),
        seconds=seconds * size / max(1, sampled),
        error=0.0 if is_complete else _error(samples),
        sampled_files=len(samples),
        files=len(files),
        sampled_bytes=sampled,
        bytes=size,
        is_complete=is_complete,
        streams=len(job.inputs) - len(files),
    )


def _error(samples: Sequence[_Sample]) -> float | None:
    """Two standard errors of tokens a byte, as a share, from how the sampled files differ."""
    sampled = [sample for sample in samples if sample.bytes]
    tokens, size = sum(sample.tokens for sample in sampled), sum(sample.bytes for sample in sampled)
    if len(sampled) < 2 or tokens == 0:
        return None
    ratio = tokens / size
    squares = sum((sample.tokens - ratio * sample.bytes) ** 2 for sample in sampled)
    return _STANDARD_ERRORS * math.sqrt(squares * len(sampled) / (len(sampled) - 1)) / tokens
