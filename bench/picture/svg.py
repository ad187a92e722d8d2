"""The few shapes of SVG that the pictures are made of, as text."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

FONT = "Helvetica Neue, Helvetica, Arial, Liberation Sans, DejaVu Sans, sans-serif"
# Names of what is drawn -> colour on a light page, on a dark one.
COLOURS = {
    "ink": ("#1f2328", "#e6edf3"),
    "pale": ("#59636e", "#9198a1"),
    "ours": ("#0969da", "#4493f8"),
    "others": ("#b6c0ca", "#545d68"),
    "limit": ("#d1a14d", "#9e7632"),
    "card": ("#ffffff", "#0d1117"),
    "edge": ("#d1d9e0", "#3d444d"),
}


def rectangle(x: float, y: float, width: float, height: float, fill: str, radius: float = 0) -> str:
    """One with its upper left corner at x, y; `fill`: a name of COLOURS."""
    place = f'x="{x:g}" y="{y:g}" width="{width:.5g}" height="{height:g}" rx="{radius:g}"'
    return f'<rect {place} class="{fill}"/>'


def text(
    x: float,
    y: float,
    words: str,
    size: float = 13,
    fill: str = "ink",
    anchor: str = "start",
    bold: bool = False,
) -> str:
    """A line of text with its baseline at y."""
    weight = ' font-weight="600"' if bold else ""
    place = f'x="{x:g}" y="{y:g}" font-size="{size:g}"'
    return f'<text {place} class="{fill}" text-anchor="{anchor}"{weight}>{escape(words)}</text>'


def document(width: int, height: int, title: str, shapes: Sequence[str]) -> str:
    """The whole file: the shapes on a card, light or dark as the reader's pages are."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family={quoteattr(FONT)} role="img">'
    )
    card = rectangle(0.5, 0.5, width - 1, height - 1, "card", 8)
    return "\n".join([head, f"<title>{escape(title)}</title>", _style(), card, *shapes, "</svg>"]) + "\n"


def _style() -> str:
    light = " ".join(f".{name} {{ fill: {pair[0]}; }}" for name, pair in COLOURS.items())
    dark = " ".join(f".{name} {{ fill: {pair[1]}; }}" for name, pair in COLOURS.items())
    edge = "rect.card {{ stroke: {}; }}"
    light, dark = (
        f"{rules} {edge.format(colour)}" for rules, colour in zip((light, dark), COLOURS["edge"], strict=True)
    )
    return f"<style>{light} @media (prefers-color-scheme: dark) {{ {dark} }}</style>"
