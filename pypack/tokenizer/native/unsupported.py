"""Why a tokenizer cannot run natively."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


class UnsupportedError(Exception):
    """A part of a tokenizer has no exact native form; the message, which names it, is `engine_reason`."""


def check_keys(part: Mapping[str, Any], known: Iterable[str], what: str) -> None:
    """Refuses a part with a field that this version of pypack does not know: it could change ids."""
    unknown = sorted(set(part) - set(known))
    if unknown:
        raise UnsupportedError(f"{what} has the unknown field(s) {', '.join(unknown)}")
