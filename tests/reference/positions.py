"""Position ids of PoSE, RandPos and LOGO, in plain Python: of one span, by the key of its draws."""

from __future__ import annotations

from reference.objective import draw

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


def sampled(length: int, key: int, target: int) -> list[int]:
    if length >= target:
        return list(range(length))
    chosen: set[int] = set()
    for i in range(length):  # Floyd
        last = target - length + i
        place = draw(key, POSITION, i) * (last + 1) >> 64
        chosen.add(last if place in chosen else place)
    return sorted(chosen)


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
