r"""What `pypack tokenize` adds to the time that its tokenizer needs for the same documents, and its memory.

    python bench/bench_job.py $PYPACK_SHARED/data/corpus/[cemi]*.zst \
        --tokenizer $PYPACK_SHARED/data/tokenizers/gpt2.json

Each run is a process of its own. "tokenizer alone" encodes the same documents, already read into memory, in
batches as the job does; "the job" reads, decompresses, encodes and writes the store. Checked first: the store
holds exactly the ids that the tokenizer gives.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import statistics
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from harness import print_table, write_results

from pypack import Tokenizer, TokenStore, corpus
from pypack.jobs.tokenize import tokenize
from pypack.tokenizer.choice import EngineName

_ENGINES: tuple[EngineName, ...] = ("huggingface", "native")

_BATCH_BYTES = 4 << 20


def read_batches(inputs: list[str]) -> list[Any]:
    """All documents of the inputs, in the job's batches."""
    return [batch.texts for batch in corpus.read(inputs, batch_bytes=_BATCH_BYTES)]


def encode_alone(
    connection: Connection, inputs: list[str], tokenizer_file: str, engine: EngineName, threads: int
) -> None:
    tokenizer = Tokenizer.from_file(tokenizer_file, engine=engine)
    batches = read_batches(inputs)
    start = time.perf_counter()
    tokens = sum(len(tokenizer.encode_batch(batch, num_threads=threads).values) for batch in batches)
    connection.send({"seconds": time.perf_counter() - start, "tokens": tokens})


def run_job(
    connection: Connection, inputs: list[str], tokenizer_file: str, engine: EngineName, threads: int
) -> None:
    tokenizer = Tokenizer.from_file(tokenizer_file, engine=engine)
    with tempfile.TemporaryDirectory() as directory:
        start = time.perf_counter()
        result = tokenize(inputs, Path(directory) / "out.store", tokenizer, num_threads=threads)
        seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    connection.send(
        {"seconds": seconds, "tokens": result.tokens, "documents": result.documents, "peak_bytes": peak,
         "input_bytes": result.progress.input_bytes}
    )  # fmt: skip


def in_process(function: Any, *arguments: Any) -> dict[str, Any]:
    """The function's result from a process of its own."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=function, args=(theirs, *arguments))
    process.start()
    theirs.close()
    result: dict[str, Any] = ours.recv()
    process.join()
    return result


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


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("inputs", nargs="+")
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    rows = []
    check(args.inputs, args.tokenizer)
    for engine in _ENGINES:
        alone, job = [], []
        for _ in range(args.repeats):
            alone.append(in_process(encode_alone, args.inputs, args.tokenizer, engine, args.threads))
            job.append(in_process(run_job, args.inputs, args.tokenizer, engine, args.threads))
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
    print_table(rows, f"{Path(args.tokenizer).name}, {args.threads} threads")
    print(json.dumps({"written": str(write_results("job", rows, "tokenizers"))}))


if __name__ == "__main__":
    main()
