"""Which field was meant: names that are close to one that nobody has, and fields that usually hold text."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

# What public corpora call it, the commonest first.
_USUAL = (
    "text",
    "content",
    "contents",
    "raw_content",
    "body",
    "document",
    "passage",
    "article",
    "code",
    "story",
)
_MOST_NAMES = 12


def close_to(name: str, names: Iterable[str]) -> str | None:
    """The name that is nearest to one, capitals aside; None if none is near."""
    by_lower = {one.lower(): one for one in names}
    found = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[found[0]] if found else None


def text_field(name: str, text_lengths: Mapping[str, float]) -> str | None:
    """The field that was most likely meant by `name`.

    Args:
        text_lengths: the fields that hold strings, with their mean length (0 where it is not known).
    """
    near = close_to(name, text_lengths)
    if near is not None:
        return near
    last = {one.rsplit(".", 1)[-1].lower(): one for one in reversed(list(text_lengths))}
    for usual in (name.lower(), *_USUAL):
        if usual in last:
            return last[usual]
    longest = max(text_lengths, key=lambda one: text_lengths[one], default=None)
    return longest if longest is not None and (text_lengths[longest] > 20 or len(text_lengths) == 1) else None


def listed(names: Iterable[str]) -> str:
    """Names in quotes, the first dozen."""
    all_names = list(names)
    more = f" and {len(all_names) - _MOST_NAMES} more" if len(all_names) > _MOST_NAMES else ""
    return ", ".join(map(repr, all_names[:_MOST_NAMES])) + more
