"""Dying on purpose, so that tests can see what a killed job leaves."""

from __future__ import annotations

import os
import signal
from pathlib import Path

VARIABLE = "PYPACK_CRASH_AT"


def crash_at(point: str, what: object) -> None:
    """Kills this process (SIGKILL) if `PYPACK_CRASH_AT` names the place: "point:what" or "point:what:FILE".

    With a file that happens once: the file is made then, and nothing happens where it exists.
    """
    wanted = os.environ.get(VARIABLE)
    if not wanted:
        return
    place, _, rest = wanted.partition(":")
    name, _, marker = rest.partition(":")
    if (place, name) != (point, str(what)):
        return
    if marker:
        try:
            Path(marker).touch(exist_ok=False)
        except FileExistsError:
            return
    os.kill(os.getpid(), signal.SIGKILL)
