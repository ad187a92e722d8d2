"""The tree of a regex as threads that wait for characters."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pypack.tokenizer.native.character_sets import Characters
from pypack.tokenizer.native.regex_tree import Ahead, Behind, Choice, Look, Loop, Node, One, Row
from pypack.tokenizer.native.unsupported import UnsupportedError

MATCH = -1
_MOST_THREADS = 2000


class Program:
    """Threads: each waits for a character, asks for what is around, or forks.

    Attributes:
        sets: sets of characters, and whether the end (or, behind, the start) of the text counts.
        edges: of each set, the code points from which on another one is in it than just before.
        code: (kind, of, targets). "take", "ahead" and "behind" have a set; "look" has 2 * the number of what
            is looked for, and 1 more where it must not be there; "fork" has targets in order; "match" has
            neither.
        behind: the sets that are looked for behind a place.
        looks: what is looked for ahead.
    """

    def __init__(self) -> None:
        self.sets: list[tuple[Characters, bool]] = []
        self.edges: list[NDArray[np.int64]] = []
        self._numbers: dict[tuple[bool, bool, bytes], int] = {}
        self.code: list[tuple[str, int, tuple[int, ...]]] = []
        self.behind: list[int] = []
        self.looks: list[Node] = []

    def add(self, kind: str, of: int, *targets: int) -> int:
        """A new thread."""
        self.code.append((kind, of, targets))
        if len(self.code) > _MOST_THREADS:
            raise UnsupportedError("a regex that is too large")
        return len(self.code) - 1

    def compile(self, node: Node, then: int) -> int:
        """The thread that matches `node` and goes on as `then`."""
        if isinstance(node, One):
            return self.add("take", self._set_of(node.characters, False), then)
        if isinstance(node, Ahead):
            return self.add("ahead", self._set_of(node.characters, node.end_counts), then)
        if isinstance(node, Behind):
            found = self._set_of(node.characters, node.start_counts)
            if found not in self.behind:
                self.behind.append(found)
            return self.add("behind", found, then)
        if isinstance(node, Look):
            self.looks.append(node.part)
            return self.add("look", 2 * (len(self.looks) - 1) + node.negated, then)
        if isinstance(node, Row):
            for part in reversed(node.parts):
                then = self.compile(part, then)
            return then
        if isinstance(node, Choice):
            return self.add("fork", MATCH, *[self.compile(way, then) for way in node.ways])
        assert isinstance(node, Loop)
        fork = self.add("fork", MATCH, then)
        body = self.compile(node.part, fork)
        self.code[fork] = ("fork", MATCH, (then, body) if node.lazy else (body, then))
        return fork

    def seen_behind(self, members: Sequence[bool]) -> tuple[bool, ...]:
        """Of the sets that are looked for behind a place, which hold what is there."""
        return tuple(members[of] for of in self.behind)

    @cached_property
    def asks(self) -> list[bool]:
        """Of every thread, whether it may ask for what is behind it before it takes a character."""
        found = [kind == "behind" for kind, _, _ in self.code]
        changed = bool(self.behind)
        while changed:
            changed = False
            for thread, (kind, _, targets) in enumerate(self.code):
                if kind in ("fork", "ahead", "look") and not found[thread] and any(found[t] for t in targets):
                    found[thread] = changed = True
        return found

    def _set_of(self, characters: Characters, edge_counts: bool) -> int:
        edges = np.flatnonzero(characters[1:] != characters[:-1]) + 1
        key = bool(characters[0]), edge_counts, edges.tobytes()
        if key not in self._numbers:
            self._numbers[key] = len(self.sets)
            self.sets.append((characters, edge_counts))
            self.edges.append(edges)
        return self._numbers[key]
