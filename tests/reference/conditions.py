"""What conditions on columns mean: a tree of them as text, and row by row, with the three values of SQL."""

from __future__ import annotations

import operator
from typing import Any

from hypothesis import strategies as st

_COMPARE = {"==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt}
_NUMBERS = ("n", "score", "`odd name`")


def _numbers() -> st.SearchStrategy[Any]:
    leaf = st.sampled_from(_NUMBERS).map(lambda name: ("column", name)) | st.integers(0, 9).map(
        lambda value: ("value", value)
    )
    return st.recursive(leaf, lambda one: st.tuples(st.sampled_from("+-*"), one, one), max_leaves=4)


def conditions() -> st.SearchStrategy[Any]:
    """Trees: (what, parts...)."""
    leaf = (
        st.tuples(st.sampled_from(sorted(_COMPARE)), _numbers(), _numbers())
        | st.tuples(st.just("in"), _numbers(), st.lists(st.integers(0, 9), min_size=1, max_size=3))
        | st.tuples(st.just("is null"), _numbers())
        | st.just(("column", "ok"))
        | st.tuples(st.just("text"), st.sampled_from(["en", "it's", 'a"b', "\\"]))
    )
    return st.recursive(
        leaf,
        lambda one: st.tuples(st.sampled_from(["and", "or"]), one, one) | st.tuples(st.just("not"), one),
        max_leaves=6,
    )


def written(tree: Any) -> str:
    """A tree as a user writes it, with all parentheses."""
    what, *parts = tree
    if what == "column":
        return str(parts[0])
    if what == "value":
        return str(parts[0])
    if what == "text":
        quoted = parts[0].replace("\\", "\\\\").replace("'", "\\'")
        return f"(lang == '{quoted}')"
    if what == "in":
        return f"({written(parts[0])} in ({', '.join(map(str, parts[1]))}))"
    if what == "is null":
        return f"({written(parts[0])} is null)"
    if what == "not":
        return f"(not {written(parts[0])})"
    return f"({written(parts[0])} {what} {written(parts[1])})"


def meaning(tree: Any, row: dict[str, Any]) -> Any:
    """What it is for a row; None: not known."""
    what, *parts = tree
    if what == "column":
        return row[parts[0].strip("`")]
    if what == "value":
        return parts[0]
    if what == "text":
        return None if row["lang"] is None else row["lang"] == parts[0]
    if what == "in":
        found = meaning(parts[0], row)
        return None if found is None else found in parts[1]
    if what == "is null":
        return meaning(parts[0], row) is None
    if what == "not":
        found = meaning(parts[0], row)
        return None if found is None else not found
    left, right = meaning(parts[0], row), meaning(parts[1], row)
    if what == "and":
        return False if False in (left, right) else None if None in (left, right) else True
    if what == "or":
        return True if True in (left, right) else None if None in (left, right) else False
    if left is None or right is None:
        return None
    return {**_COMPARE, "+": operator.add, "-": operator.sub, "*": operator.mul}[what](left, right)
