"""Inline code that lines do not tear: a browser breaks `--chat-template` at its dashes, unless it is told."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

# Characters of code that still fit on a line of a phone.
_MOST = 28
# Blocks of code, which have lines of their own, or inline code without anything within.
_CODE = re.compile(r"<pre\b.*?</pre>|<code>([^<]*)</code>", re.DOTALL)
_WORD = re.compile(r"[^\s<>]+")


def keep_whole(site: Path) -> None:
    """Marks what is to stay whole on all pages of a site."""
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        marked = marked_page(text)
        if marked != text:
            page.write_text(marked, encoding="utf-8")


def marked_page(text: str) -> str:
    """The HTML of a page with the class "whole" at inline code that is short, and at the short words of other
    inline code."""

    def mark(found: re.Match[str]) -> str:
        code = found[1]
        if code is None:
            return found[0]
        if _is_short(code):
            return f'<code class="whole">{code}</code>'
        return f"<code>{_WORD.sub(_marked_word, code)}</code>"

    return _CODE.sub(mark, text)


def _marked_word(found: re.Match[str]) -> str:
    word = found[0]
    return f'<span class="whole">{word}</span>' if "-" in word and _is_short(word) else word


def _is_short(code: str) -> bool:
    return len(unescape(code)) <= _MOST
