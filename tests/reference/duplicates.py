"""What duplicates are: documents of the same ids, and documents that share most of their runs of ids."""

from __future__ import annotations

from collections.abc import Sequence

from tests.reference.permutation import combine_keys, random_bits


def first_equals(rows: Sequence[Sequence[int]]) -> list[int]:
    """The first document with the same ids as each."""
    first: dict[tuple[int, ...], int] = {}
    return [first.setdefault(tuple(row), i) for i, row in enumerate(rows)]


def shingles(ids: Sequence[int], shingle: int) -> list[int]:
    """The hashes of the runs of `shingle` ids, rising; a shorter document is one run."""
    width = min(shingle, len(ids))
    found = set()
    for first in range(len(ids) - width + 1 if ids else 0):
        value = width
        for one in ids[first : first + width]:
            value = combine_keys(value, one)
        found.add(value)
    return sorted(found)


def band_hashes(of: Sequence[int], bands: int, rows: int, seed: int) -> list[int]:
    """For each band the hash of the least values of its functions a * x + b modulo 2^32 over the shingles."""
    signature = []
    for j in range(bands * rows):
        bits = random_bits(seed, 0x6D696E68617368, j)
        a, b = (bits & (2**32 - 1)) | 1, bits >> 32
        signature.append(min([(a * (x >> 32) + b) % 2**32 for x in of], default=2**32 - 1))
    hashes = []
    for band in range(bands):
        value = 0
        for one in signature[band * rows : (band + 1) * rows]:
            value = combine_keys(value, one)
        hashes.append(value)
    return hashes


def first_similar(
    rows: Sequence[Sequence[int]], shingle: int, threshold: float
) -> tuple[list[int], list[tuple[int, int]]]:
    """The first of the documents that similar pairs join each with, and those pairs; all against all."""
    sets = [set(shingles(row, shingle)) for row in rows]
    first = list(range(len(rows)))
    pairs = []
    for i, one in enumerate(sets):
        for j in range(i):
            if one and sets[j] and len(one & sets[j]) >= threshold * len(one | sets[j]):
                pairs.append((j, i))
                low, high = sorted((first[i], first[j]))
                first = [low if f == high else f for f in first]
    return first, pairs
