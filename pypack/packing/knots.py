"""Untie the Knots: plans whose documents are cut in chunks, and these shuffled within their sequence."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pypack import _core
from pypack._common.arguments import check_choice, number_within, whole_number
from pypack.plan.lengths import as_lengths
from pypack.plan.literals import Literals, refuse_literals
from pypack.plan.plan import Plan
from pypack.plan.stats import PlanCounts

_CERTAIN = 2**32


@dataclasses.dataclass(frozen=True)
class Knots:
    """How documents are tied into knots (arXiv 2409.04774).

    Attributes:
        kinds: the shares of kinds of sequences. The default leaves one sequence of five as it is, but for the
            order of its documents, and ties four, which the paper found best.
        chunks: of every kind the chances that a document is cut in one chunk, two, three, ... A document of
            fewer tokens than chunks stays whole.
        cuts: "random": at places drawn from all; "equal": at multiples of length // chunks.
        keep_order: the chunks of a document stay in their order among those of the others.
        knot_ids: ids of tokens that tell where a document was cut, 2 * (most chunks - 1): behind the first
            chunk, before the second, behind the second, ...; (): none.
        trace_ids: of five tokens D, /D, S, s, /S: every chunk of a cut document has a name before it, D name
            /D, and the last of them behind it S name s name ... /S, in the order of the document; (): none.
        trace_letters: the ids that names are drawn from.
        trace_length: ids of a name.
        seed: another seed, other knots.
    """

    kinds: Sequence[float] = (0.2, 0.8)
    chunks: Sequence[Sequence[float]] = ((1.0,), (0.0, 0.5, 0.5))
    cuts: Literal["random", "equal"] = "random"
    keep_order: bool = False
    knot_ids: Sequence[int] = ()
    trace_ids: Sequence[int] = ()
    trace_letters: Sequence[int] = ()
    trace_length: int = 6
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("kinds", "chunks", "knot_ids", "trace_ids", "trace_letters"):
            if isinstance(value := getattr(self, name), range | np.ndarray):  # no JSON, and not true or false
                object.__setattr__(self, name, list(value))

    def kernel(self) -> _core.KnotOptions:
        """The same for the kernels.

        Raises:
            ValueError: the chances do not add up to 1, or there are not as many ids as are needed.
        """
        check_choice("cuts", self.cuts, ("random", "equal"))
        if len(self.chunks) != len(self.kinds):
            raise ValueError(
                f"there are {len(self.kinds)} kinds of sequences, and chunks for {len(self.chunks)}: chunks "
                "is a list of chances for each"
            )
        most = max((len(row) for row in self.chunks), default=0)
        if self.knot_ids and len(self.knot_ids) != 2 * (most - 1):
            raise ValueError(
                f"up to {most} chunks need {2 * (most - 1)} knot_ids (behind the first, before the second, "
                f"...), got {len(self.knot_ids)}"
            )
        if self.trace_ids and (len(self.trace_ids) != 5 or not self.trace_letters):
            raise ValueError("trace_ids are five ids, D /D S s /S, and names are drawn from trace_letters")
        length = whole_number("trace_length", self.trace_length)
        if length < 1:
            raise ValueError(f"trace_length must be at least 1, got {length}")
        return _core.KnotOptions(
            seed=number_within("seed", self.seed, 64, signed=False),
            kinds=_borders("kinds", self.kinds, len(self.kinds)),
            chunks=[border for row in self.chunks for border in _borders("chunks", row, most)],
            num_chunks=most,
            equal_cuts=self.cuts == "equal",
            keep_order=bool(self.keep_order),
            knots=_ids("knot_ids", self.knot_ids),
            marks=_ids("trace_ids", self.trace_ids),
            letters=_ids("trace_letters", self.trace_letters),
            name_length=length,
        )

    @property
    def most_literals(self) -> int:
        """Literal tokens of a document, at most: the `room` that a plan needs to have place for all."""
        return self.kernel().literals_of(max(len(row) for row in self.chunks))

    def described(self) -> dict[str, Any]:
        """As options of a plan, what stands at its default left out."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        plain = {name: _plain(value) for name, value in values.items()}
        usual = {field.name: _plain(field.default) for field in dataclasses.fields(self)}
        return {n: v for n, v in plain.items() if v != usual[n] or n in ("kinds", "chunks", "seed")}


OPTIONS = tuple(field.name for field in dataclasses.fields(Knots))


