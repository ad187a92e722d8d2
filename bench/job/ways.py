"""The programs that make token ids on disk of JSON lines, and how to read what each has written."""

from __future__ import annotations

import hashlib
import itertools
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pypack import TokenStore

_PROGRAMS = Path(__file__).parents[1] / "peers" / "jobs"


@dataclass(frozen=True)
class Job:
    """What every way is given."""

    tokenizer: Path
    eos_id: int
    eos_token: str
    threads: int
    before: Path | None = None  # the Python of an older pypack


@dataclass(frozen=True)
class Way:
    """`command` makes the process's command line of the job, its input and its output; `documents` reads the
    ids of the output, document by document. `splits`: the input is a folder of one file a thread."""

    name: str
    distribution: str
    command: Callable[[Job, Path, Path], list[str]]
    documents: Callable[[Path], Iterator[Any]]
    environment: Callable[[Job], dict[str, str]] = field(default=lambda job: {})
    splits: bool = False


def store_documents(path: Path) -> Iterator[Any]:
    """The ids of a store."""
    return iter(TokenStore.open(path))


def _arrow(path: Path) -> Iterator[Any]:
    for file in sorted(path.glob("ids*.arrow")):  # one a process, in order
        with pa.memory_map(str(file)) as source:
            for batch in pa.ipc.open_stream(source):
                ids = batch.column("input_ids")
                offsets, values = ids.offsets.to_numpy(), ids.values.to_numpy()
                yield from (values[a:b] for a, b in itertools.pairwise(offsets))


def _datatrove_files(path: Path) -> Iterator[Any]:
    for file in sorted(path.glob("*.ds")):  # one a task, in order
        ends = np.fromfile(f"{file}.index", np.uint64).tolist()
        ids = np.fromfile(file, np.uint16)
        yield from (ids[a:b] for a, b in itertools.pairwise([0, *ends]))


def tokenize_command(job: Job, lines: Path, out: Path) -> list[str]:
    """The command line of `pypack tokenize`."""
    return _tokenize(sys.executable, job, lines, out, "--threads")


def _before(job: Job, lines: Path, out: Path) -> list[str]:
    return _tokenize(str(job.before), job, lines, out, "--workers")


def _tokenize(python: str, job: Job, lines: Path, out: Path, threads: str) -> list[str]:
    options = ["-o", str(out), "--tokenizer", str(job.tokenizer), threads, str(job.threads)]
    return [python, "-m", "pypack.cli", "tokenize", str(lines), *options]


def _datasets(job: Job, lines: Path, out: Path) -> list[str]:
    program = str(_PROGRAMS / "with_datasets.py")
    return [sys.executable, program, *map(str, (lines, job.tokenizer, out, job.eos_id, job.threads))]


def _megatron(job: Job, lines: Path, out: Path) -> list[str]:
    program = str(_PROGRAMS / "with_megatron.py")
    return [sys.executable, program, *map(str, (lines, job.tokenizer, out, job.eos_id))]


def _gigatoken(job: Job, lines: Path, out: Path) -> list[str]:
    program = str(_PROGRAMS / "with_gigatoken.py")
    return [sys.executable, program, *map(str, (lines, job.tokenizer, out, job.eos_id))]


def _datatrove(job: Job, lines: Path, out: Path) -> list[str]:
    program = str(_PROGRAMS / "with_datatrove.py")
    return [sys.executable, program, *map(str, (lines, job.tokenizer, out, job.eos_token, job.threads))]


WAYS = {
    "pypack": Way("pypack tokenize", "pypack-engine", tokenize_command, store_documents),
    "before": Way("pypack tokenize of an older build", "pypack-engine", _before, store_documents),
    "datasets": Way(
        "datasets.map, tokenizers",
        "datasets",
        _datasets,
        _arrow,
        # A process of its own for every thread; nothing is looked up on a network.
        lambda job: {"TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"},
    ),
    "megatron": Way(
        "Megatron's IndexedDatasetBuilder, tokenizers",
        "megatron-core",
        _megatron,
        lambda path: store_documents(path / "ids"),
        lambda job: {"RAYON_NUM_THREADS": str(job.threads), "TOKENIZERS_PARALLELISM": "true"},
    ),
    "gigatoken": Way(
        "Megatron's IndexedDatasetBuilder, gigatoken's encode_files",
        "gigatoken",
        _gigatoken,
        lambda path: store_documents(path / "ids"),
        lambda job: {"RAYON_NUM_THREADS": str(job.threads)},
    ),
    "datatrove": Way(
        "datatrove's DocumentTokenizer",
        "datatrove",
        _datatrove,
        _datatrove_files,
        lambda job: {"TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"},
        splits=True,
    ),
}


def digest(documents: Iterator[Any]) -> tuple[str, int, int]:
    """What the ids and the borders of all documents hash to, the documents, and the tokens."""
    found = hashlib.sha256()
    count = tokens = 0
    for ids in documents:
        found.update(len(ids).to_bytes(8, "little"))
        found.update(np.ascontiguousarray(ids, np.uint32).tobytes())
        count += 1
        tokens += len(ids)
    return found.hexdigest(), count, tokens
