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

    def overdrawn(self, epochs: int) -> int:
        """Sequences of the epoch after so many that are drawn by their end."""


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

    def overdrawn(self, epochs: int) -> int:
        return 0

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

    def overdrawn(self, epochs: int) -> int:
        return self.rows * self.before(epochs) - epochs * self.size

    def draws(self, visit: int) -> list[Stretch]:
        return self.from_row(visit * self.rows)

    def from_row(self, at: int) -> list[Stretch]:
        """A full visit from a row on, counted from the start of the run."""
        left = self.rows
        drawn = []
        while left:
            epoch, start = divmod(at, self.size)
            count = min(left, self.size - start)
            drawn.append((epoch, start, count))
            at, left = at + count, left - count
        return drawn


def visits(tail: Tail, size: int, rows: int) -> WholeEpochs | EndlessEpochs:
    """The visits of a bucket of so many sequences, in global batches of so many rows."""
    if tail == "wrap":
        return EndlessEpochs(size, rows)
    if tail == "drop":
        return WholeEpochs(size, rows, size // rows)
    return (WholeEpochs if tail == "pad" else SpreadEpochs)(size, rows, -(-size // rows))


@dataclasses.dataclass(frozen=True)
class ResumedEpochs:
    """Visits that go on from a row within an epoch, as `plain` ones would from a visit; none before it.

    For a run whose global batch has changed: what was given out is not given again, and nothing is left out.

    Attributes:
        plain: the visits of a run that has always had this batch.
        visit: the first visit; where one begins at `row` in the plain ones, it is that one.
        epoch, row: what it begins with.
        tail: as for `visits`.
    """

    plain: WholeEpochs | EndlessEpochs
    visit: int
    epoch: int
    row: int
    tail: Tail

    @property
    def dropped(self) -> int:
        return self.plain.dropped

    @property
    def fewest(self) -> int:
        return min(self.plain.fewest, self._rest.fewest) if self._rest.before(1) else self.plain.fewest

    @property
    def _rest(self) -> WholeEpochs | EndlessEpochs:
        """What is left of the epoch, as one of its own."""
        return visits(self.tail, self.plain.size - self.row, self.plain.rows)

    def before(self, epoch: int) -> int:
        if epoch <= self.epoch:
            return self.plain.before(epoch)
        if isinstance(self.plain, EndlessEpochs):
            rows = (epoch - self.epoch) * self.plain.size - self.row
            return self.visit + -(-rows // self.plain.rows)
        return self.visit + self._rest.before(1) + self.plain.before(epoch - self.epoch - 1)

    def overdrawn(self, epochs: int) -> int:
        if not isinstance(self.plain, EndlessEpochs):
            return 0
        rows = (self.before(epochs) - self.visit) * self.plain.rows
        return rows - (epochs - self.epoch) * self.plain.size + self.row

    def draws(self, visit: int) -> list[Stretch]:
        assert visit >= self.visit  # the order has checked it
        if isinstance(self.plain, EndlessEpochs):
            at = self.epoch * self.plain.size + self.row + (visit - self.visit) * self.plain.rows
            return self.plain.from_row(at)
        after = visit - self.visit
        rest = self._rest.before(1)
        if after < rest:
            ((_, start, count),) = self._rest.draws(after)
            return [(self.epoch, self.row + start, count)]
        drawn = self.plain.draws(after - rest)
        return [(self.epoch + 1 + epoch, start, count) for epoch, start, count in drawn]


def resumed(tail: Tail, size: int, rows: int, epoch: int, row: int) -> tuple[int, bool]:
    """The visit that goes on with a row of an epoch, and whether the plain visits have one that does."""
    plain = visits(tail, size, rows)
    visit = plain.before(epoch) + -(-row // rows)
    # Visits of endless epochs begin where they may: the one before may be it.
    for candidate in (visit, visit - 1, visit + 1):
        if (
            candidate >= 0
            and candidate < plain.before(epoch + 1)
            and plain.draws(candidate)[0][:2] == (epoch, row)
        ):
            return candidate, True
    return visit, False
