"""Short digests: of lengths, which tie a plan to its store, and of texts."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from pypack import _core


def lengths_fingerprint(lengths: NDArray[np.int32] | NDArray[np.int64]) -> str:
    """16 hexadecimal digits that change when any length, their order or their number does.

    The same for int32 and int64 arrays of the same values; under 1 ns a document.
    """
    return f"{_core.fingerprint(lengths):016x}"


def text_fingerprint(text: str) -> str:
    """16 hexadecimal digits that change with the text."""
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def text_key(text: str) -> int:
    """The same 64 bits as a key for randomness."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")
