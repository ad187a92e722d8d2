"""`{a,b}` in patterns, as shells have it: one pattern for each."""

from __future__ import annotations

import re

from pypack.corpus.errors import CorpusError

_INNERMOST = re.compile(r"\{([^{}]*,[^{}]*)\}")
_MOST = 10_000


def has_braces(pattern: str) -> bool:
    """Whether a pattern stands for several."""
    return _INNERMOST.search(pattern) is not None


def braced(pattern: str) -> list[str]:
    """The patterns that one stands for: "a.{b,c}" gives "a.b" and "a.c". Braces without a comma stay.

    Raises:
        CorpusError: there are more than ten thousand.
    """
    found, done = [pattern], []
    while found:
        one = found.pop()
        braces = _INNERMOST.search(one)
        if braces is None:
            done.append(one)
        else:
            found += [one[: braces.start()] + part + one[braces.end() :] for part in braces[1].split(",")]
        if len(found) + len(done) > _MOST:
            raise CorpusError(f"{pattern}: stands for more than {_MOST:,} patterns")
    return done
