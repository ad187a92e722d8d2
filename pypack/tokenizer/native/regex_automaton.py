"""Regexes compiled to automata that look at each character once.

They run in csrc/core/tokenize/pretokenize/pattern_automaton.hpp.

A state of the automaton is what a matcher with ways back would still try, the most wanted first: of several
ways to match it is the first one that counts, as in Oniguruma. (Ordered lists of threads: R. Cox, "Regular
Expression Matching: the Virtual Machine Approach".) What is looked for further ahead than one character is
found beforehand by an automaton that reads the text from its end.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pypack._core import PatternAutomaton
from pypack.tokenizer.native.character_sets import nothing
from pypack.tokenizer.native.regex_program import MATCH, Program
from pypack.tokenizer.native.regex_syntax import parse
from pypack.tokenizer.native.regex_tree import Loop, Node, One, Row, reversed_tree
from pypack.tokenizer.native.unsupported import UnsupportedError

_MOST_STATES = 4096
_MOST_LOOKS = 3

# What is still tried, and which of the sets that are looked for behind a place hold the character before it.
State = tuple[tuple[int, ...], tuple[bool, ...]]
_DEAD: State = ((), ())


@lru_cache(maxsize=64)
def automaton(pattern: str) -> PatternAutomaton:
    """The automaton of a regex.

    Raises:
        UnsupportedError: it has none here.
    """
    return automaton_of(parse(pattern), pattern)


def automaton_of(tree: Node, name: str) -> PatternAutomaton:
    """The automaton of the tree of a regex; `name` is for messages. Raises as `automaton` does."""
    program = Program()
    start = program.compile(tree, program.add("match", MATCH))
    if len(program.looks) > _MOST_LOOKS:
        raise UnsupportedError(f"regex {name!r} looks ahead in more than {_MOST_LOOKS} ways")
    looks = []
    for part in program.looks:
        backwards = Program()
        # From every place on, at once.
        anywhere = Row((Loop(One(~nothing()), lazy=True), reversed_tree(part)))
        first = backwards.compile(anywhere, backwards.add("match", MATCH))
        looks.append(_Tables(backwards, first, name, is_search=True).automaton([]))
    return _Tables(program, start, name, is_search=False).automaton(looks)


class _Tables:
    """All states of a program. `is_search`: every match counts, and not the most wanted one alone."""

    def __init__(self, program: Program, start: int, name: str, *, is_search: bool) -> None:
        self._program = program
        self._is_search = is_search
        self._class_of, self._members = _classes(program)
        self._num_classes = len(self._members) - 1  # and the end of the text
        self._states: dict[State, int] = {_DEAD: 0}
        self._todo = [_DEAD]
        self._name = name
        self._starts = [
            self._number(((start,), program.seen_behind(members) if program.asks[start] else ()))
            for members in self._members
        ]
        rows: list[list[int]] = []
        while len(rows) < len(self._todo):
            rows.append(self._row(self._todo[len(rows)]))
        self._steps = np.array(rows, np.uint16).reshape(-1)

    def automaton(self, looks: list[PatternAutomaton]) -> PatternAutomaton:
        """The tables as an object that runs them."""
        return PatternAutomaton(
            self._class_of, self._num_classes, self._steps, np.array(self._starts, np.uint16), looks
        )

    def _row(self, state: State) -> list[int]:
        row = []
        for found_ahead in range(1 << len(self._program.looks)):
            for kind in range(self._num_classes + 1):
                matches, following = self._step(state, kind, found_ahead)
                row.append(2 * self._number(following) + matches)
        return row

    def _number(self, state: State) -> int:
        if state not in self._states:
            self._states[state] = len(self._todo)
            self._todo.append(state)
            if len(self._todo) > _MOST_STATES:
                raise UnsupportedError(f"regex {self._name!r} needs too many states")
        return self._states[state]

    def _step(self, state: State, kind: int, found_ahead: int) -> tuple[bool, State]:
        """Whether a match has ended before a character of a class, and what is still tried behind it.

        found_ahead: of the looks ahead, by bit, which hold before that character.
        """
        program, is_in = self._program, self._members[kind]
        threads, behind = state
        is_end = kind == self._num_classes
        seen: set[int] = set()
        following: list[int] = []
        matches = False
        stack = list(reversed(threads))
        while stack:
            thread = stack.pop()
            if thread in seen:
                continue
            seen.add(thread)
            what, of, targets = program.code[thread]
            if what == "match":
                matches = True
                if not self._is_search:
                    break  # what is wanted less counts no more
            elif what == "fork":
                stack.extend(reversed(targets))
            elif what == "ahead":
                if is_in[of]:
                    stack.append(targets[0])
            elif what == "behind":
                if behind[program.behind.index(of)]:
                    stack.append(targets[0])
            elif what == "look":
                if bool(found_ahead >> (of >> 1) & 1) != bool(of & 1):
                    stack.append(targets[0])
            elif not is_end and is_in[of] and targets[0] not in following:
                following.append(targets[0])
        if not following:
            return matches, _DEAD
        asks = any(program.asks[thread] for thread in following)
        return matches, (tuple(following), program.seen_behind(is_in) if asks else ())


def _classes(program: Program) -> tuple[NDArray[np.uint8], list[list[bool]]]:
    """The class of every code point, and for each class and the end which sets it is in."""
    # Between the code points where some set begins or ends all are alike.
    begins = np.unique(np.concatenate([np.zeros(1, np.int64), *program.edges]))
    signature = np.zeros(len(begins), np.int64)
    for characters, _ in program.sets:
        # Numbered anew each time, so that the numbers stay small.
        _, signature = np.unique(signature * 2 + characters[begins], return_inverse=True)
    first = begins[np.unique(signature, return_index=True)[1]]
    if len(first) > 255:
        raise UnsupportedError("a regex that tells too many kinds of character apart")
    members = [[bool(characters[at]) for characters, _ in program.sets] for at in first]
    members.append([edge_counts for _, edge_counts in program.sets])
    sizes = np.diff(np.append(begins, 0x110000))
    return np.repeat(signature.astype(np.uint8), sizes), members
