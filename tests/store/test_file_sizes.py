"""Sizes of many files, against the definition."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import files as reference

from pypack import _core

NAMES = [
    "a",
    "b.bin",
    "ü.idx",
    "\udcff",
    "link",
    "folder",
    "nothing",
    "../a",
    "folder/x",
    ".",
    "..",
    "",
    "x" * 300,
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of several sizes, one of them of a name that is no UTF-8, a link, a folder."""
    made = tmp_path_factory.mktemp("files")
    for i, name in enumerate(NAMES[:4]):
        Path(made / name).write_bytes(bytes(i * 1000))
    (made / "folder").mkdir()
    (made / "folder/x").write_bytes(b"x")
    (made / "link").symlink_to(made / "b.bin")
    return made


def sizes(folder: Path, names: list[str], threads: int) -> list[int]:
    joined = os.fsencode("\0".join(names))
    found: list[int] = _core.file_sizes(os.fsencode(folder), joined, len(names), threads).tolist()
    return found


@given(st.lists(st.sampled_from(NAMES), max_size=40), st.integers(1, 3), st.booleans())
def test_sizes_are_those_of_the_definition(folder: Path, names: list[str], threads: int, many: bool) -> None:
    names = names * 90 if many else names  # several chunks
    assert sizes(folder, names, threads) == reference.file_sizes(folder, names)


def test_other_counts_and_folders_are_errors(folder: Path) -> None:
    assert sizes(folder, [], 1) == []
    with pytest.raises(ValueError, match="3 names of 2 files"):
        _core.file_sizes(os.fsencode(folder), b"a\0b\0c", 2, 1)
    with pytest.raises(ValueError, match="nowhere: cannot open the folder: No such file"):
        _core.file_sizes(os.fsencode(folder / "nowhere"), b"a", 1, 1)
    assert _core.file_sizes(os.fsencode(folder), b"a", 1, 0).dtype == np.int64
