"""The documents of a store by bins of their lengths."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def length_bins(lengths: NDArray[np.int32], bins: Sequence[int]) -> dict[str, NDArray[np.bool_]]:
    """Which documents are in each bin that holds a token.

    Args:
        lengths: int32 [D], tokens of each document.
        bins: rising bounds in tokens, see `Source.by_length`.

    Returns:
        bool [D] by the name of the bin: "<100", "100-1000", ">=1000" for bins [100, 1000].

    Raises:
        ValueError: the bounds do not rise, or there are none.
    """
    bounds = list(bins)
    if bounds != sorted(set(bounds)) or not bounds:
        raise ValueError(f"bins must rise, got {bounds}")
    names = [f"<{bounds[0]}", *(f"{a}-{b}" for a, b in itertools.pairwise(bounds)), f">={bounds[-1]}"]
    bin_of = np.digitize(lengths, bounds)
    inside = {name: bin_of == number for number, name in enumerate(names)}
    return {name: documents for name, documents in inside.items() if lengths[documents].any()}
