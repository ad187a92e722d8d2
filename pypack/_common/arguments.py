"""What arguments may be: numbers of Python, whatever they were given as, and one of a few names."""

from __future__ import annotations

import math
import numbers
import operator
from collections.abc import Mapping, Sequence
from typing import Any


def _scalar(value: Any) -> Any:
    """The value of numpy's and torch's scalars and arrays without axes; anything else as it is."""
    return value.item() if hasattr(value, "item") and getattr(value, "ndim", None) == 0 else value


def whole_number(name: str, value: Any) -> int:
    """The value as an int: 1e6, numpy's integers and arrays of one number are, 2.5 and "3" are not.

    Raises:
        ValueError: it is not whole; the message names the argument.
    """
    number = _scalar(value)
    if isinstance(number, float) and number.is_integer():
        return int(number)
    try:
        return int(operator.index(number))
    except TypeError:
        raise ValueError(f"{name} must be a whole number, got {value!r}") from None


def plain_number(name: str, value: Any) -> int | float:
    """The value as an int or a float, which JSON and YAML hold: numpy's numbers are, too.

    Raises:
        ValueError: it is no finite number; the message names the argument.
    """
    number = _scalar(value)
    if isinstance(number, numbers.Integral):
        return int(number)
    if not isinstance(number, numbers.Real) or not math.isfinite(number):
        raise ValueError(f"{name} must be a finite number, got {value!r}")
    return float(number)


def plain_shares(name: str, shares: Mapping[Any, Any]) -> dict[str, int | float]:
    """Numbers by name as plain ones.

    Raises:
        ValueError: a name is no string, or its number not finite; the message names both.
    """
    if not isinstance(shares, Mapping):
        raise ValueError(f"{name} must be numbers by name, got {shares!r}")
    for key in shares:
        if not isinstance(key, str):
            raise ValueError(f"{name} must be by the names of sources, got {key!r}")
    return {str(key): plain_number(f"{name} of {key!r}", value) for key, value in shares.items()}


def plain_by_length(name: str, shares: Mapping[Any, Any]) -> dict[int, int | float]:
    """Numbers by length as plain ones; lengths may be strings of digits, as JSON makes them.

    Raises:
        ValueError: a length is no whole number, or its number not finite; the message names both.
    """
    if not isinstance(shares, Mapping):
        raise ValueError(f"{name} must be numbers by length, got {shares!r}")
    plain = {}
    for key, value in shares.items():
        digits = isinstance(key, str) and key.isascii() and key.isdigit()
        length = int(key) if digits else whole_number(f"a length of {name}", key)
        plain[length] = plain_number(f"{name} of {length}", value)
    return plain


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
