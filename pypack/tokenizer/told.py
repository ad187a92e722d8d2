"""Warnings that belong to whoever called the tokenizer, however deep they arise."""

from __future__ import annotations

import sys
import warnings


def warn_caller(message: str) -> None:
    """Warns at the first line on the stack that is not pypack's own tokenizer code.

    Warns:
        UserWarning: the message.
    """
    level, frame = 1, sys._getframe(0)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("pypack.tokenizer"):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, stacklevel=level)
