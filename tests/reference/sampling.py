"""The definition of what a sample holds: a number for each document, from the seed and where it stands."""

from __future__ import annotations

import hashlib
import os

_MASK = 2**64 - 1


def draw(seed: int, name: str, size: int, place: int) -> float:
    """In [0, 1): SplitMix64 of the place, keyed by seed and file (the name of its folder and its own, its
    bytes); below the share the document is taken."""
    digest = hashlib.sha256(f"{seed}\0{size}\0".encode() + os.fsencode(name)).digest()
    x = (int.from_bytes(digest[:8], "little") + (place + 1) * 0x9E3779B97F4A7C15) & _MASK
    x = ((x ^ x >> 30) * 0xBF58476D1CE4E5B9) & _MASK
    x = ((x ^ x >> 27) * 0x94D049BB133111EB) & _MASK
    x ^= x >> 31
    return (x >> 11) / 2**53
