"""The changes of weights during a run: the newest as they were made, the older ones as what they came to."""

from __future__ import annotations

import bisect
import dataclasses
import json
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from pypack._common.fingerprint import text_fingerprint

Event = tuple[int, dict[str, float]]  # step, weights from it on to the end of its phase


class Base(NamedTuple):
    """What a run has drawn before the oldest change that is kept: with it the run goes on exactly, however it
    came there.

    Attributes:
        drawn: sequences of each source, for every row length, the shortest first.
        ahead: by how much these are more than what the weights ask for, in units of `MixtureStream`.
    """

    drawn: list[list[int]]
    ahead: list[list[int]]


@dataclasses.dataclass(frozen=True)
class WeightLog:
    """Changes of weights, the oldest first, one a step at most.

    Attributes:
        events: those that are kept.
        pasts: a digest of all changes before each of them, and of all.
        base: what was drawn before the first of them; None: there was no change before.
    """

    events: tuple[Event, ...] = ()
    pasts: tuple[str, ...] = ("",)
    base: Base | None = None

    @classmethod
    def make(cls, events: Iterable[Event], base: Base | None = None, past: str = "") -> WeightLog:
        """A log; `past` is the digest of the changes before the base."""
        return cls((), (past,), base)._extended(0, list(events))

    @property
    def first_step(self) -> int:
        """The first step of which it tells what is drawn."""
        return 0 if self.base is None else self.events[0][0]

    def changed(self, step: int, weights: Mapping[str, float]) -> WeightLog:
        """With one change more, in the place of one at the same step."""
        at = self._before(step)
        later = [event for event in self.events[at:] if event[0] != step]
        # In one order, and of one type: as sums and digests find them again in a state that was in JSON.
        return self._extended(at, [(step, {name: float(weights[name]) for name in sorted(weights)}), *later])

    def since(self, first: int, base: Base) -> WeightLog:
        """Without the changes before one of its own, by number, before which the run had drawn `base`."""
        return WeightLog(self.events[first:], self.pasts[first:], base)

    def behind(self, known: WeightLog) -> WeightLog:
        """With the older changes of another log, if that is of the same run."""
        if self.base is None:
            return self
        at = known._before(self.first_step)
        return known._extended(at, list(self.events)) if known.pasts[at] == self.pasts[0] else self

    def _before(self, step: int) -> int:
        return bisect.bisect_left([at for at, _ in self.events], step)

    def _extended(self, kept: int, events: list[Event]) -> WeightLog:
        pasts = list(self.pasts[: kept + 1])
        for event in events:
            text = pasts[-1] + json.dumps(event)
            pasts.append(text_fingerprint(text))
        return WeightLog(self.events[:kept] + tuple(events), tuple(pasts), self.base)
