"""The steps that give one bucket's sequences, epoch after epoch, where these do not fill the last one."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
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


class ResumedEpochs:
    """Visits that go on within an epoch, at any row, and none before it.

    For a run whose global batch has changed, or whose store has grown: what was given out is not given again,
    and nothing is left out. The epoch gives its `parts` one after another: the sequences that there were, and
    those that were added since; every later epoch gives all of them mixed, as `plain` visits.

    Args:
        tail: as for `visits`.
        size: sequences of the bucket.
        rows: of the global batch.
        begun: the visit with which the epoch would have begun, had it always had this batch.
        epoch: it.
        row: the first row of the epoch that was not given out, counted through its parts.
        parts: sequences of each part; together all of the bucket.
    """

    def __init__(
        self, tail: Tail, size: int, rows: int, begun: int, epoch: int, row: int, parts: Sequence[int]
    ) -> None:
        self.plain = visits(tail, size, rows)
        self.epoch, self.row, self.parts = epoch, row, tuple(parts)
        self._tail, self._begun = tail, begun
        self._ends = list(itertools.accumulate(self.parts))
        firsts = [end - part for end, part in zip(self._ends, self.parts, strict=True)]
        self.given = [min(max(row - first, 0), part) for first, part in zip(firsts, self.parts, strict=True)]
        # What is left of each part, as an epoch of its own, and where it begins.
        self._rests = [
            (first + given, visits(tail, part - given, rows))
            for first, given, part in zip(firsts, self.given, self.parts, strict=True)
            if given < part
        ]
        self.visit = begun + self.earlier_steps

    @property
    def earlier_steps(self) -> int:
        """Visits of the epoch before it goes on, had it always had this batch."""
        rows = self.plain.rows
        if isinstance(self.plain, EndlessEpochs):
            return -(-self.row // rows)
        return sum(
            -(-given // rows) if given < part else visits(self._tail, part, rows).before(1) if part else 0
            for given, part in zip(self.given, self.parts, strict=True)
        )

    @property
    def dropped(self) -> int:
        return self.plain.dropped

    @property
    def fewest(self) -> int:
        if isinstance(self.plain, EndlessEpochs):
            return self.plain.fewest
        return min([self.plain.fewest, *(rest.fewest for _, rest in self._rests if rest.before(1))])

    def steps_of_part(self, part: int) -> tuple[int, int]:
        """Visits of a part of the epoch as a whole, and of what is left of it; with tail="wrap", whose parts
        stand end to end, of all parts."""
        if isinstance(self.plain, EndlessEpochs):
            rest = self.before(self.epoch + 1) - self.visit
            return self.earlier_steps + rest, rest
        size, rows = self.parts[part], self.plain.rows
        left = size - self.given[part]
        whole, rest = (visits(self._tail, n, rows).before(1) if n else 0 for n in (size, left))
        return whole, rest

    def before(self, epoch: int) -> int:
        if epoch <= self.epoch:
            return self._begun - self.plain.before(self.epoch) + self.plain.before(epoch)
        if isinstance(self.plain, EndlessEpochs):
            return self.visit + max(0, -(-self._left(epoch) // self.plain.rows))
        rests = sum(rest.before(1) for _, rest in self._rests)
        return self.visit + rests + self.plain.before(epoch - self.epoch - 1)

    def _left(self, epoch: int) -> int:
        """Rows from where it goes on to where an epoch begins."""
        return self._ends[-1] - self.row + (epoch - self.epoch - 1) * self.plain.size

    def overdrawn(self, epochs: int) -> int:
        if not isinstance(self.plain, EndlessEpochs):
            return 0
        return (self.before(epochs) - self.visit) * self.plain.rows - self._left(epochs)

    def draws(self, visit: int) -> list[Stretch]:
        assert visit >= self.visit  # the order has checked it
        after = visit - self.visit
        if isinstance(self.plain, EndlessEpochs):
            return self._from_row(self.row + after * self.plain.rows)
        for first, rest in self._rests:
            steps = rest.before(1)
            if after < steps:
                ((_, start, count),) = rest.draws(after)
                return [(self.epoch, first + start, count)]
            after -= steps
        return [(self.epoch + 1 + epoch, start, count) for epoch, start, count in self.plain.draws(after)]

    def _from_row(self, at: int) -> list[Stretch]:
        """A full visit from a row on, counted from the start of the epoch."""
        assert isinstance(self.plain, EndlessEpochs)
        end = self._ends[-1]
        if at >= end:
            later = self.plain.from_row(at - end)
            return [(self.epoch + 1 + epoch, start, count) for epoch, start, count in later]
        count = min(self.plain.rows, end - at)
        drawn = [(self.epoch, at, count)]
        if count < self.plain.rows:
            rest = EndlessEpochs(self.plain.size, self.plain.rows - count).from_row(0)
            drawn += [(self.epoch + 1 + epoch, start, count) for epoch, start, count in rest]
        return drawn


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
