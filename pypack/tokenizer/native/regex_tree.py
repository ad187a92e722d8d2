"""What a regex means, as a tree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from pypack.tokenizer.native.character_sets import Characters, just

_MOST_REFERRED_TO = 64  # characters that a group may stand for which a back reference repeats


@dataclass(frozen=True, eq=False)
class One:
    """One character of a set."""

    characters: Characters


@dataclass(frozen=True, eq=False)
class Ahead:
    """The next character is one of a set; or the text ends, where that counts."""

    characters: Characters
    end_counts: bool


@dataclass(frozen=True, eq=False)
class Behind:
    """The character before is one of a set; or the text begins, where that counts."""

    characters: Characters
    start_counts: bool


@dataclass(frozen=True)
class Look:
    """Whether some text from here on matches, or (negated) none does."""

    part: Node
    negated: bool


@dataclass(frozen=True)
class Row:
    """One after the other."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Choice:
    """The first that leads to a match."""

    ways: tuple[Node, ...]


@dataclass(frozen=True)
class Loop:
    """Any number of times, as many as possible or (lazy) as few."""

    part: Node
    lazy: bool = False


@dataclass(frozen=True)
class Group:
    """What a back reference may repeat."""

    number: int
    part: Node


@dataclass(frozen=True)
class BackReference:
    """What the group of a number matched, again."""

    number: int


Node = One | Ahead | Behind | Look | Row | Choice | Loop | Group | BackReference
EMPTY = Row(())


def may_be_empty(node: Node) -> bool:
    """Whether a node may match without a character. A back reference repeats one."""
    if isinstance(node, (One, BackReference)):
        return False
    if isinstance(node, Row):
        return all(map(may_be_empty, node.parts))
    if isinstance(node, Choice):
        return any(map(may_be_empty, node.ways))
    if isinstance(node, Group):
        return may_be_empty(node.part)
    return True


def takes_nothing(node: Node) -> bool:
    """Whether a node only looks at the text around it."""
    if isinstance(node, (Ahead, Behind, Look)):
        return True
    if isinstance(node, Row):
        return all(map(takes_nothing, node.parts))
    if isinstance(node, Choice):
        return all(map(takes_nothing, node.ways))
    if isinstance(node, Group):
        return takes_nothing(node.part)
    return isinstance(node, Loop) and takes_nothing(node.part)


def holds(node: Node, kinds: type | tuple[type, ...]) -> bool:
    """Whether a node, or one within it, is of some kinds."""
    return isinstance(node, kinds) or any(holds(part, kinds) for part in _parts(node))


def reversed_tree(node: Node) -> Node:
    """What matches the texts of `node` read from their ends. It holds no Look."""
    if isinstance(node, Ahead):
        return Behind(node.characters, node.end_counts)
    if isinstance(node, Behind):
        return Ahead(node.characters, node.start_counts)
    if isinstance(node, Row):
        return Row(tuple(reversed_tree(part) for part in reversed(node.parts)))
    return _mapped(node, reversed_tree)


def without_groups(node: Node) -> Node:
    """The same without groups: where a back reference repeats one, a way for each character it may be.

    Back references to other groups than such of one character stay.
    """
    if isinstance(node, Group):
        return without_groups(node.part)
    if not isinstance(node, Row):
        return _mapped(node, without_groups)
    for i, part in enumerate(node.parts):
        if not isinstance(part, Group) or not isinstance(part.part, One):
            continue
        rest = Row(node.parts[i + 1 :])
        if not _refers(rest, part.number) or int(part.part.characters.sum()) > _MOST_REFERRED_TO:
            continue
        before = [without_groups(one) for one in node.parts[:i]]
        ways = []
        for code_point in np.flatnonzero(part.part.characters):
            one = One(just(chr(code_point)))
            ways.append(Row((one, without_groups(_with(rest, part.number, one)))))
        return Row((*before, Choice(tuple(ways))))
    return Row(tuple(without_groups(part) for part in node.parts))


def _refers(node: Node, number: int) -> bool:
    if isinstance(node, BackReference):
        return node.number == number
    return any(_refers(part, number) for part in _parts(node))


def _with(node: Node, number: int, one: One) -> Node:
    """The same with `one` for the back references to a group."""
    if isinstance(node, BackReference):
        return one if node.number == number else node
    return _mapped(node, lambda part: _with(part, number, one))


def _parts(node: Node) -> tuple[Node, ...]:
    if isinstance(node, Row):
        return node.parts
    if isinstance(node, Choice):
        return node.ways
    return (node.part,) if isinstance(node, (Loop, Look, Group)) else ()


def _mapped(node: Node, change: Callable[[Node], Node]) -> Node:
    """The same with every part changed."""
    if isinstance(node, Row):
        return Row(tuple(map(change, node.parts)))
    if isinstance(node, Choice):
        return Choice(tuple(map(change, node.ways)))
    if isinstance(node, (Loop, Look, Group)):
        return replace(node, part=change(node.part))
    return node
