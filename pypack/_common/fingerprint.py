"""Short digests: of lengths, which tie a plan to its store, and of texts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from pypack import _core

_PRIME = 2**61 - 1
_DIGITS = 32


def lengths_fingerprint(lengths: NDArray[np.int32]) -> str:
    """32 hexadecimal digits that change when any length, their order or their number does.

    That of several lists end to end follows from theirs, see `joined_fingerprint`: it depends on the lengths
    alone, never on how a store is cut into shards. About 1 ns a document.
    """
    return written_hash(_core.sequence_hash(lengths))


def joined_fingerprint(parts: Iterable[tuple[str, int]]) -> str:
    """The `lengths_fingerprint` of lists end to end, from the (fingerprint, number of lengths) of each."""
    joined = [0, 0]
    for fingerprint, count in parts:
        for i, point in enumerate(_core.HASH_POINTS):
            value = int(fingerprint[16 * i : 16 * i + 16], 16)
            joined[i] = (joined[i] * pow(point, count, _PRIME) + value) % _PRIME
    return written_hash(joined)


def written_hash(values: Iterable[int]) -> str:
    """A `sequence_hash` as a `lengths_fingerprint`."""
    return "".join(f"{value:016x}" for value in values)


def is_composable(fingerprint: str) -> bool:
    """Whether it is of `lengths_fingerprint`; those of formats of version 1 are of `integers_fingerprint`."""
    return len(fingerprint) == _DIGITS and set(fingerprint) <= set("0123456789abcdef")


def integers_fingerprint(values: NDArray[np.int32] | NDArray[np.int64]) -> str:
    """16 hexadecimal digits that change when any number, their order or their number does.

    The same for int32 and int64 arrays of the same values. Stores and plans of version 1 hold it of lengths.
    """
    return f"{_core.fingerprint(values):016x}"


def is_of_lengths(fingerprint: str, lengths: NDArray[np.int32]) -> bool:
    """Whether a fingerprint, of the new form or of that of version 1, is of these lengths."""
    make = lengths_fingerprint if is_composable(fingerprint) else integers_fingerprint
    return fingerprint == make(lengths)


def text_fingerprint(text: str) -> str:
    """16 hexadecimal digits that change with the text."""
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def text_key(text: str) -> int:
    """The same 64 bits as a key for randomness."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")
