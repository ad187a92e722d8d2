"""The plan of a selection: packed document by document, or with sequences that are repeated."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pypack._common.fingerprint import lengths_fingerprint
from pypack._common.threads import resolve_num_threads
from pypack.packing.knots import COUNTS as KNOT_COUNTS
from pypack.packing.packing import pack
from pypack.plan.literals import Literals
from pypack.plan.plan import ARRAYS, Plan
from pypack.plan.stats import PlanCounts
from pypack.source.document_order import IN_ORDER
from pypack.source.select import Selection
from pypack.store.store import TokenStore

Repeat = Literal["documents", "sequences"]

_MOST_COPIES = 1 << 24  # that are packed one by one, if nothing else is asked for
_FULL_SEQUENCES = 16  # of a level: fewer would be padding for the most part
_CHUNK = 1 << 20


def pack_selection(
    store: TokenStore,
    selection: Selection,
    sequence_length: int,
    *,
    repeat: Repeat | None = None,
    **options: Any,
) -> Plan:
    """The plan of a selection, which keeps its documents. See `Source.select`.

    Raises:
        ValueError: an order is given, and the strategy does not keep it.
    """
    strategy = options.get("strategy", "stream")
    if "order" in selection.described and (strategy not in IN_ORDER or options.get("seed") is not None):
        raise ValueError(
            f"the strategy {strategy!r} (seed={options.get('seed')}) does not keep an order: use "
            f"{' or '.join(map(repr, IN_ORDER))}, without seed"
        )
    if repeat not in (None, "documents", "sequences"):
        raise ValueError(f"repeat must be 'documents' or 'sequences', got {repeat!r}")
    if isinstance(groups := options.get("keep_together"), str):
        options["keep_together"] = _of(store.groups_by(groups), selection.documents)
    by_sequences = selection.times is not None and (
        repeat == "sequences" or (repeat is None and int(selection.times.sum(dtype=np.int64)) > _MOST_COPIES)
    )
    if by_sequences:
        return _with_repeats(store, selection, sequence_length, options)
    threads = resolve_num_threads(options.get("num_threads"))
    lengths = selection.lengths_of_copies(store.lengths, threads)
    if selection.times is not None:
        options |= {
            name: np.repeat(np.asarray(options[name]), selection.times)
            for name in _PER_DOCUMENT
            if options.get(name) is not None
            and len(np.asarray(options[name])) == len(selection.times) < len(lengths)
        }
    plan = pack(lengths, sequence_length, **options)
    plan.list_documents_later(functools.partial(selection.copies, store.num_documents))
    plan.selection = dict(selection.described)
    plan.store_fingerprint = store.lengths_fingerprint
    return plan


_PER_DOCUMENT = ("keep_together", "learned")


def _of(values: NDArray[Any], documents: NDArray[np.int64] | None) -> NDArray[Any]:
    return values if documents is None else values[documents]


def _with_repeats(
    store: TokenStore, selection: Selection, sequence_length: int, options: Mapping[str, Any]
) -> Plan:
    """Documents that are taken equally often are packed together, once, and their sequences repeated: memory
    is that of one copy."""
    assert selection.times is not None
    lengths = _of(store.lengths, selection.documents)
    levels = _levels(selection.times, lengths, _FULL_SEQUENCES * sequence_length)
    if len(levels) == 1 and (selection.times == levels[0]).all():
        return _all_alike(store, selection, sequence_length, levels[0], options)
    joined = _Joined(int(len(lengths) + lengths.sum(dtype=np.int64) // sequence_length * 2))
    parts: list[tuple[int, int]] = []  # level, sequences
    counts: list[PlanCounts] = []
    first: _Made | None = None
    entries: list[NDArray[np.int64]] = []
    once = _are_exact(selection.times, levels)
    for level, places in _by_level(selection.times, levels):
        own: dict[str, Any] = {
            name: np.asarray(value)[places] if name in _PER_DOCUMENT and value is not None else value
            for name, value in options.items()
        }
        plan = pack(np.ascontiguousarray(lengths[places]), sequence_length, **own)
        numbers = places if once else None
        joined.add(plan, numbers, sum(map(len, entries)))
        if not once:
            entries.append(places)
        parts.append((level, plan.num_sequences))
        counts.append(plan.counts)
        first = _made(plan) if first is None else first.with_knots_of(plan)
        del plan, places, numbers, own  # before the next level takes as much
    assert first is not None
    documents = selection.documents
    if not once:
        documents = np.concatenate(entries)
        if selection.documents is not None:
            documents = selection.documents[documents]
    runs, after = [], 0
    for level, sequences in parts:
        if sequences:
            runs.append((after, sequences, level))
        after += sequences
    return Plan(
        *joined.arrays(),
        sequence_length=first.sequence_length,
        strategy=first.strategy,
        options=first.options,
        counts=_sum(counts),
        lengths_fingerprint=(
            store.lengths_fingerprint
            if documents is None
            else lengths_fingerprint(np.ascontiguousarray(store.lengths[documents]))
        ),
        documents=documents,
        repeats=runs if any(times > 1 for *_, times in runs) else (),
        selection=selection.described,
        store_fingerprint=store.lengths_fingerprint,
        literals=joined.literals,
    )


def _all_alike(
    store: TokenStore, selection: Selection, sequence_length: int, times: int, options: Mapping[str, Any]
) -> Plan:
    """Every document so often: the plan of one copy, as it is."""
    lengths = np.ascontiguousarray(_of(store.lengths, selection.documents))
    plan = pack(lengths, sequence_length, **options)
    plan.documents, plan.selection = selection.documents, dict(selection.described)
    plan.store_fingerprint = store.lengths_fingerprint
    plan.repeats = ((0, plan.num_sequences, times),) if plan.num_sequences else ()
    return plan


@dataclasses.dataclass(frozen=True)
class _Made:
    sequence_length: int
    strategy: str
    options: Mapping[str, Any]

    def with_knots_of(self, plan: Plan) -> _Made:
        """The same with what was counted of the knots of another part, too."""
        if plan.strategy != "knots":
            return self
        mine, others = self.options["knots"], plan.options["knots"]
        counted = {name: mine[name] + others[name] for name in KNOT_COUNTS}
        return dataclasses.replace(self, options={**self.options, "knots": {**mine, **counted}})


def _made(plan: Plan) -> _Made:
    """What all parts of a plan have in common, without its arrays."""
    return _Made(plan.sequence_length, plan.strategy, plan.options)


def _levels(times: NDArray[np.int32], lengths: NDArray[np.int32], enough: int) -> list[int]:
    """How often sequences are repeated, falling: numbers whose documents fill some sequences, and 1."""
    tokens: dict[int, int] = {}
    for start in range(0, len(times), _CHUNK):
        values, inverse = np.unique(times[start : start + _CHUNK], return_inverse=True)
        sums = np.bincount(inverse, weights=lengths[start : start + _CHUNK])
        for value, found in zip(values.tolist(), sums.tolist(), strict=True):
            tokens[value] = tokens.get(value, 0) + int(found)
    full = {value for value, found in tokens.items() if found >= enough}
    return sorted({1, *full} if set(tokens) - full else full, reverse=True)


def _are_exact(times: NDArray[np.int32], levels: list[int]) -> bool:
    """Whether every document stands in one level alone."""
    return all(np.isin(times[start : start + _CHUNK], levels).all() for start in range(0, len(times), _CHUNK))


def _by_level(times: NDArray[np.int32], levels: list[int]) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """For every level the places of its documents; others stand in several, or several times."""
    rest = times.astype(np.min_scalar_type(int(times.max())))
    for level in levels:
        places = np.flatnonzero(rest >= level)
        if not len(places):
            continue
        copies = rest[places] // level
        rest[places] -= (copies * level).astype(rest.dtype)
        if copies.max() > 1:
            places = np.repeat(places, copies)
        del copies
        yield level, places
        del places


class _Joined:
    """The arrays of plans end to end, in memory that is asked for once: untouched, it takes none."""

    def __init__(self, spans: int) -> None:
        self._arrays = {name: np.empty(max(1, spans), dtype) for name, dtype in ARRAYS.items()}
        self._spans = self._sequences = 0
        self.literals: Literals | None = None  # all of the plans have some, or none

    def add(self, plan: Plan, numbers: NDArray[np.int64] | None, first: int) -> None:
        """Appends a plan, whose document i is numbers[i], or first + i."""
        if plan.literals is not None:
            self.literals = plan.literals if self.literals is None else self.literals.joined(plan.literals)
        spans = slice(self._spans, self._spans + plan.num_spans)
        sequences = slice(self._sequences, self._sequences + plan.num_sequences)
        for name in ("span_document", "span_start", "span_length"):
            self._grown(name, spans.stop)[spans] = getattr(plan, name)
        documents = self._arrays["span_document"][spans]
        if numbers is None:
            documents += first
        else:
            for start in range(0, len(documents), _CHUNK):
                documents[start : start + _CHUNK] = numbers[documents[start : start + _CHUNK]]
        self._grown("sequence_offsets", sequences.stop)[sequences] = plan.sequence_offsets[:-1] + self._spans
        self._grown("sequence_capacity", sequences.stop)[sequences] = plan.sequence_capacity
        self._spans, self._sequences = spans.stop, sequences.stop

    def _grown(self, name: str, size: int) -> NDArray[Any]:
        if len(self._arrays[name]) < size:
            self._arrays[name] = np.resize(self._arrays[name], 2 * size)
        return self._arrays[name]

    def arrays(self) -> list[NDArray[Any]]:
        """The five arrays of the plan."""
        offsets = self._grown("sequence_offsets", self._sequences + 1)
        offsets[self._sequences] = self._spans
        ends = dict.fromkeys(ARRAYS, self._spans) | {
            "sequence_offsets": self._sequences + 1,
            "sequence_capacity": self._sequences,
        }
        return [self._arrays[name][: ends[name]] for name in ARRAYS]


def _sum(counts: list[PlanCounts]) -> PlanCounts:
    fields = [field.name for field in dataclasses.fields(PlanCounts)]
    return PlanCounts(**{name: sum(getattr(one, name) for one in counts) for name in fields})
