"""Chances as the kernels take them: whole numbers of 2^-32."""

from __future__ import annotations

from typing import Any

from pypack._common.arguments import plain_number


def chance(name: str, value: Any) -> float:
    """A chance as a float.

    Raises:
        ValueError: it is no number from 0 to 1; the message names the argument.
    """
    number = float(plain_number(name, value))
    if not 0 <= number <= 1:
        raise ValueError(f"{name} is a chance, from 0 to 1, got {value!r}")
    return number


def in_units(value: float) -> int:
    """The nearest number of 2^-32."""
    return round(value * 2**32)
