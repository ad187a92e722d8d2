"""Who calls: for frameworks that call one method with several meanings."""

from __future__ import annotations

import sys


def called_from(*packages: str) -> bool:
    """Whether the function that asks was called by a module of one of these packages."""
    name: str = sys._getframe(2).f_globals.get("__name__", "")
    return name.partition(".")[0] in packages
