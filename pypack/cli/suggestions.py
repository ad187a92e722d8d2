"""Did you mean: names that are close to one that there is not."""

from __future__ import annotations

from collections.abc import Iterable

_MOST = 3


def close_names(name: str, names: Iterable[str], alike: float = 0.6) -> list[str]:
    """At most 3 names that begin like it, else the one that is spelled almost like it.

    Args:
        alike: how much it must be, from 0 to 1.
    """
    known = sorted(set(names))
    if len(name.strip("-")) > 1:
        begin = [one for one in known if one.startswith(name)]
        if begin:
            return begin[:_MOST]
    import difflib  # only for who has mistyped

    return difflib.get_close_matches(name, known, 1, alike)


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """The end of a message about a name that there is not; empty where none is near."""
    found = close_names(name, names)
    return f"; did you mean {' or '.join(found)}?" if found else ""
