"""Groups of horizontal bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.picture.svg import INK, PALE_INK, rectangle, text

OURS, OTHERS = "#0969da", "#b6c0ca"
_ROW, _BAR = 21, 13  # pixels from bar to bar, and of a bar
_HEADING = 20
_VALUE_ROOM = 44  # to the right of the longest bar


@dataclass(frozen=True)
class Bar:
    """`name` is set in front of it, its value behind it."""

    name: str
    value: float
    ours: bool = False


@dataclass(frozen=True)
class Group:
    """Bars under a heading."""

    heading: str
    bars: Sequence[Bar]

    @property
    def height(self) -> int:
        """Pixels from its heading to its last bar."""
        return _HEADING + _ROW * len(self.bars)

    def draw(self, x: float, y: float, width: float, names: float, most: float) -> list[str]:
        """Its shapes below y; names take up `names` pixels, and a bar of `most` all of the rest."""
        shapes = [text(x, y + 11, self.heading, 12.5, PALE_INK)]
        for number, bar in enumerate(self.bars):
            top = y + _HEADING + _ROW * number
            length = max(1.0, (width - names - _VALUE_ROOM) * bar.value / most)
            baseline, colour = top + _BAR - 2, OURS if bar.ours else OTHERS
            shapes += [
                text(x + names - 8, baseline, bar.name, 12.5, INK, "end", bar.ours),
                rectangle(x + names, top, length, _BAR, colour, 2),
                text(x + names + length + 6, baseline, _short(bar.value), 12.5, INK, bold=bar.ours),
            ]
        return shapes


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 9.95 else f"{value:.1f}"
