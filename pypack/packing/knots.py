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
        interleave: nothing is shuffled: the first chunks of all documents come first, in their order, then
            the second ones, and so on. What the paper compares knots with, there without knot_ids.
        knot_ids: ids of tokens that tell where a document was cut, 2 * (most chunks - 1): behind the first
            chunk, before the second, behind the second, ...; (): none.
        trace_ids: of five tokens D, /D, S, s, /S: every chunk of a cut document has a name before it, D name
            /D, and the last of them behind it S name s name ... /S, in the order of the document; (): none.
        trace_letters: the ids that names are drawn from.
        trace_length: ids of a name.
        seed: another seed, other knots.
        chunk_size: above 0: the last of the most chances in `chunks` does not mean so many chunks, but chunks
            of this many tokens, as many as there are; the paper's code has 1,024 tokens for four chunks. They
            have no knot_ids.
        bracket_ids: of four tokens around the numbers of such chunks, from 0: two before all but the first
            chunk, two behind all but the last; (): none.
        number_ids: the tokens of each number, 0, 1, ..., one id or several.
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
    interleave: bool = False
    chunk_size: int = 0
    bracket_ids: Sequence[int] = ()
    number_ids: Sequence[int | Sequence[int]] = ()

    def __post_init__(self) -> None:
        for name in (
            "kinds",
            "chunks",
            "knot_ids",
            "trace_ids",
            "trace_letters",
            "bracket_ids",
            "number_ids",
        ):
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
        size = number_within("chunk_size", self.chunk_size, 32, signed=False)
        counted = self._most_counted
        if self.knot_ids and len(self.knot_ids) != 2 * (counted - 1):
            raise ValueError(
                f"up to {counted} chunks need {2 * (counted - 1)} knot_ids (behind the first, before the "
                f"second, ...), got {len(self.knot_ids)}"
            )
        self._check_numbers(size)
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
            interleave=bool(self.interleave),
            knots=_ids("knot_ids", self.knot_ids),
            marks=_ids("trace_ids", self.trace_ids),
            letters=_ids("trace_letters", self.trace_letters),
            name_length=length,
            chunk_size=size,
            brackets=_ids("bracket_ids", self.bracket_ids),
            numbers=self._numbers,
        )

    @property
    def _most_counted(self) -> int:
        """The most chunks of a document, but for those of one size."""
        most = max((len(row) for row in self.chunks), default=0)
        return max(most - 1, 1) if self.chunk_size else most

    @property
    def _numbers(self) -> list[list[int]]:
        each = [[one] if np.ndim(one) == 0 else one for one in self.number_ids]
        return [_ids("number_ids", tokens) for tokens in each]  # type: ignore[arg-type]  # by np.ndim

    def _check_numbers(self, size: int) -> None:
        """Raises ValueError for brackets without numbers, or without chunks that have some."""
        if bool(self.bracket_ids) != bool(self.number_ids) or (self.bracket_ids and not size):
            raise ValueError(
                "bracket_ids stand around number_ids, the tokens of the numbers 0, 1, ... of chunks of "
                "chunk_size tokens: give all three, or neither ids"
            )
        if self.bracket_ids and len(self.bracket_ids) != 4:
            raise ValueError(
                f"bracket_ids are four, two before a chunk and two behind it, got {len(self.bracket_ids)}"
            )

    @property
    def most_literals(self) -> int:
        """Literal tokens of a document, at most: the `room` that a plan needs to have place for all. Without
        those of chunks of `chunk_size`, which grow with the document: see `packed_length`."""
        return self.kernel().literals_of(self._most_counted)

    def packed_length(self, sequence_length: int) -> int:
        """How long sequences may be before knots are tied, with `most_literals` of room for every document,
        so that afterwards they have room for all literals.

        Raises:
            ValueError: chunks of chunk_size tokens have as many literals as that, or more.
        """
        self.kernel()  # which checks
        if not self.chunk_size:
            return sequence_length
        chunks = -(-sequence_length // self.chunk_size)
        if self.bracket_ids and chunks > len(self.number_ids):
            raise ValueError(
                f"sequences of {sequence_length} tokens have up to {chunks} chunks of {self.chunk_size}, and "
                f"number_ids has the tokens of {len(self.number_ids)} numbers: give those of {chunks}"
            )
        # Of n chunks there are at most n - 1 times as many as this.
        numbers = sorted((len(tokens) for tokens in self._numbers[:chunks]), reverse=True)
        of_cut = 4 + 2 * numbers[0] if numbers else 0
        if self.trace_ids:
            of_cut += 2 * (2 * self.trace_length + 3) + 1
        length = sequence_length * self.chunk_size // (self.chunk_size + of_cut)
        if of_cut >= self.chunk_size or length < 1:
            raise ValueError(
                f"a cut between chunks of chunk_size={self.chunk_size} tokens has {of_cut} literal tokens: "
                "make the chunks longer, or leave out some of the ids"
            )
        return length

    def described(self) -> dict[str, Any]:
        """As options of a plan, what stands at its default left out."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        plain = {name: _plain(value) for name, value in values.items()}
        usual = {field.name: _plain(field.default) for field in dataclasses.fields(self)}
        return {n: v for n, v in plain.items() if v != usual[n] or n in ("kinds", "chunks", "seed")}


COUNTS = ("cut_spans", "chunks", "left_whole")  # what a plan's options say of its knots
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
    length = knots.packed_length(sequence_length)
    plan = pack(lengths, length, over, room=knots.most_literals, **rest)
    return tie_knots(plan, lengths, knots, sequence_length=sequence_length if knots.chunk_size else None)
