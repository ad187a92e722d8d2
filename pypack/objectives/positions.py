"""PoSE, RandPos and LOGO: positions of short documents that train a model for long ones."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Sequence
from typing import Any, ClassVar

from pypack import _core
from pypack._common.arguments import number_within
from pypack.objectives.objective import Objective
from pypack.plan.plan import Plan
from pypack.store.store import TokenStore


@dataclasses.dataclass(frozen=True, eq=False)
class Positions(Objective):
    """Other position ids for what a sequence holds of a document; tokens and labels stay.

    Positions are below `target_length`, and rise within a document. They begin anew with every document: the
    target is of one document, not of a row. The borders of documents are in `segment_ids` and `cu_seqlens`,
    as ever, and no longer in the positions.

    Args:
        target_length: the length, in tokens, that a model is to be trained for.

    Raises:
        ValueError: an argument is out of its range.
    """

    needs: ClassVar[tuple[str, ...]] = ("position_ids",)
    writes_labels: ClassVar[bool] = False

    target_length: int

    def __post_init__(self) -> None:
        self._set("target_length", number_within("target_length", self.target_length, 32))
        if self.target_length < 2:
            raise ValueError(f"target_length must be at least 2, got {self.target_length}")

    def check_plans(self, plans: Sequence[Plan]) -> None:
        super().check_plans(plans)
        longest = max(length for plan in plans for length in [plan.sequence_length, *plan.buckets])
        if longest > self.target_length:
            raise ValueError(
                f"target_length={self.target_length} is to be longer than the sequences, which have up to "
                f"{longest} tokens"
            )

    def resolved(self, stores: Sequence[TokenStore]) -> Positions:
        return self

    @abc.abstractmethod
    def kernel(self) -> _core.Objective: ...

    def _whole(self, name: str, least: int) -> None:
        number = number_within(name, getattr(self, name), 32)
        if not least <= number < self.target_length:
            raise ValueError(
                f"{name} must be from {least} to less than target_length ({self.target_length}), got {number}"
            )
        self._set(name, number)

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)


@dataclasses.dataclass(frozen=True, eq=False)
class PoSE(Positions):
    """Positional skip-wise training (arXiv 2309.10400): a document is cut in chunks, and the positions of
    each are shifted by at least as much as those of the chunk before, the first not at all.

    Of a document of L tokens, two chunks are cut behind 1 to ceil(L / 2) tokens, as in the paper's code, more
    at places drawn from all; the shift of chunk i is uniform from that of chunk i - 1 to target_length - L.
    The text of the chunks is contiguous (the paper's v_i = 0): what its code skips in a longer text is
    another sequence here.

    Args:
        target_length: as for `Positions`.
        chunks: of a document, at most as many as it has tokens.
    """

    chunks: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        self._whole("chunks", 2)

    def kernel(self) -> _core.Objective:
        return _core.pose_positions(target=self.target_length, chunks=self.chunks)


@dataclasses.dataclass(frozen=True, eq=False)
class RandPos(Positions):
    """Randomized positions (arXiv 2305.16843): a sorted sample of the positions below `target_length`."""

    def kernel(self) -> _core.Objective:
        return _core.random_positions(target=self.target_length)


@dataclasses.dataclass(frozen=True, eq=False)
class LOGO(Positions):
    """The positions of LOGO's synthesis (arXiv 2410.18533): what lies between head and tail is cut in equal
    chunks, and each stands somewhere in its part of the positions.

    Chunks of N tokens have parts of S positions: one of the ceil(S / N) windows that begin at i (S - N) //
    (windows - 1) is drawn, which together cover the part. What does not divide belongs to the tail, whose
    positions are the last ones. The paper takes up to two windows of each chunk and all of their products,
    once and for all; here they are drawn in every epoch. Documents with fewer tokens than head, tail and one
    a chunk stay as they are.

    Args:
        target_length: as for `Positions`.
        chunks: the paper's references; 16 in it.
        head: tokens at the start of a document that keep their positions, as those of an instruction.
        tail: tokens at its end, as those of a question and its answer.
    """

    chunks: int = 16
    head: int = 0
    tail: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._whole("chunks", 1)
        self._whole("head", 0)
        self._whole("tail", 0)
        if self.head + self.tail >= self.target_length:
            raise ValueError(
                f"head={self.head} and tail={self.tail} leave none of the {self.target_length} positions"
            )

    def kernel(self) -> _core.Objective:
        return _core.logo_positions(
            target=self.target_length, chunks=self.chunks, head=self.head, tail=self.tail
        )
