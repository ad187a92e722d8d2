"""A growing file is asked to be written piece by piece, and has the same content."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from pypack import _core
from pypack._common import early_writing
from pypack._common.early_writing import EarlyWriting
from pypack._common.files import create


def test_what_has_grown_is_begun_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[tuple[int, int]] = []
    really = _core.begin_writing

    def begin(descriptor: int, start: int, size: int) -> None:
        begun.append((start, size))
        really(descriptor, start, size)

    monkeypatch.setattr(_core, "begin_writing", begin)
    monkeypatch.setattr(early_writing, "_STEP_BYTES", 1 << 20)
    pieces = [bytes([i % 251]) * (300_000 + i) for i in range(20)]
    with create(tmp_path / "file") as file:
        early = EarlyWriting(file)
        for piece in pieces:
            file.write(piece)
            early.wrote(len(piece))
    assert (tmp_path / "file").read_bytes() == b"".join(pieces)
    assert len(begun) == 5  # of four pieces each
    assert begun[0][0] == 0
    assert all(a[0] + a[1] == b[0] for a, b in pairwise(begun))


def test_a_file_that_cannot_be_written_early_is_not_harmed() -> None:
    _core.begin_writing(-1, 0, 1)  # the sync at the end tells what is wrong
