"""Regexes compiled to automata that look at each character once.

They run in csrc/core/tokenize/pretokenize/pattern_automaton.hpp.

A state of the automaton is what a matcher with ways back would still try, the most wanted first: of several
ways to match it is the first one that counts, as in Oniguruma. (Ordered lists of threads: R. Cox, "Regular
Expression Matching: the Virtual Machine Approach".)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pypack._core import PatternAutomaton
from pypack.tokenizer.native.regex_syntax import Ahead, Characters, Choice, Loop, Node, One, Row, parse
from pypack.tokenizer.native.unsupported import UnsupportedError

_MOST_STATES = 4096
_MOST_THREADS = 2000
_MATCH = -1


@dataclass
class _Program:
    """Threads: each waits for a character, asks for the next one, or forks."""

    sets: list[tuple[Characters, bool]] = field(default_factory=list)  # and whether the end counts
    # (kind, set, targets): "take" and "ahead" have a set; "fork" has targets in order; "match" has neither.
    code: list[tuple[str, int, tuple[int, ...]]] = field(default_factory=list)

    def add(self, kind: str, of: int, *targets: int) -> int:
        self.code.append((kind, of, targets))
        if len(self.code) > _MOST_THREADS:
            raise UnsupportedError("a regex that is too large")
        return len(self.code) - 1

    def set_of(self, characters: Characters, end_counts: bool) -> int:
        for i, (known, known_end) in enumerate(self.sets):
            if known_end == end_counts and (known is characters or np.array_equal(known, characters)):
                return i
        self.sets.append((characters, end_counts))
        return len(self.sets) - 1

    def compile(self, node: Node, then: int) -> int:
        """The thread that matches `node` and goes on as `then`."""
        if isinstance(node, One):
            return self.add("take", self.set_of(node.characters, False), then)
        if isinstance(node, Ahead):
            return self.add("ahead", self.set_of(node.characters, node.end_counts), then)
        if isinstance(node, Row):
            for part in reversed(node.parts):
                then = self.compile(part, then)
            return then
        if isinstance(node, Choice):
            return self.add("fork", _MATCH, *[self.compile(way, then) for way in node.ways])
        assert isinstance(node, Loop)
        fork = self.add("fork", _MATCH, then)
        body = self.compile(node.part, fork)
        self.code[fork] = ("fork", _MATCH, (body, then))
        return fork


@lru_cache(maxsize=64)
def automaton(pattern: str) -> PatternAutomaton:
    """The automaton of a regex.

    Raises:
        UnsupportedError: it has none here, or may match nothing at all.
    """
    return automaton_of(parse(pattern), pattern)


def automaton_of(tree: Node, name: str) -> PatternAutomaton:
    """The automaton of the tree of a regex; `name` is for messages. Raises as `automaton` does."""
    program = _Program()
    start = program.compile(tree, program.add("match", _MATCH))
    class_of, members = _classes(program)
    num_classes = len(members) - 1  # and the end of the text
    states: dict[tuple[int, ...], int] = {(): 0, (start,): 1}
    todo: list[tuple[int, ...]] = [(), (start,)]
    rows: list[list[int]] = []
    while len(rows) < len(todo):
        threads = todo[len(rows)]
        row = []
        for kind in range(num_classes + 1):
            matches, following = _step(program, threads, members, kind)
            if matches and threads == (start,) and len(rows) == 1:
                raise UnsupportedError(f"regex {name!r} may match nothing")
            if following not in states:
                states[following] = len(todo)
                todo.append(following)
                if len(todo) > _MOST_STATES:
                    raise UnsupportedError(f"regex {name!r} needs too many states")
            row.append(2 * states[following] + matches)
        rows.append(row)
    return PatternAutomaton(class_of, num_classes, np.array(rows, np.uint16).reshape(-1))


def _classes(program: _Program) -> tuple[NDArray[np.uint8], list[list[bool]]]:
    """The class of every code point, and for each class and the end which sets it is in."""
    # Between the code points where some set begins or ends all are alike.
    edges = [np.flatnonzero(np.diff(characters)) + 1 for characters, _ in program.sets]
    begins = np.unique(np.concatenate([np.zeros(1, np.int64), *edges]))
    signature = np.zeros(len(begins), np.int64)
    for characters, _ in program.sets:
        # Numbered anew each time, so that the numbers stay small.
        _, signature = np.unique(signature * 2 + characters[begins], return_inverse=True)
    first = begins[np.unique(signature, return_index=True)[1]]
    if len(first) > 255:
        raise UnsupportedError("a regex that tells too many kinds of character apart")
    members = [[bool(characters[at]) for characters, _ in program.sets] for at in first]
    members.append([end_counts for _, end_counts in program.sets])
    sizes = np.diff(np.append(begins, 0x110000))
    return np.repeat(signature.astype(np.uint8), sizes), members


def _step(
    program: _Program, threads: tuple[int, ...], members: list[list[bool]], kind: int
) -> tuple[bool, tuple[int, ...]]:
    """Whether a match has ended before a character of a class, and what is still tried behind it."""
    is_in = members[kind]
    is_end = kind == len(members) - 1
    seen: set[int] = set()
    following: list[int] = []
    stack = list(reversed(threads))
    while stack:
        thread = stack.pop()
        if thread in seen:
            continue
        seen.add(thread)
        what, of, targets = program.code[thread]
        if what == "match":
            return True, tuple(following)  # what is wanted less counts no more
        if what == "fork":
            stack.extend(reversed(targets))
        elif what == "ahead":
            if is_in[of]:
                stack.append(targets[0])
        elif not is_end and is_in[of] and targets[0] not in following:
            following.append(targets[0])
    return False, tuple(following)
