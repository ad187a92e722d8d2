"""The few shapes of SVG that the picture is made of, as text."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

FONT = "Helvetica Neue, Helvetica, Arial, Liberation Sans, DejaVu Sans, sans-serif"
INK, PALE_INK = "#1f2328", "#59636e"


def rectangle(
    x: float, y: float, width: float, height: float, fill: str, radius: float = 0, stroke: str = "none"
) -> str:
    """One with its upper left corner at x, y."""
    place = f'x="{x:g}" y="{y:g}" width="{width:.5g}" height="{height:g}" rx="{radius:g}"'
    return f'<rect {place} fill="{fill}" stroke="{stroke}"/>'


def text(
    x: float,
    y: float,
    words: str,
    size: float = 13,
    fill: str = INK,
    anchor: str = "start",
    bold: bool = False,
) -> str:
    """A line of text with its baseline at y."""
    weight = ' font-weight="600"' if bold else ""
    place = f'x="{x:g}" y="{y:g}" font-size="{size:g}"'
    return f'<text {place} fill="{fill}" text-anchor="{anchor}"{weight}>{escape(words)}</text>'


def document(width: int, height: int, title: str, shapes: Sequence[str]) -> str:
    """The whole file: the shapes on a white card, which reads the same on light and dark pages."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family={quoteattr(FONT)} role="img">'
    )
    card = rectangle(0.5, 0.5, width - 1, height - 1, "#ffffff", 8, "#d1d9e0")
    return "\n".join([head, f"<title>{escape(title)}</title>", card, *shapes, "</svg>"]) + "\n"
