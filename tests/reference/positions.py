"""Position ids of PoSE, RandPos and LOGO, in plain Python: of one span, by the key of its draws."""

from __future__ import annotations

import math
from itertools import pairwise

from reference.objective import draw
from reference.permutation import combine_keys

POSITION = 6  # what a draw is for


def pose(length: int, key: int, target: int, chunks: int) -> list[int]:
    count = min(chunks, length)
    positions = list(range(length))
    if length >= target or count < 2:
        return positions
    cuts: list[int] = []
    for c in range(1, count):
        bits = draw(key, POSITION, 2 * c)
        if count == 2:
            cuts.append(1 + (bits * ((length + 1) // 2) >> 64))
            continue
        last = length - count + c  # Floyd: a sample of the places 1 to length - 1
        cut = 1 + (bits * last >> 64)
        cuts.append(last if cut in cuts else cut)
    shift = 0
    for c, first in enumerate(sorted(cuts), 1):
        shift += draw(key, POSITION, 2 * c + 1) * (target - length - shift + 1) >> 64
        for place in range(first, length):
            positions[place] = place + shift
    return positions


def gap_table(chance: int) -> list[int]:
    """Gaps between trials that succeed with a chance in units of 2^-32, by Walker's alias method: in the
    place of a gap its share of its entry, in units of 2^-26, and in the lowest six bits the gap that has the
    rest. Gap 63 stands for 63 failures or more."""
    each, lefts = 1 << 57, [1 << 63]
    for _ in range(63):
        lefts.append(lefts[-1] * ((1 << 32) - chance) >> 32)
    shares = [a - b for a, b in pairwise(lefts)] + [lefts[-1]]
    small = [gap for gap in range(64) if shares[gap] < each]
    large = [gap for gap in range(64) if shares[gap] >= each]
    table = [0] * 64
    while small and large:
        gap, other = small.pop(), large[-1]
        table[gap] = (shares[gap] >> 31) << 6 | other
        shares[other] -= each - shares[gap]
        if shares[other] < each:
            small.append(large.pop())
    for gap in small + large:
        table[gap] = ((1 << 26) - 1) << 6 | gap
    return table


def chances(limit: int) -> list[int]:
    """The chances that there are tables for."""
    last = chance_for(max(limit // 2, 1), limit)
    found, chance = [], chance_for(1, limit)
    while chance < last:
        found.append(chance)
        chance += chance // 64 + 1
    return [*found, last]


def chance_for(size: int, limit: int) -> int:
    """One at which mostly `size` of `limit` trials succeed, and few more."""
    wanted = size + 3 * math.isqrt(size) // 2 + 2
    return min(-(-(wanted << 32) // limit), (1 << 32) - (1 << 28))


def successes(draws: int, index: int, table: list[int], limit: int) -> tuple[list[int], int]:
    """The trials that succeed, and the draw behind those that say so: two numbers each, in groups of 16."""
    found: list[int] = []
    place = 0
    while place < limit:
        for _ in range(8):
            bits = combine_keys(draws, index)
            index += 1
            for number in (bits & 0xFFFFFFFF, bits >> 32):
                column, entry = number % 64, table[number % 64]
                gap = column if number >> 6 < entry >> 6 else entry % 64
                place += gap
                if gap < 63:
                    found += [place] if place < limit else []
                    place += 1
    return found, index


def sorted_sample(draws: int, size: int, limit: int) -> list[int]:
    """`size` of the numbers below `limit`; those that succeed by chance, without some that are too many."""
    if size > limit - size:
        rest = set(sorted_sample(draws, limit - size, limit))
        return [number for number in range(limit) if number not in rest]
    chance = chance_for(size, limit)
    table = gap_table(next((one for one in chances(limit) if one >= chance), chances(limit)[-1]))
    found, index = successes(draws, 0, table, limit)
    while len(found) < size:
        found, index = successes(draws, index, table, limit)
    left_out: set[int] = set()
    index = 1 << 40
    while len(left_out) < len(found) - size:
        left_out.add(combine_keys(draws, index) * len(found) >> 64)
        index += 1
    return [number for i, number in enumerate(found) if i not in left_out]


def sampled(length: int, key: int, target: int) -> list[int]:
    if length >= target:
        return list(range(length))
    return sorted_sample(combine_keys(key, POSITION), length, target) if length else []


def windows(size: int, span: int) -> list[int]:
    """Where the windows of so many tokens begin that cover a part of the positions."""
    count = -(-span // size)
    return [0] if count == 1 else [i * (span - size) // (count - 1) for i in range(count)]


def logo(length: int, key: int, target: int, chunks: int, head: int, tail: int) -> list[int]:
    size = (length - head - tail) // chunks if length >= head + tail else 0
    if length >= target or size < 1:
        return list(range(length))
    end = length - head - chunks * size
    span = (target - head - end) // chunks
    starts = windows(size, span)
    positions = list(range(head))
    for c in range(chunks):
        start = starts[draw(key, POSITION, c) * len(starts) >> 64]
        positions += [head + c * span + start + i for i in range(size)]
    return [*positions, *range(target - end, target)]
