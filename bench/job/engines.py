"""What `pypack tokenize` adds to its tokenizer, with either engine."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from bench.common.printing import Row
from bench.common.processes import in_new_process, status_bytes
from pypack import Tokenizer, TokenStore, corpus
from pypack.jobs.tokenize import tokenize
from pypack.tokenizer.choice import EngineName

_ENGINES: tuple[EngineName, ...] = ("huggingface", "native")

_BATCH_BYTES = 4 << 20  # the job's


def read_batches(inputs: list[str]) -> list[Any]:
    """All documents of the inputs, in the job's batches."""
    return [batch.texts for batch in corpus.read(inputs, batch_bytes=_BATCH_BYTES)]


def encode_alone(
    inputs: list[str], tokenizer_file: str, engine: EngineName, threads: int
) -> dict[str, float]:
    """Seconds of the tokenizer with all documents in memory."""
    tokenizer = Tokenizer.from_file(tokenizer_file, engine=engine)
    batches = read_batches(inputs)
    start = time.perf_counter()
    tokens = sum(len(tokenizer.encode_batch(batch, num_threads=threads).values) for batch in batches)
    return {"seconds": time.perf_counter() - start, "tokens": tokens}


def run_job(inputs: list[str], tokenizer_file: str, engine: EngineName, threads: int) -> dict[str, float]:
    """Seconds of the job, its peak memory, and what went through it."""
    tokenizer = Tokenizer.from_file(tokenizer_file, engine=engine)
    with tempfile.TemporaryDirectory() as directory:
        start = time.perf_counter()
        result = tokenize(inputs, Path(directory) / "out.store", tokenizer, num_threads=threads)
        seconds = time.perf_counter() - start
    return {
        "seconds": seconds,
        "tokens": result.tokens,
        "documents": result.documents,
        "peak_bytes": status_bytes("VmHWM"),
        "input_bytes": result.progress.input_bytes,
    }


def check(inputs: list[str], tokenizer_file: str) -> None:
    """The store holds the tokenizer's ids, every document ended by the eos id."""
    tokenizer = Tokenizer.from_file(tokenizer_file)
    with tempfile.TemporaryDirectory() as directory:
        tokenize(inputs, Path(directory) / "out.store", tokenizer)
        store = TokenStore.open(Path(directory) / "out.store")
        document = 0
        end = [] if tokenizer.eos_id is None else [tokenizer.eos_id]
        for batch in read_batches(inputs):
            for row in tokenizer.encode_batch(batch):
                assert np.array_equal(store[document], [*row, *end]), f"document {document} differs"
                document += 1
        assert document == store.num_documents


def bench_engines(inputs: list[str], tokenizer_file: str, threads: int, repeats: int) -> list[Row]:
    """A row for each engine: medians of runs in turns of the tokenizer alone and of the job."""
    check(inputs, tokenizer_file)
    rows: list[Row] = []
    for engine in _ENGINES:
        case = (inputs, tokenizer_file, engine, threads)
        alone, job = [], []
        for _ in range(repeats):
            alone.append(in_new_process(encode_alone, *case))
            job.append(in_new_process(run_job, *case))
        seconds_alone = statistics.median(run["seconds"] for run in alone)
        seconds_job = statistics.median(run["seconds"] for run in job)
        rows.append(
            {
                "engine": engine,
                "megabytes of text": job[0]["input_bytes"] / 1e6,
                "documents": job[0]["documents"],
                "tokens": job[0]["tokens"],
                "tokenizer alone, s": seconds_alone,
                "the job, s": seconds_job,
                "ratio": seconds_job / seconds_alone,
                "peak memory, MB": max(run["peak_bytes"] for run in job) / 1e6,
            }
        )
    return rows
