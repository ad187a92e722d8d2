"""Which bytes are UTF-8, as Python has it, with every set of instructions."""

from __future__ import annotations

import random
from itertools import product

import pytest
from conftest import SCALE
from hypothesis import given, settings
from hypothesis import strategies as st

from pypack import _core

SETS = ("best", "portable", "avx2", "avx512")
# Of each kind of byte, and the borders of those that follow special leads.
BYTES = (0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED,
         0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF)  # fmt: skip
pieces = st.sampled_from(["a", "a" * 63, "é", "ßö", "漢字", "\ud7ff", "\ue000", "😀", "\U0010ffff", "\u0800"])


@pytest.fixture(params=SETS)
def instructions(request: pytest.FixtureRequest) -> str:
    try:
        _core._testing.valid_utf8_prefix(b"", request.param)
    except ValueError:
        pytest.skip(f"this machine has no {request.param}")
    return request.param


def expected(data: bytes) -> int:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return error.start
    return len(data)


def check(data: bytes, instructions: str) -> None:
    assert _core._testing.valid_utf8_prefix(data, instructions) == expected(data), data


@settings(max_examples=max(300, int(300 * SCALE)), deadline=None)
@given(texts=st.lists(pieces, max_size=40), wrong=st.binary(max_size=4), at=st.floats(0, 1))
def test_as_python(texts, wrong, at):
    data = "".join(texts).encode()
    place = int(at * len(data))
    for name in SETS:
        try:
            check(data, name)
        except ValueError:
            continue
        check(data[:place] + wrong + data[place:], name)
        check(data[:place] + wrong + data[place + len(wrong) :], name)
        check(data[place:], name)


def test_every_kind_of_three_bytes_across_a_border(instructions):
    """Four bytes would be 390,625 texts, of which some are chosen below."""
    for first, second, third in product(BYTES, repeat=3):
        some = bytes([first, second, third])
        for before in (62, 63):
            check(b"x" * before + some + b"y" * 70, instructions)


def test_four_bytes_at_every_place(instructions):
    rng = random.Random(1)
    for _ in range(int(20_000 * min(SCALE, 10))):
        some = bytes(rng.choices(BYTES, k=4))
        check(b"x" * rng.randrange(58, 70) + some + b"\xf0\x9f\x98\x80" * rng.randrange(20), instructions)
