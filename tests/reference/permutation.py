"""Plain-Python definitions of the kernels of csrc/core/common and csrc/core/store.

What a kernel computes is what stands here; the compiled code is compared with it under Hypothesis. Kernels of
other rooms have theirs in the other files of this folder.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

_MASK = 2**64 - 1
_GOLDEN = 0x9E3779B97F4A7C15


def mix64(x: int) -> int:
    """The finalizer of SplitMix64."""
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK
    return x ^ (x >> 31)


def combine_keys(key: int, value: int) -> int:
    """A new key from a key and a number."""
    return mix64((key + _GOLDEN * (value + 1)) & _MASK)


def random_bits(seed: int, purpose: int, index: int) -> int:
    """64 random bits of (seed, purpose, index)."""
    return combine_keys(combine_keys(mix64((seed + _GOLDEN) & _MASK), purpose), index)


def fingerprint(values: Sequence[int]) -> int:
    """64-bit fingerprint of a list of integers."""
    total = sum(mix64((value + _GOLDEN * (i + 1)) & _MASK) for i, value in enumerate(values)) & _MASK
    return combine_keys(total, len(values))


def sequence_hash(lengths: Sequence[int], point: int) -> int:
    """The polynomial with the coefficients length + 1 at a point, modulo 2^61 - 1."""
    value = 0
    for length in lengths:
        value = (value * point + length + 1) % (2**61 - 1)
    return value


def permutation(size: int, key: int) -> list[int]:
    """The keyed permutation of [0, size): six Feistel rounds, walked until inside."""
    bits = 2 if size <= 2 else (size - 1).bit_length()
    half = (bits + 1) // 2
    mask = 2**half - 1

    def encrypt(block: int) -> int:
        left, right = block >> half, block & mask
        for round_ in range(6):
            left, right = right, left ^ (mix64((right + combine_keys(key, round_)) & _MASK) & mask)
        return left << half | right

    out = []
    for i in range(size):
        image = encrypt(i)
        while image >= size:
            image = encrypt(image)
        out.append(image)
    return out


def encode_documents(rows: Sequence[Sequence[int]], end_id: int | None, dtype: str) -> bytes:
    """Rows end to end in a .bin's dtype, each followed by end_id."""
    code = {"uint8": "B", "int8": "b", "int16": "h", "uint16": "H", "int32": "i", "int64": "q"}[dtype]
    ids = [token for row in rows for token in (*row, *([] if end_id is None else [end_id]))]
    return struct.pack(f"<{len(ids)}{code}", *ids)


def megatron_index(
    lengths: Sequence[int], dtype_code: int, item_size: int, bounds: Sequence[int] | None = None
) -> bytes:
    """A Megatron-Core .idx, version 1, for sequences that stand end to end in the .bin."""
    bounds = list(range(len(lengths) + 1)) if bounds is None else bounds
    offsets = [sum(lengths[:i]) * item_size for i in range(len(lengths))]
    return (
        struct.pack("<9sQBQQ", b"MMIDIDX\0\0", 1, dtype_code, len(lengths), len(bounds))
        + struct.pack(f"<{len(lengths)}i", *lengths)
        + struct.pack(f"<{len(offsets)}q", *offsets)
        + struct.pack(f"<{len(bounds)}q", *bounds)
    )
