"""Options that a function does not have: an error that says which was probably meant."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping


def refuse_unknown(
    function: str, given: Iterable[str], known: Collection[str], elsewhere: Mapping[str, str]
) -> None:
    """Raises for the options that a function does not have.

    Args:
        function: what the caller calls it.
        given: names that it was called with, and does not know; there may be none.
        known: names that it knows.
        elsewhere: names that other libraries use, with what to do here.

    Raises:
        TypeError: there is one.
    """
    told = [_told(name, known, elsewhere) for name in given]
    if told:
        raise TypeError(f"{function} has no option {'; and no '.join(told)}")


def _told(name: str, known: Collection[str], elsewhere: Mapping[str, str]) -> str:
    if name in elsewhere:
        return f"{name}: {elsewhere[name]}"
    import difflib  # only for who has mistyped

    near = difflib.get_close_matches(name, known, 3, 0.6)
    if near:
        return f"{name}: did you mean {' or '.join(near)}?"
    return f"{name}: it has {', '.join(sorted(known))}"
