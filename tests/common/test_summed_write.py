"""Bytes that are written and summed on the way, against writing and summing them by themselves."""

from __future__ import annotations

import errno
import os
import resource
import signal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypack import _core

_LARGE = bytes(range(256)) * 2048  # more than one piece of the kernel


@given(
    st.lists(st.binary(max_size=300) | st.sampled_from([_LARGE, _LARGE[7:]]), max_size=5),
    st.integers(0, 70_000),
)
def test_pieces_are_written_behind_each_other_and_summed(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], at: int
) -> None:
    path = tmp_path_factory.mktemp("summed") / "file"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        place, found = at, 0
        for piece in pieces:
            found = _core.write_summed(descriptor, memoryview(piece), place, found)
            place += len(piece)
    finally:
        os.close(descriptor)
    whole = b"".join(pieces)
    assert path.read_bytes() == (bytes(at) + whole if whole else b"")
    assert found == _core.crc32c_portable(whole)


def test_what_the_disk_does_not_take_is_an_error_with_its_number(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    descriptor = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
        with pytest.raises(OSError, match="File too large") as told:
            _core.write_summed(descriptor, bytes(8192), 0)
        assert told.value.errno == errno.EFBIG
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
        os.close(descriptor)
    with pytest.raises(OSError, match="Bad file descriptor"):
        _core.write_summed(-1, b"1", 0)


def test_room_is_found_without_a_change_of_size(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12")
    descriptor = os.open(path, os.O_RDWR)
    try:
        _core.make_file_room(descriptor, 0, 1 << 20)
    finally:
        os.close(descriptor)
    assert path.read_bytes() == b"12"
    _core.make_file_room(-1, 0, 1)  # a wish: who writes is told what is wrong
