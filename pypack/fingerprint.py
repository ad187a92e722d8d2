"""What ties a plan to the store it was made from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pypack import _core


def lengths_fingerprint(lengths: NDArray[np.int32] | NDArray[np.int64]) -> str:
    """16 hexadecimal digits that change when any length, their order or their number does.

    The same for int32 and int64 arrays of the same values; under 1 ns a document.
    """
    return f"{_core.fingerprint(lengths):016x}"
