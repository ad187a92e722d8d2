"""Checksums against their definition, and what is said of a file that has changed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypack import _core
from pypack._common.checksums import BlockChecksum, block_checksum, check_checksum, checksum


def _crc32c(data: bytes) -> int:
    """Bit by bit: the definition."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


def test_the_check_value_of_the_standard() -> None:
    assert _crc32c(b"123456789") == 0xE3069283
    assert _core.crc32c(bytes(32)) == 0x8A9136AA  # RFC 3720, B.4


@given(st.binary(max_size=200), st.binary(max_size=40))
def test_the_kernels_are_the_definition(data: bytes, more: bytes) -> None:
    assert _core.crc32c(data) == _core.crc32c_portable(data) == _crc32c(data)
    assert _core.crc32c(more, _core.crc32c(data)) == _crc32c(data + more)
    assert _core.crc32c_portable(more, _core.crc32c_portable(data)) == _crc32c(data + more)


@given(st.integers(0, 20_000), st.integers(0, 2**32), st.integers(0, 7))
def test_many_bytes_side_by_side(size: int, seed: int, begin: int) -> None:
    data = np.random.default_rng(seed).integers(0, 256, begin + size, np.uint8)[begin:].tobytes()
    assert _core.crc32c(data, seed % 2**32) == _core.crc32c_portable(data, seed % 2**32)


@given(st.binary(max_size=90), st.binary(max_size=90))
def test_checksums_are_joined(first: bytes, second: bytes) -> None:
    found = _core.crc32c_join(_core.crc32c(first), _core.crc32c(second), len(second))
    assert found == _crc32c(first + second)


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 63, 64, 65, 80, 200, 256])
def test_blocks_are_joined_to_larger_ones(size: int) -> None:
    data = bytes(i * 37 % 251 for i in range(size))
    small, large = BlockChecksum(1 << 10), BlockChecksum(4 << 10)
    for i in range(size):
        small.update(data[i : i + 1] * 64)
        large.update(data[i : i + 1] * 64)
    assert small.of_larger_blocks(4 << 10) == str(large)
    assert small.of_larger_blocks(1 << 10) == str(small)
    with pytest.raises(ValueError, match="blocks of 1536 bytes are not made of blocks of 1024"):
        small.of_larger_blocks(1536)


@given(st.lists(st.binary(max_size=70), max_size=12))
def test_pieces_do_not_matter_and_blocks_do(pieces: list[bytes]) -> None:
    found = BlockChecksum(64)
    for piece in pieces:
        found.update(piece)
    data = b"".join(pieces)
    blocks = [_core.crc32c(data[i : i + 64]) for i in range(0, len(data), 64)]
    assert str(found).partition(":")[2] == "".join(f"{value:08x}" for value in blocks)
    assert str(BlockChecksum()) == "crc32c-8m:"


def test_bytes_that_do_not_lie_end_to_end_are_refused() -> None:
    with pytest.raises(BufferError):
        _core.crc32c(memoryview(bytes(10))[::2])


def test_a_changed_file_is_named_with_the_place(tmp_path: Path) -> None:
    file = tmp_path / "a.bin"
    data = np.random.default_rng(0).integers(0, 256, 20 << 20, np.uint8)
    file.write_bytes(data.tobytes())
    whole, blocks = checksum(file), block_checksum(file)
    assert whole == "sha256:" + hashlib.sha256(data.tobytes()).hexdigest()
    check_checksum(file, whole)
    check_checksum(file, blocks)
    data[(16 << 20) + 5] ^= 1
    file.write_bytes(data.tobytes())
    with pytest.raises(ValueError, match=r"a\.bin: .* in the 8 MiB from byte 16,777,216 on: the file has"):
        check_checksum(file, blocks)
    with pytest.raises(ValueError, match=r"a\.bin: its checksum is not the recorded one: the file"):
        check_checksum(file, whole)
    file.write_bytes(data.tobytes()[: 8 << 20])
    with pytest.raises(ValueError, match="from byte 8,388,608 on"):
        check_checksum(file, blocks)
    with pytest.raises(ValueError, match="'md5:00', is of a kind that this pypack does not know"):
        check_checksum(file, "md5:00")
