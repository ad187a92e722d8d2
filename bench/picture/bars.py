"""Groups of horizontal bars, and panels of groups."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bench.picture.svg import rectangle, text

_ROW, _BAR = 21, 13  # pixels from bar to bar, and of a bar
_HEADING = 20
_VALUE_ROOM = 56  # to the right of the longest bar
_TITLE, _APART = 46, 12  # above the first group, and between groups


@dataclass(frozen=True)
class Bar:
    """`name` is set in front of it, its value behind it; `limit`: no program, but what bounds them all."""

    name: str
    value: float
    ours: bool = False
    limit: bool = False


@dataclass(frozen=True)
class Group:
    """Bars under a heading; `by_powers`: a bar of ten times the value is a fixed piece longer."""

    heading: str
    bars: Sequence[Bar]
    by_powers: bool = False

    @property
    def height(self) -> int:
        """Pixels from its heading to its last bar."""
        return _HEADING + _ROW * len(self.bars)

    def draw(self, x: float, y: float, width: float, names: float, most: float) -> list[str]:
        """Its shapes below y; names take up `names` pixels, and a bar of `most` all of the rest."""
        shapes = [text(x, y + 11, self.heading, 12.5, "pale")]
        for number, bar in enumerate(self.bars):
            top = y + _HEADING + _ROW * number
            length = max(1.0, (width - names - _VALUE_ROOM) * self._share(bar.value, most))
            baseline = top + _BAR - 2
            colour = "ours" if bar.ours else "limit" if bar.limit else "others"
            shapes += [
                text(x + names - 8, baseline, bar.name, 12.5, "ink", "end", bar.ours),
                rectangle(x + names, top, length, _BAR, colour, 2),
                text(x + names + length + 6, baseline, _short(bar.value), 12.5, "ink", bold=bar.ours),
            ]
        return shapes

    def _share(self, value: float, most: float) -> float:
        if not self.by_powers:
            return value / most
        least = min(bar.value for bar in self.bars) / 2
        return math.log(value / least) / math.log(most / least)


@dataclass(frozen=True)
class Panel:
    """Groups of bars under a title, in so many pixels, of which the names take up `names`."""

    title: str
    subtitle: str
    groups: Sequence[Group]
    names: int
    width: float
    same_scale: bool = False

    @property
    def height(self) -> int:
        """Pixels from its title to its last bar."""
        return _TITLE + sum(group.height for group in self.groups) + _APART * (len(self.groups) - 1)

    def draw(self, x: float, y: float) -> list[str]:
        """Its shapes below y; the longest bar fills the width: of each group, or of all with `same_scale`."""
        shapes = [text(x, y + 15, self.title, 16, bold=True), text(x, y + 33, self.subtitle, 12.5, "pale")]
        y += _TITLE
        longest = max(bar.value for group in self.groups for bar in group.bars)
        for group in self.groups:
            most = longest if self.same_scale else max(bar.value for bar in group.bars)
            shapes += group.draw(x, y, self.width, self.names, most)
            y += group.height + _APART
        return shapes


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 9.95 else f"{value:.1f}"
