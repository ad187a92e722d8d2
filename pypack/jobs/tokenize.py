"""Tokenizing a corpus into a store: read, encode and write, each in a thread of its own."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pypack import corpus
from pypack._common.paths import local_path
from pypack.corpus import DocumentBatch, InputFile
from pypack.jobs.background import Consumer, Producer
from pypack.jobs.encode_stage import EncodeStage
from pypack.jobs.journal import Entry
from pypack.jobs.output import claimed
from pypack.jobs.store_stage import StoreStage
from pypack.ragged import Ragged
from pypack.store.store import TokenStore
from pypack.store.writer import DEFAULT_SHARD_TOKENS

if TYPE_CHECKING:
    from pypack.tokenizer.tokenizer import Tokenizer


class NoEndTokenError(ValueError):
    """Documents are to end with a token that nobody knows."""


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
    """

    output: Path
    documents: int
    tokens: int
    shards: int
    rejected: int
    rejected_by_kind: dict[str, int]
    rejected_files: int
    resumed_documents: int
    engine: str
    progress: Progress


@dataclass(frozen=True)
class TokenizeOptions:
    """What decides the content of the store, besides the inputs and the tokenizer.

    Attributes:
        field, keep, txt_per_line, max_document_bytes: see `pypack.corpus.read`.
        append_eos: end every document with the tokenizer's eos id; None: if it has one.
        split_special_tokens: text that looks like a special token is plain text.
        shard_tokens: most tokens in a shard.
    """

    field: str = "text"
    keep: tuple[str, ...] = ()
    txt_per_line: bool = False
    max_document_bytes: int = 1 << 28
    append_eos: bool | None = None
    split_special_tokens: bool = False
    shard_tokens: int = DEFAULT_SHARD_TOKENS


def tokenize(
    inputs: Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    tokenizer: Tokenizer,
    options: TokenizeOptions | None = None,
    *,
    on_error: Literal["reject", "stop"] = "reject",
    format: str | None = None,
    num_threads: int | None = None,
    overwrite: bool = False,
    batch_bytes: int = 4 << 20,
    on_progress: Callable[[Progress], None] | None = None,
    on_message: Callable[[str], None] | None = None,
) -> TokenizeResult:
    """Tokenizes a corpus into a store, which depends on the corpus, the tokenizer and `options` alone.

    Killed at any moment, the job leaves its finished shards and a journal; the same call then goes on from
    there and ends with the same bytes as an unbroken run.

    Args:
        inputs: files, directories, glob patterns or "-", see `pypack.corpus.list_inputs`.
        on_error: "reject" or "stop", see `pypack.corpus.read`.
        format: what named files, pipes and "-" hold, see `pypack.corpus.list_inputs`.
        num_threads: threads that encode; None for every core.
        overwrite: replace the store, finished or not, that stands at `output`.
        batch_bytes: input bytes encoded at once; memory grows with it.
        on_progress: called after every batch, from another thread.
        on_message: told what is worth telling: files left out, a job that goes on.

    Raises:
        CorpusError: an input does not exist or is of an unknown kind; the first reject under "stop".
        OutputError: the output holds something else, or another process writes there.
        ValueError: an option does not fit, or the corpus holds no document.
        OSError: the disk is full, a permission is missing, ...
    """
    options = options or TokenizeOptions()
    say = on_message or (lambda message: None)
    directory = local_path(output)
    _check(options, tokenizer)
    files = corpus.list_inputs(
        inputs, exclude=[directory], on_skip=lambda path: say(f"left out {path}"), format=format
    )
    read = partial(
        corpus.read,
        files,
        field=options.field,
        keep=options.keep,
        txt_per_line=options.txt_per_line,
        max_document_bytes=options.max_document_bytes,
        on_error=on_error,
        batch_bytes=batch_bytes,
    )
    read()  # checks its arguments before anything is written or removed
    description = {"inputs": [os.fspath(path) for path in inputs], **asdict(options)}
    with claimed(directory, _identity(description, tokenizer, files, format), overwrite) as entries:
        if entries:
            say(f"going on behind {sum(e.shard.documents for e in entries)} documents finished before")
        stage = _store_stage(directory, files, entries, tokenizer, options, description)
        resumed = stage.num_documents
        progress = Progress(
            disk_bytes=sum(file.size for file in files[: stage.start.file]),
            total_disk_bytes=0 if any(file.is_stream for file in files) else sum(f.size for f in files),
        )
        encode = partial(
            tokenizer.encode_batch, split_special_tokens=options.split_special_tokens, num_threads=num_threads
        )
        try:
            encode_stage = EncodeStage(encode, files, on_error)
            _run(read(start=stage.start), encode_stage, stage, progress, on_progress)
            store = stage.finish()
        except BaseException:
            stage.abort()
            raise
    return _result(directory, store, stage, resumed, tokenizer.engine, progress)


