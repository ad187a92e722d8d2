"""Literals: tokens that a plan itself holds, between the spans of its sequences."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pypack._common.fingerprint import integers_fingerprint

if TYPE_CHECKING:
    from pypack.plan.plan import Plan

# The arrays of a plan with literals, by the names of their files.
ARRAYS: dict[str, np.dtype[Any]] = {
    "literal_offsets": np.dtype("<i8"),
    "literal_tokens": np.dtype("<i4"),
    "literal_learned": np.dtype("|u1"),
}


@dataclasses.dataclass(frozen=True, eq=False)
class Literals:
    """Tokens of no document, which stand in gaps: one before every span of a sequence, and one at its end.

    Gap g holds `tokens[offsets[g]]` to `tokens[offsets[g + 1]]`. Span i, in sequence s, stands behind gap
    i + s; the gap behind the last span of sequence s is `sequence_offsets[s + 1]` + s.

    A sequence of a plan that has literals is one text, whatever its spans are of: one segment, one attention,
    positions that count through. The first token of every span is learned by nobody, as ever.

    Attributes:
        offsets: int64 [N + S + 1], of N spans and S sequences.
        tokens: int32 [M].
        learned: uint8 [ceil(M / 8)], whether each token is learned: bit i % 8 of byte i // 8.
    """

    offsets: NDArray[np.int64]
    tokens: NDArray[np.int32]
    learned: NDArray[np.uint8]

    @classmethod
    def of_gaps(cls, counts: Any, tokens: Any, learned: Any) -> Literals:
        """Of what is known gap by gap.

        Args:
            counts: int [N + S], tokens in each gap.
            tokens: int [M].
            learned: bool [M].
        """
        offsets = np.concatenate([[0], np.cumsum(np.asarray(counts, np.int64))])
        bits = np.packbits(np.asarray(learned, np.bool_), bitorder="little")
        return cls(offsets, np.asarray(tokens, np.int32), bits)

    def __len__(self) -> int:
        """Literal tokens."""
        return len(self.tokens)

    def joined(self, other: Literals) -> Literals:
        """Those of a plan whose sequences are these and then others."""
        learned = np.concatenate([self.is_learned(), other.is_learned()])
        return Literals(
            np.concatenate([self.offsets, self.offsets[-1] + other.offsets[1:]]),
            np.concatenate([self.tokens, other.tokens]),
            np.packbits(learned, bitorder="little"),
        )

    def first(self, spans: int, sequences: int) -> Literals:
        """Those of the first sequences of a plan, which have so many spans."""
        offsets = self.offsets[: spans + sequences + 1]
        count = int(offsets[-1])
        bits = np.unpackbits(self.learned[: -(-count // 8)], count=count, bitorder="little")
        return Literals(offsets, self.tokens[:count], np.packbits(bits, bitorder="little"))

    def of_sequences(self, plan: Plan, sequences: NDArray[np.int64]) -> Literals:
        """Those of a plan with these sequences of `plan`, in this order."""
        begins = plan.sequence_offsets[sequences] + sequences
        gaps = _runs(begins, plan.sequence_offsets[sequences + 1] + sequences + 1 - begins)
        counts = self.offsets[gaps + 1] - self.offsets[gaps]
        tokens = _runs(self.offsets[gaps], counts)
        return Literals.of_gaps(counts, self.tokens[tokens], self.is_learned()[tokens])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays by the names of their files."""
        return {
            "literal_offsets": self.offsets,
            "literal_tokens": self.tokens,
            "literal_learned": self.learned,
        }

    def is_learned(self) -> NDArray[np.bool_]:
        """bool [M]."""
        return np.unpackbits(self.learned, count=len(self), bitorder="little").astype(np.bool_)

    def of_sequence(self, plan: Plan, sequence: int) -> list[list[int]]:
        """The tokens of the gaps of a sequence: before each of its spans, and behind the last."""
        first = int(plan.sequence_offsets[sequence]) + sequence
        last = int(plan.sequence_offsets[sequence + 1]) + sequence
        bounds = self.offsets[first : last + 2].tolist()
        return [self.tokens[a:b].tolist() for a, b in itertools.pairwise(bounds)]

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits for every array."""
        parts = [array.astype(np.int64) for array in self.arrays().values()]
        return "-".join(integers_fingerprint(part) for part in parts)

    def same(self, other: Literals) -> bool:
        """Whether both hold the same."""
        mine, others = self.arrays(), other.arrays()
        return all(np.array_equal(mine[name], others[name]) for name in ARRAYS)


def _runs(begins: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Numbers in runs: from each begin on, so many."""
    ends = np.cumsum(sizes)
    found: NDArray[np.int64] = np.arange(ends[-1] if len(ends) else 0) + np.repeat(
        begins - (ends - sizes), sizes
    )
    return found


def refuse_literals(plan: Plan, what: str, advice: str) -> None:
    """Raises ValueError for a plan with literals, which something has no place for.

    Args:
        what: that has no place for them, as the subject of a sentence.
        advice: what to do instead.
    """
    if plan.literals is not None:
        raise ValueError(
            f"the plan holds {len(plan.literals)} literal tokens between its spans, and {what}: {advice}"
        )


def sizes(header: Mapping[str, Any]) -> dict[str, int]:
    """The items of each array of literals that a header of a plan speaks of."""
    if "literals" not in header:
        return {}
    count = header["literals"]["count"]
    return {
        "literal_offsets": header["num_spans"] + header["num_sequences"] + 1,
        "literal_tokens": count,
        "literal_learned": -(-count // 8),
    }
