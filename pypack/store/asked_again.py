"""What a service gave is wrong: is it what lies there, or did it only come so?"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

_TRIES = 4
_PAUSE = 0.05
Result = TypeVar("Result")


def asked_again(check: Callable[[], Result]) -> Result:
    """What `check` returns, which reads objects and compares them; where it raises ValueError it is called
    again: servers, and what lies between, do flip bits.

    Raises:
        ValueError: of the last call: it comes so each time.
    """
    for tries in range(_TRIES - 1):
        try:
            return check()
        except ValueError:
            time.sleep(_PAUSE * 2**tries)
    return check()