def _identity(
    description: Mapping[str, Any], tokenizer: Tokenizer, files: Sequence[InputFile], format: str | None
) -> dict[str, Any]:
    """What makes this job this job: one that goes on must be the same in all of it."""
    job = {
        **description,
        "keep": list(description["keep"]),
        "tokenizer": tokenizer.fingerprint,
        "special_ids": tokenizer.special_tokens.as_dict(),
        "files": [[file.path, file.size, file.modified_ns] for file in files],
    }
    return job if format is None else job | {"format": format}


def _store_stage(
    directory: Path,
    files: list[InputFile],
    entries: list[Entry],
    tokenizer: Tokenizer,
    options: TokenizeOptions,
    description: dict[str, Any],
) -> StoreStage:
    return StoreStage(
        directory,
        files,
        entries,
        keeps_columns=bool(options.keep),
        vocab_size=tokenizer.vocab_size,
        append_id=None if options.append_eos is False else tokenizer.eos_id,
        tokenizer=tokenizer,
        shard_tokens=options.shard_tokens,
        options=description,
    )


def _check(options: TokenizeOptions, tokenizer: Tokenizer) -> None:
    """Raises ValueError for a job that cannot be done as asked."""
    if options.append_eos and tokenizer.eos_id is None:
        raise NoEndTokenError(
            "append_eos: pypack knows no end-of-document token of this tokenizer; name it with --eos-token"
        )
    if tokenizer.dropout:
        raise ValueError(
            f"the tokenizer has dropout {tokenizer.dropout:g}, so that every run would give other tokens; "
            'set "dropout" of "model" to null in its tokenizer.json'
        )
    if options.shard_tokens < 1:
        raise ValueError(f"shard_tokens must be at least 1, got {options.shard_tokens}")


def _result(
    directory: Path, store: TokenStore, stage: StoreStage, resumed: int, engine: str, progress: Progress
) -> TokenizeResult:
    return TokenizeResult(
        output=directory,
        documents=store.num_documents,
        tokens=store.num_tokens,
        shards=len(store.info.shards) if store.info else 0,
        rejected=stage.rejects.total,
        rejected_by_kind=dict(stage.rejects.by_kind),
        rejected_files=stage.rejects.whole_files,
        resumed_documents=resumed,
        engine=engine,
        progress=progress,
    )


def _run(
    batches: Iterator[DocumentBatch],
    encode: EncodeStage,
    stage: StoreStage,
    progress: Progress,
    on_progress: Callable[[Progress], None] | None,
) -> None:
    """Reads, encodes and writes, each in its own thread; the encoder uses the kernel's threads besides."""
    began = time.monotonic()
    documents, tokens = stage.num_documents, stage.num_tokens

    def write(item: tuple[DocumentBatch, Ragged]) -> None:
        batch, ids = item
        stage.write(batch, ids)
        progress.documents, progress.tokens = stage.num_documents, stage.num_tokens
        progress.run_documents, progress.run_tokens = progress.documents - documents, progress.tokens - tokens
        progress.input_bytes += batch.input_bytes
        progress.disk_bytes += batch.disk_bytes
        progress.blank_lines += batch.blank_lines
        progress.rejected += len(batch.rejects)
        progress.seconds = time.monotonic() - began
        if on_progress is not None:
            on_progress(progress)

    with Producer(batches) as reading, Consumer(write) as writing:
        for batch in reading:
            writing.put(encode(batch))
