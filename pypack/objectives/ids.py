"""Token ids as objectives are given them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pypack._common.arguments import number_within


def ids_of(name: str, values: Any) -> NDArray[np.uint32]:
    """Ids, rising, each once.

    Raises:
        ValueError: they are none; the message names the argument.
    """
    array = np.asarray(values)
    if array.ndim != 1 or (array.size and (array.dtype.kind not in "iu" or array.min() < 0)):
        raise ValueError(f"{name} is a list of token ids, got {values!r}")
    if array.size and array.max() >= 2**31:
        raise ValueError(f"{name}: {array.max()} is no token id")
    return np.unique(array).astype(np.uint32)


def one_id(name: str, value: Any, *, least: int = 0) -> int:
    """An id, or another number of its size, at least `least`.

    Raises:
        ValueError: it is none; the message names the argument.
    """
    number = number_within(name, value, 32)
    if number < least:
        raise ValueError(f"{name} must be at least {int(least)}, got {value!r}")
    return number
