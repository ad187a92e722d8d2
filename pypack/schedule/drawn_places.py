"""Where the sequences stand that a run draws of its sources, also of sources that have grown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from pypack.schedule.order import part_of, source_buckets
from pypack.source.source import Source


class Grown(NamedTuple):
    """How a source's sequences of a row length come since its store has grown within a run.

    Attributes:
        begun: sequences that were drawn before the epoch.
        epoch: the one that was under way; every later one gives all sequences mixed.
        parts: sequences that it gives one after another: those that there were, and those that were added.
    """

    begun: int
    epoch: int
    parts: tuple[int, ...]


GrownSources = Mapping[tuple[str, int], Grown]  # by name and row length


class DrawnPlaces:
    """The buckets of all sources, and which of their sequences come after how many.

    Args:
        sources: by name.
        seed: of the run.
        grown: sources whose stores have grown within the run.

    Attributes:
        names: of the sources, whose positions are their numbers.
        buckets: of the sources by row length; behind them those of the parts of an epoch in which a store
            grew.

    Raises:
        ValueError: a source has other sequences than `grown` says.
    """

    def __init__(self, sources: Mapping[str, Source], seed: int, grown: GrownSources) -> None:
        self.names = list(sources)
        self.buckets = source_buckets(sources, seed)
        self._number_of = {(bucket.length, bucket.source): i for i, bucket in enumerate(self.buckets)}
        self._grown: dict[tuple[int, int], tuple[Grown, list[int]]] = {}
        for (name, length), one in grown.items():
            self._add_parts(name, length, one)

    def _add_parts(self, name: str, length: int, grown: Grown) -> None:
        """Buckets of their own for the parts of an epoch."""
        place = (length, self.names.index(name) if name in self.names else -1)
        if place not in self._number_of or sum(grown.parts) != self.size_of(name, length):
            raise ValueError(
                f"source {name!r} has not grown to {sum(grown.parts)} sequences of {length} tokens"
            )
        number, numbers, before = self._number_of[place], [], 0
        bucket = self.buckets[number]
        for size in grown.parts:
            if size == bucket.size:
                numbers.append(number)
            else:
                numbers.append(len(self.buckets))
                self.buckets.append(part_of(bucket, before, size))
            before += size
        self._grown[place] = grown, numbers

    def size_of(self, name: str, length: int) -> int:
        """Sequences of a source with a row length."""
        number = self._number_of.get((length, self.names.index(name)))
        return 0 if number is None else self.buckets[number].size

    def sequences_of(self, name: str, length: int, epochs: float) -> int:
        """Sequences of a row length that so many epochs of a source give."""
        size = self.size_of(name, length)
        found = self._grown.get((length, self.names.index(name)))
        if found is None:
            return int(epochs * size)
        grown = found[0]
        return int(grown.begun + max(0.0, epochs - grown.epoch) * size)

    def place(self, length: int, source: int, drawn: int) -> tuple[int, int, int]:
        """Bucket, epoch and place in it of the sequence that comes after so many of a source, by number."""
        number = self._number_of[length, source]
        begun = first = 0
        if (found := self._grown.get((length, source))) is not None:
            grown, numbers = found
            start = drawn - grown.begun
            for part, size in zip(numbers, grown.parts, strict=True):
                if start < size:
                    return part, grown.epoch, start
                start -= size
            begun, first = drawn - start, grown.epoch + 1
        epoch, start = divmod(drawn - begun, self.buckets[number].size)
        return number, first + epoch, start
