"""The strategies by name: what `pypack.pack` hands each of them, and the options that each takes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pypack import _core

Arrays = tuple[
    NDArray[np.int64],
    NDArray[np.int64],
    NDArray[np.int32],
    NDArray[np.int32],
    NDArray[np.int32],
    dict[str, int],
]


@dataclasses.dataclass(frozen=True)
class Job:
    """What a strategy is given: lengths, the options that all strategies share, its own options."""

    lengths: NDArray[np.int32]
    shared: _core.PackOptions
    own: Mapping[str, Any]
    num_threads: int


@dataclasses.dataclass(frozen=True)
class Strategy:
    summary: str  # one line, for --help and the table of `compare`
    run: Callable[[Job], Arrays]
    defaults: Mapping[str, Any] = dataclasses.field(default_factory=dict)  # its own options


def _concat(job: Job) -> Arrays:
    return _core.pack_concat(job.lengths, job.shared, _core.Border(job.own["border"]))


def _best_fit(job: Job) -> Arrays:
    return _core.pack_best_fit(job.lengths, job.shared, job.num_threads)


def _next_fit(job: Job) -> Arrays:
    return _core.pack_next_fit(job.lengths, job.shared)


def _first_fit(job: Job) -> Arrays:
    return _core.pack_first_fit(job.lengths, job.shared)


def _histogram(job: Job) -> Arrays:
    packing = _core.HistogramPacking(job.own["algorithm"])
    return _core.pack_histogram(job.lengths, job.shared, packing, job.num_threads)


def _pad(job: Job) -> Arrays:
    if job.own["sorted"]:
        return _core.pack_pad_by_length(job.lengths, job.shared, job.own["group_sequences"])
    return _core.pack_pad(job.lengths, job.shared)


def _stream(job: Job) -> Arrays:
    return _core.pack_stream(
        job.lengths, job.shared, job.own["buffer_documents"], job.own["buffer_tokens"], job.own["seed"]
    )


STRATEGIES: Mapping[str, Strategy] = {
    "stream": Strategy(
        "documents in order through a bounded buffer, ends filled exactly: full, and not sorted by length",
        _stream,
        {"buffer_documents": 1000, "buffer_tokens": None, "seed": None},
    ),
    "best_fit": Strategy("best-fit-decreasing over all documents: the fewest sequences", _best_fit),
    "concat": Strategy("documents end to end, cut at every sequence_length", _concat, {"border": "cross"}),
    "first_fit": Strategy("each document into the first sequence that has room", _first_fit),
    "next_fit": Strategy("documents in order, a new sequence when one does not fit", _next_fit),
    "histogram": Strategy(
        "histogram packing of Krell et al., shortest or longest pack first",
        _histogram,
        {"algorithm": "spfhp"},
    ),
    "pad": Strategy("one document a sequence", _pad, {"sorted": False, "group_sequences": 64}),
}
