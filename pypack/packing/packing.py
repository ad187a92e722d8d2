"""Packing: every strategy is a function of the document lengths that gives a `Plan`."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pypack import _core
from pypack._common.arguments import number_within, whole_number
from pypack._common.fingerprint import lengths_fingerprint
from pypack._common.threads import resolve_num_threads
from pypack.packing.dividing import divided
from pypack.packing.groups import WHOLE, Groups, named_groups
from pypack.packing.knots import pack_knots
from pypack.packing.rooms import check_room, with_room, without_room
from pypack.packing.strategies import STRATEGIES, Job, Overflow, StrategyName, checked_options
from pypack.plan.lengths import KnownLengths, as_lengths
from pypack.plan.plan import Plan
from pypack.plan.stats import PlanCounts

__all__ = ["COMPARED", "STRATEGIES", "Comparison", "compare", "compare_one", "pack", "shared_options"]


def shared_options(
    sequence_length: int,
    overflow: Overflow = "split",
    max_documents: int | None = None,
    align: int = 1,
    drop_shorter_than: int = 0,
) -> _core.PackOptions:
    """The options that all strategies share, checked. See `pack`.

    Raises:
        ValueError: one is no whole number, or out of its range.
    """
    unlimited = np.iinfo(np.int32).max
    most = unlimited if max_documents is None else whole_number("max_documents", max_documents)
    return _core.PackOptions(
        sequence_length=number_within("sequence_length", sequence_length, 32),
        overflow=overflow,
        max_documents=min(most, unlimited),
        align=number_within("align", align, 32),
        drop_shorter_than=number_within("drop_shorter_than", drop_shorter_than, 32),
    )


def pack(
    lengths: ArrayLike,
    sequence_length: int,
    strategy: StrategyName = "stream",
    *,
    overflow: Overflow = "split",
    max_documents: int | None = None,
    align: int = 1,
    drop_shorter_than: int = 0,
    keep_together: ArrayLike | str | None = None,
    learned: ArrayLike | None = None,
    divisible_by: int = 1,
    room: int = 0,
    num_threads: int | None = None,
    **options: Any,
) -> Plan:
    """Packs documents into training sequences.

    Deterministic: equal arguments give equal arrays, whatever `num_threads` is. A document without tokens is
    legal and gets no span.

    Args:
        lengths: tokens of each document, int [D] (of a store: `store.lengths`). int32 is taken without a
            copy. With `keep_together="group"` the store.
        sequence_length: tokens of a sequence.
        strategy: one of `STRATEGIES`; see below.
        overflow: what happens to a document longer than a sequence: "split" cuts it into full sequences and a
            remainder, "truncate" keeps its start, "drop" leaves it out, "error" refuses the job. All is
            counted.
        max_documents: the most spans in a sequence; None: any number.
        align: each span takes up a multiple of this many tokens of its sequence (context parallelism and FP8
            need it); must divide sequence_length. The padding comes behind each span.
        drop_shorter_than: pieces with fewer tokens, whole documents and remainders of split ones, are left
            out and counted.
        keep_together: int [D], the group of each document (of a store: `store.groups`); or "group", or a
            column of a store, where the store itself, or a `Source`, stands in the place of the lengths.
            Documents of a group are neighbours, and stand in one sequence one behind the other, or are left
            out together. Needs a strategy that puts whole documents into sequences, and overflow "drop" or
            "error".
        learned: int [D], tokens of each document that are learned (of a store: `store.learned_lengths`):
            documents without any (groups, where they are kept together) are left out, and counted as dropped.
        divisible_by: make the number of sequences (of each capacity) a multiple of this, as of the ranks of a
            training, so that no batch of an epoch is short of rows: sequences are cut in two, between spans
            where there are several. No token is left out, and no sequence empty; `counts.added_sequences`
            tells how many it made.
        room: every span has room for so many tokens more than it has, which are padding until an objective
            puts tokens there (`FillInMiddle` three). For strategies that cut documents at the end of a
            sequence only, and not with divisible_by.
        num_threads: threads for the strategies that run in parallel; None: all available cores.
        **options: of the strategy:

            - "stream", the default for training: documents in order through a bounded buffer; each sequence
              is filled with the oldest and finished with those that fill the rest exactly. Pads like best
              fit, without its bias (see `PlanStats.bias`). `buffer_documents=1000` and `buffer_tokens=None`
              (8 * sequence_length): the buffer holds at least both. `seed=None`: documents in their order; a
              number: in the order of a permutation keyed by it. Documents that come sorted by length, or
              otherwise alike, fill sequences badly; that is warned of, and `seed=0` mends it.
            - "best_fit": best-fit-decreasing over all documents, the fewest sequences. `seed=0`: documents of
              equal length, and the sequences, come in spread orders that it shifts; None: in input order, and
              sequences of like content together.
            - "concat": documents end to end, cut at every sequence_length. `border="cross"`: a document cut
              by the end of a sequence goes on in the next one; `"truncate"`: its tail is counted as
              truncated, and the next sequence starts with the next document. "split" overflow then has
              nothing to do, and drop_shorter_than applies to whole documents.
            - "next_fit": documents in order; one that does not fit begins the next sequence.
            - "decompose": Dataset Decomposition (arXiv 2405.13226). Documents are cut into pieces of
              power-of-two lengths from `min_length=None` (256) to `max_length=None` (the largest power of two
              that is at most sequence_length), each a sequence of its own; sequences of one capacity stand
              together, the longest first. `mode="exact"`: pieces of 2^k tokens, labels shifted inside;
              `"shifted"`: 2^k + 1, as the paper's script cuts them. Documents beyond the longest bucket give
              pieces of `long_documents="max"` length or `"random"` ones (keyed by `seed=0`), which gives
              buckets equal tokens. What is left below min_length, `remainder`, is packed by best fit into
              sequences of min_length (`"pack"`), counted as lost (`"drop"`), or cut on (`"keep"`). The
              overflow policy is for documents longer than the longest piece.
            - "knots": Untie the Knots (arXiv 2409.04774) over the plan of `over="stream"`, another strategy,
              or a plan of your own with shorter sequences: documents are cut in chunks, and these shuffled
              within their sequence. Its options are those of `pypack.packing.Knots`.
            - "first_fit": each document into the earliest sequence that has room for it.
            - "histogram": the packers of Krell et al. (arXiv 2107.02027), longest documents first.
              `algorithm="spfhp"`: into the sequence with the most room; `"lpfhp"`: with the least that
              suffices (which is "best_fit"). The depth limit of the paper is max_documents.
            - "pad": one document a sequence, the baseline. `sorted=True`: from the longest down, and each
              `group_sequences=64` consecutive sequences are only as long as the longest of them.

    Raises:
        ValueError: an argument is out of its range, or a document is negative, or too long under
            `overflow="error"` (the document is named).
        TypeError: the lengths are not integers, or the strategy does not take one of `options`.
    """
    if strategy == "knots":
        shared_by_all = {
            "overflow": overflow,
            "max_documents": max_documents,
            "drop_shorter_than": drop_shorter_than,
            "learned": learned,
            "num_threads": num_threads,
        }
        refused = {"align": align != 1, "room": room != 0, "keep_together": keep_together is not None}
        for name, is_given in {**refused, "divisible_by": divisible_by != 1}.items():
            if is_given:
                raise ValueError(f"strategy 'knots' goes without {name}")
        return pack_knots(as_lengths(lengths), sequence_length, {**shared_by_all, **options}, pack)
    if strategy not in STRATEGIES:
        raise ValueError(f"strategy must be one of {', '.join(map(repr, STRATEGIES))}, got {strategy!r}")
    chosen = STRATEGIES[strategy]
    for name in options:
        if name not in chosen.defaults:
            takes = ", ".join(chosen.defaults) or "none of its own"
            raise TypeError(f"strategy {strategy!r} takes no option {name!r}; its options: {takes}")
    if isinstance(keep_together, str):
        lengths, keep_together = named_groups(lengths, keep_together)
    known = lengths.fingerprint if isinstance(lengths, KnownLengths) else None
    documents = as_lengths(lengths)
    whole = documents
    shared = shared_options(sequence_length, overflow, max_documents, align, drop_shorter_than)
    groups = None
    room = number_within("room", room, 32)
    if keep_together is not None:
        _check_groups(strategy, overflow, drop_shorter_than)
        if room:
            check_room(strategy, int(sequence_length), room)
        groups = Groups(keep_together, documents, int(align), room)
        documents = groups.lengths
        most = groups.most_groups(max_documents)
        shared = shared_options(sequence_length, overflow, most, align, drop_shorter_than)
    if learned is not None:
        documents = _packed_lengths(learned, whole, documents, groups)
    sequence_length, align = int(sequence_length), int(align)
    drop_shorter_than = int(drop_shorter_than)
    max_documents = None if max_documents is None else int(max_documents)
    own = checked_options({**chosen.defaults, **options})
    if chosen.resolve:
        chosen.resolve(sequence_length, own)
    if room and divisible_by != 1:
        raise ValueError(
            "room goes without divisible_by, which cuts sequences in two: leave divisible_by=1, and let "
            "Loader(tail=...) say what becomes of a last batch that is not full"
        )
    longer_pieces = room > 0 and groups is None  # groups are whole, and have the room in their lengths
    if longer_pieces:
        check_room(strategy, sequence_length, room)
        shared = shared_options(
            sequence_length,
            overflow,
            max_documents,
            align,
            drop_shorter_than + room if drop_shorter_than else 0,
        )
        packed, documents = documents, with_room(documents, sequence_length, room)
    job = Job(documents, shared, own, resolve_num_threads(num_threads))
    divisible_by = whole_number("divisible_by", divisible_by)
    if divisible_by < 1:
        raise ValueError(f"divisible_by must be at least 1, got {divisible_by}")
    arrays = chosen.run(job)
    if longer_pieces:
        documents = packed
        arrays = without_room(arrays, documents, sequence_length, room, align)
    if divisible_by > 1:
        arrays = divided(arrays, divisible_by, align)
    offsets, document, start, length, capacity, found = arrays
    counts = PlanCounts(**found)
    if groups is not None:
        offsets, document, start, length = groups.spread(offsets, document, length)
        counts = groups.counts(document, counts)
    elif learned is not None:
        counts = _with_left_out(counts, whole, documents)
    plan = Plan(
        offsets,
        document,
        start,
        length,
        capacity,
        sequence_length=chosen.longest(own) if chosen.longest else sequence_length,
        strategy=strategy,
        options={
            "overflow": overflow,
            "max_documents": max_documents,
            "align": align,
            "drop_shorter_than": drop_shorter_than,
            **({} if groups is None else {"keep_together": True}),
            **({} if learned is None else {"drop_unlearned": True}),
            **({} if divisible_by == 1 else {"divisible_by": divisible_by}),
            **({} if room == 0 else {"room": room}),
            **own,
        },
        counts=counts,
        lengths_fingerprint=known or lengths_fingerprint(whole),
    )
    if chosen.suits_order is not None:
        # Not `plan.utilization`: that takes a pass over all spans, and most users never ask for it.
        in_spans = plan.counts.tokens - plan.counts.dropped_tokens - plan.counts.truncated_tokens
        in_spans += room * plan.num_spans
        chosen.suits_order(job, in_spans / max(1, plan.num_sequences * sequence_length))
    return plan


def _check_groups(strategy: str, overflow: str, drop_shorter_than: int) -> None:
    if strategy not in WHOLE:
        raise ValueError(
            f"keep_together: {strategy!r} cuts documents to fit; use one of {', '.join(map(repr, WHOLE))}"
        )
    if overflow not in ("drop", "error") or drop_shorter_than:
        raise ValueError(
            "keep_together: groups are not cut: give overflow='drop' (those longer than a sequence are left "
            "out and counted) or 'error', and no drop_shorter_than"
        )


def _packed_lengths(
    learned: ArrayLike, lengths: NDArray[np.int32], packed: NDArray[np.int32], groups: Groups | None
) -> NDArray[np.int32]:
    """The lengths to pack, 0 for what holds no token to be learned.

    Raises:
        ValueError: there are more or fewer counts than documents.
    """
    counts = np.asarray(learned)
    if counts.shape != lengths.shape or counts.dtype.kind not in "iu":
        raise ValueError(
            f"learned must be whole numbers, one for each of the {len(lengths)} documents, got "
            f"{counts.dtype} "
            f"of shape {counts.shape}"
        )
    if groups is not None:
        counts = groups.sums(counts)
    return np.where(counts > 0, packed, 0).astype(np.int32)


def _with_left_out(counts: PlanCounts, lengths: NDArray[np.int32], packed: NDArray[np.int32]) -> PlanCounts:
    """The counts with the documents that were not packed as dropped ones."""
    left_out = (packed == 0) & (lengths > 0)
    documents, tokens = int(np.count_nonzero(left_out)), int(lengths[left_out].sum(dtype=np.int64))
    return dataclasses.replace(
        counts,
        tokens=counts.tokens + tokens,
        empty_documents=counts.empty_documents - documents,
        dropped_documents=counts.dropped_documents + documents,
        dropped_tokens=counts.dropped_tokens + tokens,
    )


@dataclasses.dataclass(frozen=True)
class Comparison:
    """What one strategy makes of given documents.

    Attributes:
        name: the strategy, with the options that `compare` chose.
        plan: what it made.
        seconds: how long it took.
    """

    name: str
    plan: Plan
    seconds: float

    def row(self) -> dict[str, Any]:
        """The figures that strategies are chosen by, for one line of a table. See `PlanStats`,
        `PlanCounts`."""
        stats, counts = self.plan.stats, self.plan.counts
        return {
            "strategy": self.name,
            "sequences": stats.num_sequences,
            "utilization": stats.utilization,
            "padding_tokens": stats.padding_tokens,
            "split_documents": counts.split_documents,
            "truncated_documents": counts.truncated_documents,
            "lost_tokens": counts.dropped_tokens + counts.truncated_tokens,
            "attention_cost": stats.attention_cost,
            "attention_to_concat": stats.attention_to_concat,
            "mean_context": stats.mean_context,
            "bias": stats.bias,
            "seconds": self.seconds,
        }


# Every strategy, some in two ways.
COMPARED: Mapping[str, tuple[StrategyName, Mapping[str, Any]]] = {
    "stream": ("stream", {}),
    "best_fit": ("best_fit", {}),
    "concat": ("concat", {}),
    "decompose": ("decompose", {}),
    "histogram": ("histogram", {}),
    "first_fit": ("first_fit", {}),
    "next_fit": ("next_fit", {}),
    "pad, sorted": ("pad", {"sorted": True}),
    "pad": ("pad", {}),
}


def compare_one(name: str, lengths: ArrayLike, sequence_length: int, **options: Any) -> Comparison:
    """Packs documents with the strategy that stands under `name` in `COMPARED`. See `compare`.

    Raises:
        ValueError: the strategy does not take one of the options at this value.
    """
    strategy, own = COMPARED[name]
    documents = as_lengths(lengths)
    start = time.perf_counter()
    plan = pack(documents, sequence_length, strategy, **options, **own)
    return Comparison(name, plan, time.perf_counter() - start)


def compare(lengths: ArrayLike, sequence_length: int, **options: Any) -> list[Comparison]:
    """Packs the same documents with every strategy of `COMPARED`, and keeps all plans.

    Args:
        lengths: tokens of each document, int [D].
        sequence_length: tokens of a sequence.
        **options: those that all strategies of `pack` share.
    """
    return [compare_one(name, lengths, sequence_length, **options) for name in COMPARED]
