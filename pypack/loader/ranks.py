"""Who shares a global batch, and how it is dealt, so that nobody is left without a row."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from pypack._common.arguments import check_choice, make_whole
from pypack.loader.place import of_mesh
from pypack.packing.balancing import RankBalance as RankBalance
from pypack.schedule.order import Order, SourceBucket, StepDraws

Remainder = Literal["error", "pad", "drop"]


@dataclasses.dataclass(frozen=True)
class Ranks:
    """Who shares a global batch.

    Attributes:
        rank: this process's part.
        world_size: number of parts.
        remainder: "error", "pad" or "drop", for a global batch that does not divide.
        balance: "none", "deal" or "lpt", how rows are assigned.
    """

    rank: int
    world_size: int
    remainder: Remainder = "error"
    balance: RankBalance = "none"

    def __post_init__(self) -> None:
        make_whole(self, "rank", "world_size")
        if self.world_size < 1:
            raise ValueError(f"world_size must be at least 1, got {self.world_size}")
        if not 0 <= self.rank < self.world_size:
            raise ValueError(
                f"rank must be from 0 to world_size - 1 = {self.world_size - 1}, got {self.rank}"
            )
        check_choice("remainder", self.remainder, get_args(Remainder))
        check_choice("balance", self.balance, get_args(RankBalance))

    @classmethod
    def from_mesh(cls, mesh: Any, dims: str | int | Sequence[str | int] | None = None) -> Ranks:
        """This process's data-parallel part of a torch `DeviceMesh`; see `pypack.loader.place.of_mesh`."""
        return cls(*of_mesh(mesh, dims))

    def check(self, order: Order, tail: str) -> None:
        """Raises ValueError for a global batch that the ranks cannot share."""
        for rows, fewest in sorted(set(order.visit_rows())):
            if rows < self.world_size:
                raise ValueError(
                    f"a global batch of {rows} sequences for {self.world_size} ranks leaves ranks without "
                    f"any; make the batch at least {self.world_size} sequences"
                )
            if rows % self.world_size and self.remainder == "error":
                divisors = [n for n in range(1, rows + 1) if rows % n == 0]
                raise ValueError(
                    f"a global batch of {rows} sequences cannot be dealt to {self.world_size} ranks; "
                    f"possible world sizes: {divisors}; or choose remainder='pad' or 'drop'"
                )
            if tail == "spread" and fewest < self.world_size:
                raise ValueError(
                    f"tail='spread' leaves a step of {fewest} sequences at the end of an epoch, fewer than "
                    f"the {self.world_size} ranks: make the batch at least {2 * self.world_size} sequences, "
                    "or choose tail='wrap', 'pad' or 'drop'"
                )

    def slots(self, rows: int) -> int:
        """Rows of a global batch once it divides: more than it has, by empty ones, or fewer."""
        rest = rows % self.world_size
        if rest == 0:
            return rows
        return rows - rest if self.remainder == "drop" else rows - rest + self.world_size

    def repeated(self, draws: StepDraws) -> int:
        """Rows of a step that come again, as there are fewer than ranks."""
        return max(0, self.world_size - sum(draw[3] for draw in draws.draws))

    def dealt(
        self,
        draws: StepDraws,
        buckets: Sequence[SourceBucket],
        is_drawn: Callable[[StepDraws, int], NDArray[np.bool_]],
    ) -> tuple[StepDraws, int]:
        """What a step draws, such that every rank gets a row of it, and the slots of its batch.

        Slot i is rank i % world_size's, so that only empty slots can leave a rank without a row. A step of
        fewer rows than ranks, the end of an epoch, gets as many of the first rows of the epoch again. Of a
        shuffled step of many empty slots, a rank may have nothing else: it is dealt as it was drawn.

        Args:
            draws: of a step.
            buckets: what they are of.
            is_drawn: of every slot of a step, whether it holds a row.
        """
        slots = self.slots(draws.slots)
        drawn = sum(draw[3] for draw in draws.draws)
        if slots - drawn < slots // self.world_size:
            return draws, slots  # fewer empty slots than a rank has
        if missing := max(0, self.world_size - drawn):
            bucket, epoch = draws.draws[0][:2]
            again = []
            while missing:
                count = min(missing, buckets[bucket].size)
                again.append((bucket, epoch, 0, count))
                missing -= count
            draws = draws._replace(draws=draws.draws + again)
        elif draws.shuffle_key is not None:
            served = np.flatnonzero(is_drawn(draws, slots)) % self.world_size
            if len(np.unique(served)) < self.world_size:
                draws = draws._replace(shuffle_key=None)
        return draws, slots
