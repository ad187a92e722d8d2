"""The segments that a cache holds, and which of them go when it is full."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping

from pypack.cache.groups import Group
from pypack.cache.readers import Key, is_soon

Segment = tuple[int, int]  # number of a group, segment
_NEVER = 1 << 62
_LEAST_ROOM = 64 << 20


class Residents:
    """What is in a cache, in bytes.

    Attributes:
        used: bytes of all that is there.
        evicted: segments that have gone.
    """

    def __init__(self, groups: Mapping[int, Group], limit: Callable[[], int]) -> None:
        self._groups = groups
        self._limit = limit
        self._bytes: dict[Segment, int] = {}
        self._last: dict[Segment, float] = {}
        self._coming: dict[Segment, int] = {}  # bytes that are being fetched
        self.used = 0
        self.evicted = 0

    def expect(self, segment: Segment, size: int) -> None:
        """So many bytes of a segment are being fetched, until `note`."""
        self._coming[segment] = size

    def note(self, segment: Segment) -> None:
        """More, or nothing any more, of a segment is there."""
        self._coming.pop(segment, None)
        group, number = segment
        size = self._groups[group].present_bytes(number)
        self.used += size - self._bytes.pop(segment, 0)
        self._last.pop(segment, None)
        if size:
            self._bytes[segment] = size
            self._last[segment] = time.monotonic()

    def make_room(
        self, wanted: int, distance: int, distances: Mapping[Key, int], busy: Collection[Segment]
    ) -> bool:
        """Evicts what is needed last, so that so many bytes more fit in.

        For a step that a reader is at, what is needed last goes, but not what such steps need themselves. For
        later steps only that goes which no step needs that is known: what was fetched ahead is not thrown
        away for what else is fetched ahead.

        Args:
            distance: batches until the room is needed.
            distances: batches until each block is needed next.
            busy: segments that are written to.

        Returns:
            Whether they fit in, or must all the same: a step has all that it needs, whatever the limit.
        """
        over = self.used + sum(self._coming.values()) + wanted - self._limit()
        if over <= 0:
            return True
        next_use: dict[Segment, int] = {}
        for (number, block), ahead in distances.items():
            group = self._groups.get(number)
            if group is not None and block < group.blocks:
                segment = (number, group.segment_of(block))
                next_use[segment] = min(ahead, next_use.get(segment, ahead))
        candidates = sorted(
            (
                (next_use.get(segment, _NEVER), -self._last[segment], segment)
                for segment in self._bytes
                if segment not in busy
            ),
            reverse=True,
        )
        more = over + min(_LEAST_ROOM, self._limit() // 16)  # so that it is not for each block alone
        for ahead, _, segment in candidates:
            if more <= 0 or is_soon(ahead):
                break
            if ahead < _NEVER and (over <= 0 or not is_soon(distance)):
                break
            freed = self._bytes[segment]
            self.drop(segment)
            over -= freed
            more -= freed
        return over <= 0 or is_soon(distance)

    def give_up(self, wanted: int, distances: Mapping[Key, int], busy: Collection[Segment]) -> None:
        """On a full disk: evicts so many bytes, what is needed last first, but nothing that a step that a
        reader is at needs."""
        limit = self._limit
        self._limit = lambda: self.used + sum(self._coming.values())
        try:
            self.make_room(wanted, 0, distances, busy)
        finally:
            self._limit = limit

    def drop(self, segment: Segment) -> None:
        """A segment goes."""
        self._groups[segment[0]].drop(segment[1])
        self.note(segment)
        self.evicted += 1
