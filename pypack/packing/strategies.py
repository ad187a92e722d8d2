"""The strategies by name: what `pypack.pack` hands each of them, and the options that each takes."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pypack import _core
from pypack._common.arguments import number_within

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
    """One way to put documents into sequences, and what `pack`, the command line and `compare` ask of it."""

    summary: str  # one line, for --help and the table of `compare`
    run: Callable[[Job], Arrays]
    defaults: Mapping[str, Any] = dataclasses.field(default_factory=dict)  # its own options
    # Puts the defaults that depend on sequence_length where its own options are None.
    resolve: Callable[[int, dict[str, Any]], None] | None = None
    # The longest capacity, where it is not sequence_length.
    longest: Callable[[Mapping[str, Any]], int] | None = None
    # Warns where the order of the documents makes a worse plan, of some utilization, than another order.
    suits_order: Callable[[Job, float], None] | None = None


_BITS = {
    "buffer_documents": 64,
    "buffer_tokens": 64,
    "group_sequences": 64,
    "min_length": 32,
    "max_length": 32,
}


def checked_options(own: Mapping[str, Any]) -> dict[str, Any]:
    """Options of a strategy with numbers as ints; None stays.

    Raises:
        ValueError: one is no whole number, or too large for its type.
    """
    checked = dict(own)
    for name, value in own.items():
        if value is not None and name in _BITS:
            checked[name] = number_within(name, value, _BITS[name])
        elif value is not None and name == "seed":
            checked[name] = number_within(name, value, 64, signed=False)
    return checked


def _concat(job: Job) -> Arrays:
    return _core.pack_concat(job.lengths, job.shared, _core.Border(job.own["border"]))


def _best_fit(job: Job) -> Arrays:
    return _core.pack_best_fit(job.lengths, job.shared, job.own["seed"], job.num_threads)


def _next_fit(job: Job) -> Arrays:
    return _core.pack_next_fit(job.lengths, job.shared)


def _first_fit(job: Job) -> Arrays:
    return _core.pack_first_fit(job.lengths, job.shared)


def _decompose(job: Job) -> Arrays:
    buckets = _core.DecomposeOptions(**job.own)
    return _core.pack_decompose(job.lengths, job.shared, buckets, job.num_threads)


def _resolve_buckets(sequence_length: int, own: dict[str, Any]) -> None:
    if own["max_length"] is None:
        own["max_length"] = 1 << max(sequence_length, 1).bit_length() - 1
    if own["min_length"] is None:
        own["min_length"] = min(256, own["max_length"])


def _longest_piece(own: Mapping[str, Any]) -> int:
    shifted: bool = own["mode"] == "shifted"
    return int(own["max_length"]) + shifted


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


_SAMPLE = 8192  # documents that tell how full sequences of another order are
_WORSE = 0.01  # of the utilization, from which on the order is warned of


def _check_order(job: Job, utilization: float) -> None:
    """Of documents of like lengths one after another, none fill each other's rest: what a sample from
    everywhere, shuffled, comes to is the measure."""
    enough = max(2 * job.own["buffer_documents"], 2000)  # of fewer it does not matter
    if job.own["seed"] is not None or utilization > 1 - _WORSE or len(job.lengths) <= enough:
        return
    every = max(1, len(job.lengths) // max(_SAMPLE, enough))
    sample = np.ascontiguousarray(job.lengths[::every])
    _, _, _, length, capacity, _ = _core.pack_stream(
        sample, job.shared, job.own["buffer_documents"], job.own["buffer_tokens"], 0
    )
    shuffled = int(length.sum()) / max(1, int(capacity.sum()))
    if shuffled > utilization + _WORSE:
        warnings.warn(
            f"the documents come in an order, by length perhaps, in which sequences are {utilization:.1%} "
            f"full; in a shuffled one they would be about {shuffled:.1%}: pass seed=0, or shuffle the "
            "documents",
            stacklevel=4,
        )


def _resolve_buffer(sequence_length: int, own: dict[str, Any]) -> None:
    if own["buffer_tokens"] is None:
        own["buffer_tokens"] = 8 * sequence_length


StrategyName = Literal[
    "stream", "best_fit", "concat", "first_fit", "next_fit", "histogram", "decompose", "pad", "knots"
]
Overflow = Literal["split", "truncate", "drop", "error"]

STRATEGIES: Mapping[StrategyName, Strategy] = {
    "stream": Strategy(
        "documents in order through a bounded buffer, ends filled exactly: full, and not sorted by length",
        _stream,
        {"buffer_documents": 1000, "buffer_tokens": None, "seed": None},
        resolve=_resolve_buffer,
        suits_order=_check_order,
    ),
    "best_fit": Strategy(
        "best-fit-decreasing over all documents: the fewest sequences", _best_fit, {"seed": 0}
    ),
    "concat": Strategy("documents end to end, cut at every sequence_length", _concat, {"border": "cross"}),
    "first_fit": Strategy("each document into the first sequence that has room", _first_fit),
    "next_fit": Strategy("documents in order, a new sequence when one does not fit", _next_fit),
    "histogram": Strategy(
        "histogram packing of Krell et al., shortest or longest pack first",
        _histogram,
        {"algorithm": "spfhp"},
    ),
    "decompose": Strategy(
        "Dataset Decomposition: pieces of power-of-two lengths, one a sequence, sequences by bucket",
        _decompose,
        {
            "min_length": None,
            "max_length": None,
            "mode": "exact",
            "long_documents": "max",
            "remainder": "pack",
            "seed": 0,
        },
        resolve=_resolve_buckets,
        longest=_longest_piece,
    ),
    "pad": Strategy("one document a sequence", _pad, {"sorted": False, "group_sequences": 64}),
}