def tie_knots(
    plan: Plan, lengths: ArrayLike, knots: Knots | None = None, *, sequence_length: int | None = None
) -> Plan:
    """A plan with the documents of each sequence cut in chunks, and these shuffled: only the last chunk of
    the last document stays the last.

    Every sequence of it is one text: one segment, in which a model can look for what belongs together, with
    positions that count through (see `pypack.plan.Literals`). Knots and names are literal tokens of the plan;
    they take their room from the padding of the sequences. Where that is too small a document stays whole,
    and is counted (`options["knots"]["left_whole"]`). Nothing is cut off: `verify` proves that every token of
    every document is there.

    Args:
        plan: any plan, without align; `pack(..., room=knots.most_literals)` has place for all knots.
        lengths: of the documents of the store, as for `Plan.verify`.
        knots: None: the defaults.
        sequence_length: the capacity of every sequence of the new plan, at least that of the old one; None:
            they stay.

    Raises:
        ValueError: the plan has literals or aligned spans, or sequences longer than that.
    """
    knots = knots or Knots()
    refuse_literals(plan, "knots are tied once", "tie them in the plan that it was made from")
    if plan.align != 1:
        raise ValueError(f"knots join documents, and the plan aligns them to {plan.align}: pack with align=1")
    longest = max([plan.sequence_length, *plan.buckets])
    if sequence_length is not None and number_within("sequence_length", sequence_length, 32) < longest:
        raise ValueError(f"sequence_length={sequence_length}: the plan has sequences of {longest} tokens")
    arrays, offsets, tokens, learned, counts = _core.tie_knots(
        plan._view, knots.kernel(), sequence_length or 0
    )
    literals = Literals(offsets, tokens, learned)
    options = {n: v for n, v in plan.options.items() if n not in ("max_documents", "room", "align")}
    most = plan.options.get("max_documents")  # which would be the most chunks of a sequence there
    limits = {} if most is None else {"max_documents": most}
    tied = Plan(
        *arrays[:5],
        sequence_length=sequence_length or plan.sequence_length,
        strategy="knots",
        options={
            **options,
            "over": plan.strategy,
            "knots": {**knots.described(), **counts, "asked": {**knots.described(), **limits}},
        },
        counts=plan.counts,
        lengths_fingerprint=plan.lengths_fingerprint,
        documents=plan.documents,
        repeats=plan.repeats,
        selection=plan.selection,
        store_fingerprint=plan.store_fingerprint,
        literals=literals,
    )
    known = as_lengths(lengths)
    if plan.documents is not None:
        known = np.ascontiguousarray(known[plan.documents])
    found = tied._view.verify(known, 1, np.iinfo(np.int32).max)
    tied.counts = PlanCounts(**{**found, "added_sequences": plan.counts.added_sequences})
    return tied


def _borders(name: str, shares: Sequence[float], count: int) -> list[int]:
    """Sums of chances in units of 2^-32, the last of them 1."""
    values = np.asarray(shares, float)
    if values.ndim != 1 or not len(values) or (values < 0).any() or abs(values.sum() - 1) > 1e-9:
        raise ValueError(f"{name} are chances that add up to 1, got {shares!r}")
    sums = np.rint(np.cumsum(values) * _CERTAIN).astype(np.int64)
    sums[-1] = _CERTAIN
    borders: list[int] = np.minimum.accumulate(sums[::-1])[::-1].tolist()
    return [*borders, *[_CERTAIN] * (count - len(borders))]


def _ids(name: str, ids: Sequence[int]) -> list[int]:
    found = [number_within(name, one, 32) for one in ids]
    if any(one < 0 for one in found):
        raise ValueError(f"{name} are token ids, got {list(ids)}")
    return found


def _plain(value: Any) -> Any:
    """Of Python's own lists and numbers, which files take."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return [_plain(one) for one in value] if isinstance(value, (tuple, list, range)) else value


def pack_knots(
    lengths: NDArray[np.int32], sequence_length: int, options: Mapping[str, Any], pack: Any
) -> Plan:
    """`pack(..., strategy="knots")`: knots over the plan of another strategy, or over a plan.

    Args:
        options: all that `pack` was given besides; those of `Knots`, `over`, and the rest for that strategy.
        pack: `pypack.pack`.

    Raises:
        TypeError: an option is none of them.
    """
    own = {name: value for name, value in options.items() if name in OPTIONS}
    rest = {name: value for name, value in options.items() if name not in (*OPTIONS, "over")}
    over = options.get("over", "stream")
    knots = Knots(**own)
    if isinstance(over, Plan):
        return tie_knots(over, lengths, knots, sequence_length=sequence_length)
    plan = pack(lengths, sequence_length, over, room=knots.most_literals, **rest)
    return tie_knots(plan, lengths, knots)
