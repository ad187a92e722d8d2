"""What arguments may be: whole numbers, and one of a few names."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any


def whole_number(name: str, value: Any) -> int:
    """The value as an int: 1e6 and numpy's integers are, 2.5 and "3" are not.

    Raises:
        ValueError: it is not whole; the message names the argument.
    """
    if isinstance(value, float) and value.is_integer():
        return int(value)
    try:
        return int(operator.index(value))
    except TypeError:
        raise ValueError(f"{name} must be a whole number, got {value!r}") from None


def number_within(name: str, value: Any, bits: int, *, signed: bool = True) -> int:
    """The value as an int that has room in so many bits.

    Raises:
        ValueError: it is not whole, or too large for its type; the message names the argument.
    """
    number = whole_number(name, value)
    if signed and not -(2 ** (bits - 1)) <= number < 2 ** (bits - 1):
        raise ValueError(f"{name} must be less than 2**{bits - 1}, got {number}")
    if not signed and not 0 <= number < 2**bits:
        raise ValueError(f"{name} must be from 0 to 2**{bits} - 1, got {number}")
    return number


def make_whole(record: object, *names: str) -> None:
    """Makes fields of a frozen dataclass ints, those that are not None."""
    for name in names:
        value = getattr(record, name)
        if value is not None:
            object.__setattr__(record, name, whole_number(name, value))


def check_choice(name: str, value: str, choices: Sequence[str]) -> None:
    """Raises ValueError unless the value is one of the choices."""
    if value not in choices:
        named = (
            " or ".join(map(repr, choices)) if len(choices) < 3 else f"one of {', '.join(map(repr, choices))}"
        )
        raise ValueError(f"{name} must be {named}, got {value!r}")
