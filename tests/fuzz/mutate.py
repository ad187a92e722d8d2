"""Damage: a few bytes of a file changed, moved, repeated or cut; numbers put where numbers stand."""

from __future__ import annotations

import random
import re
import struct

_NUMBERS = (
    0,
    1,
    -1,
    2,
    127,
    128,
    255,
    256,
    2**15,
    2**16 - 1,
    2**31 - 1,
    -(2**31),
    2**32 - 1,
    2**62,
    2**63 - 1,
    -(2**63),
)
_WORDS = (
    b"null",
    b"true",
    b"-1",
    b"1e999",
    b"[]",
    b"{}",
    b'""',
    b"1.5",
    b"9" * 30,
    b"NaN",
    b"[[[[",
    b'"\\ud800"',
    b"\xff",
)


def mutated(data: bytes, rng: random.Random) -> bytes:
    """The bytes with one to four faults."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        _FAULTS[rng.randrange(len(_FAULTS))](out, rng)
    return bytes(out)


def _place(out: bytearray, rng: random.Random) -> int:
    return rng.randrange(len(out)) if out else 0


def _flip(out: bytearray, rng: random.Random) -> None:
    if out:
        out[_place(out, rng)] ^= 1 << rng.randrange(8)


def _byte(out: bytearray, rng: random.Random) -> None:
    if out:
        out[_place(out, rng)] = rng.randrange(256)


def _number(out: bytearray, rng: random.Random) -> None:
    width, form = rng.choice([(1, "b"), (2, "h"), (4, "i"), (8, "q")])
    at = _place(out, rng) // width * width
    value = rng.choice(_NUMBERS) & (256**width - 1)
    out[at : at + width] = struct.pack("<" + form.upper(), value)


def _cut(out: bytearray, rng: random.Random) -> None:
    at = _place(out, rng)
    del out[at : at + rng.choice([1, 4, 16, len(out)])]


def _repeat(out: bytearray, rng: random.Random) -> None:
    at, size = _place(out, rng), rng.choice([1, 8, 64])
    out[at:at] = out[at : at + size] * rng.choice([1, 3, 50])


def _move(out: bytearray, rng: random.Random) -> None:
    a, b, size = _place(out, rng), _place(out, rng), rng.choice([2, 8, 40])
    out[a : a + size] = out[b : b + size]


def _word(out: bytearray, rng: random.Random) -> None:
    """A value of JSON or YAML in the place of another."""
    values = list(re.finditer(rb'(?<=: )[^,\n\]}]+|"[^"]*"|-?\d+', bytes(out[:20_000])))
    if values:
        found = rng.choice(values)
        out[found.start() : found.end()] = rng.choice(_WORDS)


_FAULTS = (_flip, _flip, _byte, _byte, _number, _number, _cut, _repeat, _move, _word, _word)
