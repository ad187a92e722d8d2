"""The steps that give one bucket's sequences, epoch after epoch, where these do not fill the last one."""

from __future__ import annotations

import dataclasses
from typing import Literal, Protocol

Tail = Literal["pad", "wrap", "spread", "drop"]
TAILS: tuple[Tail, ...] = ("pad", "wrap", "spread", "drop")

Stretch = tuple[int, int, int]  # epoch, start, count


class Visits(Protocol):
    """The visits of a bucket: the steps that draw from it, counted from the start of the run."""

    @property
    def dropped(self) -> int:
        """Sequences that an epoch leaves out."""

    @property
    def fewest(self) -> int:
        """Rows of the smallest visit."""

    def before(self, epoch: int) -> int:
        """Visits before an epoch begins."""

    def draws(self, visit: int) -> list[Stretch]:
        """What a visit draws."""


@dataclasses.dataclass(frozen=True)
class WholeEpochs:
    """Every epoch has the same visits: all of them full, but for the last.

    Attributes:
        size: sequences of the bucket.
        rows: of the global batch.
        steps: visits of an epoch.
    """

    size: int
    rows: int
    steps: int

    @property
    def dropped(self) -> int:
        return max(0, self.size - self.rows * self.steps)

    @property
    def fewest(self) -> int:
        return min(self.rows, self.size - self.rows * (self.steps - 1)) if self.steps else self.rows

    def before(self, epoch: int) -> int:
        return epoch * self.steps

    def draws(self, visit: int) -> list[Stretch]:
        epoch, turn = divmod(visit, self.steps)
        start = turn * self.rows
        left = self.size - start
        return [(epoch, start, self.rows if self.rows < left else left)]


@dataclasses.dataclass(frozen=True)
class SpreadEpochs(WholeEpochs):
    """The last two visits of an epoch share what is left for them evenly: the last one is not a small rest.

    It is a matter of the global batch alone, so that the steps stay the same on other numbers of ranks.
    """

    @property
    def fewest(self) -> int:
        return min(count for _, _, count in self.draws(self.steps - 1))

    def draws(self, visit: int) -> list[Stretch]:
        epoch, turn = divmod(visit, self.steps)
        start = turn * self.rows
        if turn < self.steps - 2 or self.steps == 1:
            return [(epoch, start, min(self.rows, self.size - start))]
        begin = (self.steps - 2) * self.rows
        middle = begin + (self.size - begin + 1) // 2
        return [
            (epoch, begin, middle - begin) if turn == self.steps - 2 else (epoch, middle, self.size - middle)
        ]


@dataclasses.dataclass(frozen=True)
class EndlessEpochs:
    """The epochs stand end to end, and every visit is full: one that ends an epoch begins the next.

    Attributes:
        size: sequences of the bucket.
        rows: of the global batch.
    """

    size: int
    rows: int

    @property
    def dropped(self) -> int:
        return 0

    @property
    def fewest(self) -> int:
        return self.rows

    def before(self, epoch: int) -> int:
        return -(-epoch * self.size // self.rows)

    def draws(self, visit: int) -> list[Stretch]:
        at, left = visit * self.rows, self.rows
        drawn = []
        while left:
            epoch, start = divmod(at, self.size)
            count = min(left, self.size - start)
            drawn.append((epoch, start, count))
            at, left = at + count, left - count
        return drawn


def visits(tail: Tail, size: int, rows: int) -> Visits:
    """The visits of a bucket of so many sequences, in global batches of so many rows."""
    if tail == "wrap":
        return EndlessEpochs(size, rows)
    if tail == "drop":
        return WholeEpochs(size, rows, size // rows)
    return (WholeEpochs if tail == "pad" else SpreadEpochs)(size, rows, -(-size // rows))
