"""Errors of what a call was asked for, told from those of its work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

_MARK = "_pypack_was_asked_wrongly"


@contextmanager
def looking_at_what_is_asked() -> Iterator[None]:
    """Marks the ValueErrors that leave it: options do not fit, and nothing was begun. Their types stay."""
    try:
        yield
    except ValueError as error:
        vars(error)[_MARK] = True
        raise


def was_asked_wrongly(error: BaseException) -> bool:
    """Whether an error left `looking_at_what_is_asked`."""
    return _MARK in vars(error)
